import pytest

from doorward.oauth.clients.redirect_uris import DANGEROUS_SCHEMES, check_registrable, matches
from doorward.oauth.errors import InvalidRedirectUri

ISSUER = "https://door.example"
GOOD = "https://client.example/oauth/callback"

REAL_CLIENTS = [
    "https://claude.ai/api/mcp/auth_callback",
    "https://claude.com/api/mcp/auth_callback",
    "http://localhost:3118/callback",
    "http://localhost/callback",
    "http://127.0.0.1/callback",
    "https://chatgpt.com/connector_platform_oauth_redirect",
    "https://chatgpt.com/connector/oauth/abc123",
    "http://127.0.0.1:1455/callback/Ab-_9",
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "https://www.cursor.com/agents/mcp/oauth/callback",
    "http://localhost:8787/callback",
    "http://127.0.0.1/",
    "http://127.0.0.1:33418/",
    "http://localhost",
    "https://vscode.dev/redirect",
    "https://insiders.vscode.dev/redirect",
    "vscode://vscode.github-authentication/did-authenticate",
    "vscode-insiders://publisher.extension/callback",
    "windsurf://codeium.windsurf/oauth",
    "cursor://anysphere.cursor-retrieval/oauth/user-notes/callback",
    "vscode://saoudrizwan.claude-dev/mcp-auth/callback/4f3a",
    "http://localhost:6274/oauth/callback",
    "http://[::1]:3334/oauth/callback",
    "https://chat.company.example:8443/api/mcp/name/oauth/callback",
    "https://app.mcpmanager.ai/api/v1/mcpm/inbound/oauth/callback",
    "com.example.app:/oauth2redirect",
    "com.example.app://oauth?x=1",
    "com.example.app:///oauth",
    "https://client.example/cb?tenant=1&next=%2Fhome",
    "https://client.example",
    "https://xn--bcher-kva.example/cb",
    "https://192.0.2.7/cb",
    "https://[2001:db8::1]/cb",
    "https://Client.Example/cb",
    "https://host_name.example/cb",
]

