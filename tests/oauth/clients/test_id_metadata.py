import json
from dataclasses import replace

import pytest
from joserfc.jwk import ECKey
from oauth.given import ISSUER, POLICY, VERIFIER, a_client, a_code, a_grant, a_redemption

from doorward.oauth.clients.host_patterns import host_is_accepted
from doorward.oauth.clients.id_metadata import check_document_url, is_document_url, read_document
from doorward.oauth.clients.metadata import read_metadata
from doorward.oauth.clients.terms import terms
from doorward.oauth.errors import InvalidClientMetadata, InvalidGrant, OAuthError, Reason
from doorward.oauth.grants.authorization_code import redeem_code

URL = "https://client.example/oauth/client.json"
KEY = ECKey.generate_key("P-256", {"kid": "one"}, private=True)
PUBLIC = {"keys": [KEY.as_dict(private=False)]}
DOCUMENT = {
    "client_id": URL,
    "client_name": "Notes",
    "redirect_uris": ["https://client.example/callback"],
}
"""The least that a document may say."""
WITH_KEYS = DOCUMENT | {"token_endpoint_auth_method": "private_key_jwt"}


def read(said):
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return read_document(body, client_id=URL, policy=POLICY)


@pytest.mark.requirement("A14")
def test_a_document_describes_a_public_client_unless_it_says_otherwise():
    document = read(DOCUMENT)
    assert document.metadata.token_endpoint_auth_method == "none"
    assert document.metadata.client_name == "Notes"
    assert document.metadata.redirect_uris == ("https://client.example/callback",)
    assert (document.metadata.jwks, document.jwks_uri) == (None, None)


@pytest.mark.parametrize(
    "said",
    [
        DOCUMENT | {"token_endpoint_auth_method": None, "client_secret": None, "logo_uri": ""},
        DOCUMENT | {"jwks": PUBLIC, "jwks_uri": "https://client.example/jwks.json"},
        DOCUMENT | {"redirect_uris": ["http://localhost/callback", "http://127.0.0.1/callback"]},
        DOCUMENT | {"grant_types": ["authorization_code"], "contacts": ["a@client.example"], "unheard_of": {"a": [1]}},
        DOCUMENT | {"token_endpoint_auth_signing_alg": "ES256", "scope": "read offline_access"},
        WITH_KEYS | {"jwks": PUBLIC},
        WITH_KEYS | {"jwks_uri": "https://keys.client.example/jwks.json"},
    ],
    ids=lambda _: "document",
)
def test_what_real_documents_say_is_accepted(said):
    assert read(said).metadata.client_name == "Notes"


LIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"https://client.example/oauth/client.json"',
    b"\xff\xfe{}",
    b"\xef\xbb\xbf" + json.dumps(DOCUMENT).encode(),
    b"[" * 5000,
    b'{"a":' * 2000,
    json.dumps(DOCUMENT).encode()[:-1] + b',"client_id":"https://other.example/x"}',
    json.dumps(DOCUMENT).encode()[:-1] + b',"redirect_uris":["https://evil.example/"]}',
    json.dumps(DOCUMENT).encode() + b"{}",
    {},
    {name: value for name, value in DOCUMENT.items() if name != "client_id"},
    {name: value for name, value in DOCUMENT.items() if name != "client_name"},
    {name: value for name, value in DOCUMENT.items() if name != "redirect_uris"},
    DOCUMENT | {"client_id": "https://other.example/oauth/client.json"},
    DOCUMENT | {"client_id": URL + "/"},
    DOCUMENT | {"client_id": URL.upper()},
    DOCUMENT | {"client_id": "https://client.example:443/oauth/client.json"},
    DOCUMENT | {"client_id": [URL]},
    DOCUMENT | {"client_id": None},
    {"Client_id": URL} | {name: value for name, value in DOCUMENT.items() if name != "client_id"},
    DOCUMENT | {"client_name": ""},
    DOCUMENT | {"client_name": "  "},
    DOCUMENT | {"client_name": 1},
    DOCUMENT | {"client_name": None},
    DOCUMENT | {"client_secret": "hush"},
    DOCUMENT | {"client_secret": ""},
    DOCUMENT | {"client_secret_expires_at": 0},
    DOCUMENT | {"token_endpoint_auth_method": "client_secret_basic"},
    DOCUMENT | {"token_endpoint_auth_method": "client_secret_post"},
    DOCUMENT | {"token_endpoint_auth_method": "client_secret_jwt"},
    DOCUMENT | {"token_endpoint_auth_method": "tls_client_auth"},
    DOCUMENT | {"token_endpoint_auth_method": ["none"]},
    DOCUMENT | {"redirect_uris": []},
    DOCUMENT | {"redirect_uris": "https://client.example/callback"},
    DOCUMENT | {"redirect_uris": [1]},
    DOCUMENT | {"redirect_uris": ["https://client.example/callback", "javascript:alert(1)"]},
    DOCUMENT | {"redirect_uris": ["data:text/html,x"]},
    DOCUMENT | {"redirect_uris": ["http://client.example/callback"]},
    DOCUMENT | {"redirect_uris": ["https://client.example/callback#x"]},
    DOCUMENT | {"redirect_uris": ["https://*.client.example/callback"]},
    DOCUMENT | {"redirect_uris": [f"{ISSUER}/-/callback/github"]},
    DOCUMENT | {"redirect_uris": ["myapp://callback"]},
    DOCUMENT | {"redirect_uris": [f"https://client.example/{n}" for n in range(21)]},
    DOCUMENT | {"redirect_uris": ["https://client.example/" + "x" * 3000]},
    DOCUMENT | {"grant_types": ["client_credentials"]},
    DOCUMENT | {"grant_types": "authorization_code"},
    DOCUMENT | {"response_types": ["token"]},
    DOCUMENT | {"logo_uri": "javascript:alert(1)"},
    DOCUMENT | {"client_uri": "file:///etc/passwd"},
    DOCUMENT | {"jwks": {"keys": [KEY.as_dict(private=True)]}},
    DOCUMENT | {"jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}},
    DOCUMENT | {"jwks_uri": "http://client.example/jwks.json"},
    DOCUMENT | {"jwks_uri": 1},
    WITH_KEYS,
    WITH_KEYS | {"jwks": {"keys": []}},
    WITH_KEYS | {"jwks": PUBLIC, "jwks_uri": "https://client.example/jwks.json"},
    WITH_KEYS | {"jwks": {"keys": [KEY.as_dict(private=True)]}},
    WITH_KEYS | {"jwks_uri": "http://169.254.169.254/latest/meta-data"},
    WITH_KEYS | {"jwks_uri": "file:///etc/passwd"},
    WITH_KEYS | {"jwks_uri": "https://client.example/" + "x" * 2000},
    WITH_KEYS | {"jwks_uri": ["https://client.example/jwks.json"]},
    WITH_KEYS | {"jwks_uri": "https://user@client.example/jwks.json"},
]


