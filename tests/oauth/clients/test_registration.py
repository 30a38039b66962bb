import pytest
from oauth.given import ISSUER, NOW, POLICY, REDIRECT_URI

from doorward.oauth.clients.metadata import read_metadata
from doorward.oauth.clients.registration import MintedClient, register_client
from doorward.oauth.errors import InvalidClientMetadata, InvalidRedirectUri, Reason
from doorward.oauth.tokens.opaque import digest
from doorward.records.changes import Insert
from doorward.records.oauth import Client

SECRET = "dws_secret"
MANAGEMENT = "dwm_management"
MANAGED = {
    "registration_access_token": MANAGEMENT,
    "registration_client_uri": f"{ISSUER}/register/c1",
}
CURSOR = [
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "https://www.cursor.com/agents/mcp/oauth/callback",
    "http://localhost:8787/callback",
]


def register(body):
    minted = MintedClient("c1", SECRET, MANAGEMENT)
    decision = register_client(read_metadata(body, policy=POLICY), minted=minted, now=NOW, policy=POLICY)
    (insert,) = decision.changes
    assert isinstance(insert, Insert)
    assert isinstance(insert.record, Client)
    return decision.reply, insert.record


def test_a_minimal_body_makes_a_confidential_client_with_truthful_defaults():
    reply, client = register({"redirect_uris": [REDIRECT_URI]})
    assert (
        reply
        == {
            "client_id": "c1",
            "client_id_issued_at": NOW,
            "client_secret": SECRET,
            "client_secret_expires_at": 0,
            "redirect_uris": [REDIRECT_URI],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "client_secret_basic",
            "application_type": "web",
        }
        | MANAGED
    )
    assert client.management_digest == digest(MANAGEMENT)
    assert MANAGEMENT not in repr(client)
    assert client.secret_digest == digest(SECRET)
    assert SECRET not in repr(client)
    assert client.auth_method_defaulted
    assert (client.source, client.created_at, client.expires_at) == ("dynamic", NOW, NOW + 7 * 86_400)


def test_a_public_client_gets_no_secret():
    reply, client = register({"redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none"})
    assert not {"client_secret", "client_secret_expires_at"} & reply.keys()
    assert client.secret_digest is None
    assert client.token_endpoint_auth_method == "none"
    assert not client.auth_method_defaulted


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_chosen_method_is_kept_and_echoed(method):
    reply, client = register({"redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": method})
    assert reply["token_endpoint_auth_method"] == client.token_endpoint_auth_method == method
    assert reply["client_secret"] == SECRET
    assert not client.auth_method_defaulted


@pytest.mark.requirement("A16")
@pytest.mark.requirement("A5")
def test_everything_a_client_says_about_itself_is_stored_and_echoed():
    said = {
        "client_name": "Notes",
        "client_name#de-CH": "Notizen",
        "client_uri": "https://client.example/#about",
        "logo_uri": "http://client.example/logo.png",
        "tos_uri#fr": "https://client.example/cgu",
        "policy_uri": "https://client.example/privacy",
        "software_id": "4NRB1-0XZABZI9E6-5SM3R",
        "software_version": "1.0",
        "scope": "write read",
        "application_type": "native",
    }
    reply, client = register({"redirect_uris": [REDIRECT_URI]} | said)
    assert {name: reply[name] for name in said} == said | {"scope": "read write"}
    assert client.client_name == "Notes"
    assert client.scope == "read write"
    assert client.application_type == "native"
    assert client.metadata["client_name#de-CH"] == "Notizen"