NEVER = [
    # schemes that run or read something, hidden by case, blanks and control characters
    *(
        f"{blank}{scheme}{rest}"
        for blank in ("", " ", "\t", "\n", "\x00", "\u200b")
        for scheme in ("javascript:", "JaVaScRiPt:", "data:", "vbscript:", "file:", "blob:")
        for rest in ("alert(1)", "//client.example/cb", "/cb")
    ),
    "java\tscript://client.example/cb",
    "java%73cript://client.example/cb",
    "about:blank",
    "filesystem:https://client.example/cb",
    "ws://client.example/cb",
    "wss://client.example/cb",
    "ftp://client.example/cb",
    "mailto:a@client.example",
    "tel:/123",
    "intent://client.example/cb",
    "view-source:/x",
    "chrome://settings/",
    "myapp://callback",
    "myapp:/callback",
    "HTTPS://client.example/cb",
    "Cursor://anysphere.cursor-mcp/oauth/callback",
    # not one absolute URI
    "",
    " ",
    "*",
    "/cb",
    "//client.example/cb",
    "client.example/cb",
    "https:",
    "https:/cb",
    "https://",
    "https:///cb",
    "https://?x",
    "https:client.example/cb",
    "com.example.app:",
    "com.example.app",
    "com.example.app:cb",
    "urn:ietf:wg:oauth:2.0:oob",
    "https://client.example/cb#",
    "https://client.example/cb#x",
    "https://client.example/*",
    "https://*.client.example/cb",
    # blanks, controls, backslashes, bytes outside ASCII
    "https://client.example/cb ",
    " https://client.example/cb",
    "https://client.example/c b",
    "https://client.example/cb\n",
    "https://client.example/cb\r\nX: y",
    "https://client.example/cb%0d%0aX:y",
    "https://client.example/cb?x=%00",
    "https://client.example/cb?x=%1f",
    "https://client.example/cb%7f",
    "https://client.example\\@evil.example/cb",
    "https:\\\\client.example/cb",
    "https://client.example/cb\\..",
    "https://client.example/cb%5c..",
    "https://clíent.example/cb",
    "https://client.example/é",
    "https://client。example/cb",
    'https://client.example/"cb',
    "https://client.example/<cb>",
    "https://client.example/cb|x",
    "https://client.example/cb^",
    "https://client.example/cb`",
    "https://client.example/{cb}",
    "https://client.example/%zz",
    "https://client.example/%4",
    # userinfo and odd authorities
    "https://user@client.example/cb",
    "https://user:pass@client.example/cb",
    "https://client.example@evil.example/cb",
    "https://client.example%40evil.example/cb",
    "https://client.example:443:444/cb",
    "https://client.example:/cb",
    "https://client.example:0/cb",
    "https://client.example:0443/cb",
    "https://client.example:65536/cb",
    "https://client.example:99999/cb",
    "https://client.example:x/cb",
    "https://client.example:-1/cb",
    "https://client.example./cb",
    "https://.client.example/cb",
    "https://client..example/cb",
    "https://-client.example/cb",
    "https://client-/cb",
    "https://" + "a" * 64 + ".example/cb",
    "https://client%2eexample/cb",
    "https://[::1/cb",
    "https://::1/cb",
    "https://[::1%25eth0]/cb",
    "https://[:::]/cb",
    "https://[v1.x]/cb",
    # numbers that browsers read as other addresses
    "https://2130706433/cb",
    "https://0x7f000001/cb",
    "https://0x7f.1/cb",
    "https://127.1/cb",
    "https://0177.0.0.1/cb",
    "https://127.0.0.01/cb",
    "https://127.0.0.256/cb",
    "https://1.2.3.4.5/cb",
    "https://client.example.1/cb",
    # dot segments and what decodes to them
    "https://client.example/../cb",
    "https://client.example/a/..",
    "https://client.example/./cb",
    "https://client.example/a/.",
    "https://client.example/%2e%2e/cb",
    "https://client.example/%2E./cb",
    "https://client.example/.%2e/cb",
    "https://client.example/%2e/cb",
    "https://client.example/..;/cb",
    "https://client.example/..;a=b/cb",
    "https://client.example/%2e%2e;x/cb",
    "https://client.example/%252e%252e/cb",
    "https://client.example/%25252e/cb",
    "https://client.example/a%2f..%2fcb",
    "https://client.example/a%2Fcb",
    "cursor://anysphere.cursor-mcp/../x",
    # plain http beyond the user's machine
    "http://client.example/cb",
    "http://localhost.evil.example/cb",
    "http://127.0.0.1.evil.example/cb",
    "http://evil.localhost/cb",
    "http://128.0.0.1/cb",
    "http://0.0.0.0/cb",
    "http://[::2]/cb",
    "http://[::ffff:127.0.0.1]/cb",
    "http://192.168.0.1/cb",
    # parameters that only our answer may carry
    "https://client.example/cb?code=x",
    "https://client.example/cb?a=1&iss=https://evil.example",
    "https://client.example/cb?%73tate=x",
    "https://client.example/cb?error",
    "https://client.example/" + "a" * 4096,
]

LOOK_ALIKES = [
    *NEVER,
    "https://client.example/oauth/callback/",
    "https://client.example/oauth/callback/x",
    "https://client.example/oauth/callback.evil",
    "https://client.example/oauth/callbac",
    "https://client.example/oauth/Callback",
    "https://client.example/oauth//callback",
    "https://client.example//oauth/callback",
    "https://client.example/oauth/callback?",
    "https://client.example/oauth/callback?x=1",
    "https://client.example/oauth/callback;x",
    "https://client.example/oauth/%63allback",
    "https://client.example/oauth/callback%20",
    "https://client.example/",
    "https://client.example",
    "https://Client.example/oauth/callback",
    "https://client.example:443/oauth/callback",
    "https://client.example:8443/oauth/callback",
    "https://client.example.evil.example/oauth/callback",
    "https://evil-client.example/oauth/callback",
    "https://a.client.example/oauth/callback",
    "https://client.examples/oauth/callback",
    "https://c1ient.example/oauth/callback",
    "https://xn--clent-4sa.example/oauth/callback",
    "https://evil.example/oauth/callback",
    "https://evil.example/https://client.example/oauth/callback",
    "https://127.0.0.1/oauth/callback",
    "https://localhost/oauth/callback",
    "http://client.example/oauth/callback",
    "http://localhost/oauth/callback",
    "com.example.app:/oauth/callback",
    "cursor://client.example/oauth/callback",
    "https://client.example/oauth/callback/..",
    "https://client.example/oauth/../oauth/callback",
    "https://client.example/x/..;/oauth/callback",
    "https://client.example/oauth%2fcallback",
    "https://client.example/oauth/callback#",
    "https://client.example/oauth/callback#x",
    "https://client.example/oauth/callback\t",
    "https://client.example\t/oauth/callback",
    "https://client.example/oauth/callback\x00",
    "https://client.example/oauth/callback@evil.example",
    "https://evil.example\\@client.example/oauth/callback",
    "https://client.example@evil.example/oauth/callback",
    "https://client.example:@evil.example/oauth/callback",
    "https://client.example:443:443/oauth/callback",
]