@pytest.mark.requirement("R-07")
@pytest.mark.parametrize("said", LIES, ids=lambda _: "document")
def test_a_document_that_lies_is_refused(said):
    with pytest.raises(OAuthError) as refused:
        read(said)
    assert refused.value.error in {"invalid_client_metadata", "invalid_redirect_uri"}


def test_there_are_sixty_lies():
    assert len(LIES) >= 60


def test_a_reader_made_for_registrations_would_believe_many_of_them():
    believed = 0
    for said in LIES:
        try:
            read_metadata(json.loads(said) if isinstance(said, bytes) else said, policy=POLICY)
            believed += 1
        except (OAuthError, ValueError, RecursionError):
            pass
    assert believed >= 20


def test_a_document_cannot_widen_what_exists_here():
    assert read(DOCUMENT | {"scope": "read admin"}).metadata.scope == "read"
    asked = read(DOCUMENT | {"grant_types": ["authorization_code", "client_credentials", "password"]})
    assert asked.metadata.grant_types == ("authorization_code",)


@pytest.mark.parametrize(
    "client_id",
    [
        "https://client.example",
        "https://client.example/",
        "https://client.example?x=1",
        "https://user:hush@client.example/c",
        "https://client.example/c#x",
        "https://client.example/a/../c",
        "https://client.example/a/%2e%2e/c",
        "https://client.example/./c",
        "https://2130706433/c",
        "https://0x7f.1/c",
        "https://client.example\\@evil.example/c",
        "https://client.example/" + "x" * 1024,
        "https:///c",
        "https://client .example/c",
    ],
)
@pytest.mark.requirement("A14")
def test_a_url_that_cannot_name_a_document_is_refused(client_id):
    assert is_document_url(client_id)
    with pytest.raises(InvalidClientMetadata):
        check_document_url(client_id, policy=POLICY)


@pytest.mark.parametrize("client_id", ["c1", "http://client.example/c", "HTTPS://client.example/c", "httpsx", ""])
def test_any_other_id_is_only_looked_up(client_id):
    assert not is_document_url(client_id)


@pytest.mark.parametrize(
    ("host", "patterns", "accepted"),
    [
        ("client.example", ("*",), True),
        ("client.example", (), False),
        ("client.example", ("client.example",), True),
        ("a.client.example", ("client.example",), False),
        ("a.client.example", ("*.client.example",), True),
        ("client.example", ("*.client.example",), False),
        ("evilclient.example", ("*.client.example",), False),
        ("client.example.evil.example", ("client.example", "*.client.example"), False),
        ("evil.example", ("*", "!evil.example"), False),
        ("a.evil.example", ("*", "!*.evil.example"), False),
        ("client.example", ("*", "!evil.example"), True),
        ("client.example", ("!evil.example",), False),
    ],
)
def test_a_list_of_hosts_says_whose_documents_are_accepted(host, patterns, accepted):
    assert host_is_accepted(host, patterns) is accepted


def test_a_host_that_is_not_accepted_is_refused_by_name():
    with pytest.raises(InvalidClientMetadata, match=r"client\.example") as refused:
        check_document_url(URL, policy=replace(POLICY, metadata_document_hosts=("claude.ai",)))
    assert refused.value.reason is Reason.METADATA_DOCUMENT_HOST
    assert check_document_url("https://CLAUDE.ai/c", policy=replace(POLICY, metadata_document_hosts=("claude.ai",)))


def redeem(code_terms: str, client):
    form = {"code": "the-code", "code_verifier": VERIFIER}
    return redeem_code(a_redemption(form, client=client), code=a_code(client_terms=code_terms), grant=a_grant())


@pytest.mark.requirement("R-08")
@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uris": ("https://client.example/callback", "https://evil.example/")},
        {"redirect_uris": ("https://evil.example/",)},
        {"token_endpoint_auth_method": "private_key_jwt"},
    ],
)
def test_a_code_is_void_once_what_the_consent_rested_on_has_changed(changes):
    seen = terms(a_client())
    assert redeem(seen, a_client(client_name="Another name")).reply.body
    assert redeem("", a_client(**changes)).reply.body  # of a release that did not keep them
    with pytest.raises(InvalidGrant) as refused:
        redeem(seen, a_client(**changes))
    assert refused.value.reason is Reason.CLIENT_CHANGED