def test_what_is_unknown_null_or_empty_is_ignored():
    reply, client = register(
        {
            "redirect_uris": [REDIRECT_URI, REDIRECT_URI],
            "client_id": "https://somebody.example/client",
            "client_secret": "mine",
            "client_secret_expires_at": 1,
            "Redirect_uris": ["https://evil.example/cb"],
            "redirect_uris#de": ["https://evil.example/cb"],
            "scope#de": "admin",
            "client_name": None,
            "client_name#": "x",
            "client_name#not a tag": "x",
            "client_name#é": "x",
            "logo_uri": "",
            "jwks_uri": "http://169.254.169.254/",
            "sector_identifier_uri": "file:///etc/passwd",
            "jwks": {"keys": []},
            "contacts": ["a@b.example"],
            "software_statement": "x.y.z",
            "grant_types": None,
            "response_types": [],
            "scope": None,
            "application_type": "service",
            "token_endpoint_auth_method": None,
        }
    )
    assert (
        reply.keys()
        == {
            "client_id",
            "client_id_issued_at",
            "client_secret",
            "client_secret_expires_at",
            "redirect_uris",
            "grant_types",
            "response_types",
            "token_endpoint_auth_method",
            "application_type",
        }
        | MANAGED.keys()
    )
    assert reply["client_id"] == "c1"
    assert reply["client_secret"] == SECRET
    assert client.redirect_uris == (REDIRECT_URI,)
    assert client.metadata == {}
    assert None not in reply.values()


@pytest.mark.parametrize(
    ("asked", "stored"),
    [
        (["authorization_code"], ["authorization_code"]),
        (["refresh_token", "authorization_code"], ["authorization_code", "refresh_token"]),
        (
            ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
            ["authorization_code", "refresh_token"],
        ),
        ([], ["authorization_code", "refresh_token"]),
    ],
)
def test_grants_that_are_not_served_are_left_out(asked, stored):
    reply, client = register({"redirect_uris": [REDIRECT_URI], "grant_types": asked})
    assert reply["grant_types"] == list(client.grant_types) == stored


@pytest.mark.parametrize(
    ("scope", "stored"), [("read", "read"), ("read offline_access", "read"), ("openid", None), ("", None)]
)
def test_scopes_that_are_not_served_are_left_out(scope, stored):
    reply, client = register({"redirect_uris": [REDIRECT_URI], "scope": scope})
    assert client.scope == stored
    assert reply.get("scope") == stored


@pytest.mark.requirement("A5")
@pytest.mark.parametrize(
    "body",
    [
        {
            "client_name": "Cursor",
            "redirect_uris": CURSOR,
            "application_type": "web",
            "token_endpoint_auth_method": "none",
        },
        {
            "client_name": "MCP Manager",
            "redirect_uris": ["https://app.mcpmanager.ai/api/v1/mcpm/inbound/oauth/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "client_secret_post",
        },
        {
            "client_name": "Visual Studio Code",
            "client_uri": "https://code.visualstudio.com",
            "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
            "response_types": ["code"],
            "redirect_uris": [
                "https://insiders.vscode.dev/redirect",
                "https://vscode.dev/redirect",
                "http://127.0.0.1/",
            ],
            "token_endpoint_auth_method": "none",
            "application_type": "native",
        },
        {"redirect_uris": ["http://localhost:3118/callback"], "response_types": ["code", "token"]},
        {"redirect_uris": [f"https://client.example/{n}" for n in range(20)]},
    ],
)
def test_the_bodies_of_real_clients_register_with_all_their_redirect_uris(body):
    reply, _ = register(body)
    assert reply["redirect_uris"] == body["redirect_uris"]
    assert reply["response_types"] == ["code"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.MISSING_REDIRECT_URI),
        ([], Reason.MISSING_REDIRECT_URI),
        (REDIRECT_URI, Reason.MISSING_REDIRECT_URI),
        ({"0": REDIRECT_URI}, Reason.MISSING_REDIRECT_URI),
        ([REDIRECT_URI, 1], Reason.MALFORMED_REDIRECT_URI),
        ([[REDIRECT_URI]], Reason.MALFORMED_REDIRECT_URI),
        ([None], Reason.MALFORMED_REDIRECT_URI),
        ([REDIRECT_URI, "javascript:alert(1)"], Reason.MALFORMED_REDIRECT_URI),
        ([REDIRECT_URI, "http://client.example/cb"], Reason.UNSAFE_REDIRECT_URI),
        (["https://door.example/-/callback/github"], Reason.OWN_REDIRECT_URI),
        ([REDIRECT_URI + "?" + "x" * 2048], Reason.TOO_LARGE),
        ([f"https://client.example/{n}" for n in range(21)], Reason.TOO_LARGE),
    ],
)
def test_one_unusable_redirect_uri_refuses_the_registration(value, reason):
    with pytest.raises(InvalidRedirectUri) as refused:
        register({"redirect_uris": value})
    assert refused.value.reason is reason