def test_there_are_two_hundred_hostile_variants():
    assert len(set(LOOK_ALIKES)) >= 200


@pytest.mark.parametrize("uri", REAL_CLIENTS)
def test_the_redirect_uri_of_a_real_client_is_accepted_and_matches_itself(uri):
    check_registrable(uri, issuer=ISSUER)
    assert matches(uri, uri)


@pytest.mark.requirement("A-03")
@pytest.mark.parametrize("uri", NEVER)
def test_a_dangerous_redirect_uri_is_refused_at_registration_and_again_at_use(uri):
    with pytest.raises(InvalidRedirectUri):
        check_registrable(uri, issuer=ISSUER)
    assert not matches(uri, uri)


@pytest.mark.requirement("A-01")
@pytest.mark.requirement("A6")
@pytest.mark.parametrize("uri", LOOK_ALIKES)
def test_nothing_but_the_registered_uri_matches(uri):
    assert not matches(GOOD, uri)
    assert not matches(uri, GOOD)


@pytest.mark.requirement("A6")
@pytest.mark.parametrize(
    ("registered", "presented"),
    [
        ("http://localhost/callback", "http://localhost:52111/callback"),
        ("http://localhost:3118/callback", "http://localhost:1/callback"),
        ("http://localhost:3118/callback", "http://localhost/callback"),
        ("http://127.0.0.1/", "http://127.0.0.1:33418/"),
        ("http://127.0.0.5/a?b=c", "http://127.0.0.5:65535/a?b=c"),
        ("http://[::1]:1/cb", "http://[::1]:2/cb"),
    ],
)
def test_the_port_of_a_loopback_uri_may_differ(registered, presented):
    assert matches(registered, presented)


@pytest.mark.parametrize(
    ("registered", "presented"),
    [
        ("http://localhost/cb", "http://127.0.0.1/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.2/cb"),
        ("http://127.0.0.1/cb", "http://[::1]/cb"),
        ("http://[::1]/cb", "http://[0:0:0:0:0:0:0:1]/cb"),
        ("http://localhost/cb", "http://LOCALHOST/cb"),
        ("http://localhost/cb", "http://localhost:1/CB"),
        ("http://localhost/cb", "http://localhost:1/cb/"),
        ("http://localhost", "http://localhost:1/"),
        ("http://localhost/cb", "http://localhost:1/cb?x"),
        ("http://localhost/cb?x=1", "http://localhost:1/cb?x=2"),
        ("http://localhost/cb", "https://localhost:1/cb"),
        ("https://localhost/cb", "https://localhost:1/cb"),
        ("http://localhost/cb", "http://localhost:70000/cb"),
        ("http://localhost/cb", "http://localhost:0/cb"),
        ("https://127.0.0.1:1/cb", "https://127.0.0.1:2/cb"),
    ],
)
@pytest.mark.requirement("A-01")
def test_everything_else_of_a_loopback_uri_must_be_the_same(registered, presented):
    assert not matches(registered, presented)


@pytest.mark.parametrize(
    "scheme", ["javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "ws", "wss"]
)
def test_a_scheme_that_runs_or_reads_something_is_refused_by_itself(scheme):
    assert scheme in DANGEROUS_SCHEMES