@pytest.mark.parametrize("body", [None, [], "x", 1, True, [REDIRECT_URI]])
def test_a_body_that_is_no_object_is_refused(body):
    with pytest.raises(InvalidClientMetadata) as refused:
        register(body)
    assert refused.value.reason is Reason.MALFORMED_METADATA


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"client_name": 1}, Reason.MALFORMED_METADATA),
        ({"client_name#de": ["x"]}, Reason.MALFORMED_METADATA),
        ({"software_id": {}}, Reason.MALFORMED_METADATA),
        ({"scope": ["read"]}, Reason.MALFORMED_METADATA),
        ({"scope": 'a"b'}, Reason.MALFORMED_SCOPE),
        ({"grant_types": "authorization_code"}, Reason.MALFORMED_METADATA),
        ({"grant_types": [1]}, Reason.MALFORMED_METADATA),
        ({"grant_types": ["x"] * 51}, Reason.MALFORMED_METADATA),
        ({"grant_types": ["client_credentials"]}, Reason.UNSUPPORTED_METADATA),
        ({"grant_types": ["refresh_token"]}, Reason.UNSUPPORTED_METADATA),
        ({"response_types": ["token"]}, Reason.UNSUPPORTED_METADATA),
        ({"response_types": {"code": 1}}, Reason.MALFORMED_METADATA),
        ({"token_endpoint_auth_method": "private_key_jwt"}, Reason.UNSUPPORTED_METADATA),
        ({"token_endpoint_auth_method": "client_secret_jwt"}, Reason.UNSUPPORTED_METADATA),
        ({"token_endpoint_auth_method": ["none"]}, Reason.MALFORMED_METADATA),
        ({"application_type": 1}, Reason.MALFORMED_METADATA),
        ({"logo_uri": "javascript:alert(1)"}, Reason.MALFORMED_METADATA),
        ({"client_uri": "data:text/html,x"}, Reason.MALFORMED_METADATA),
        ({"tos_uri#de": "JAVASCRIPT:alert(1)"}, Reason.MALFORMED_METADATA),
        ({"policy_uri": "//client.example"}, Reason.MALFORMED_METADATA),
        ({"policy_uri": "https://client.example/#<script>"}, Reason.MALFORMED_METADATA),
        ({"logo_uri": 'https://client.example/"onerror="x'}, Reason.MALFORMED_METADATA),
        ({"logo_uri": "https://client.example/" + "x" * 2048}, Reason.MALFORMED_METADATA),
        ({"logo_uri": ["https://client.example"]}, Reason.MALFORMED_METADATA),
        ({f"client_name#a-{n}": "x" for n in range(41)}, Reason.MALFORMED_METADATA),
    ],
)
def test_metadata_that_cannot_be_honoured_is_refused(fields, reason):
    with pytest.raises(InvalidClientMetadata) as refused:
        register({"redirect_uris": [REDIRECT_URI]} | fields)
    assert refused.value.reason is reason


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("  Claude  ", "Claude"),
        ("Cla\u200bude", "Claude"),
        ("\u202eedualC", "edualC"),
        ("a\u2066b\u2069c\u061cd", "abcd"),
        ("a\x00b\x1bc\x7fd", "abcd"),
        ("line\nbreak\ttab\u2028end", "line break tab end"),
        ("\u3164\u2800\u115f", ""),
        ("n" * 101, "n" * 100),
        ("n" * 99 + "  m", "n" * 99),
        ("\u200b" * 10_000 + "n", ""),
        ("Zürich ✓ 日本", "Zürich ✓ 日本"),
        ("<b>&amp;", "<b>&amp;"),
    ],
)
def test_a_name_is_fit_for_a_page(name, shown):
    _, client = register({"redirect_uris": [REDIRECT_URI], "client_name": name})
    assert client.client_name == shown
