"""What a client says about itself: what is refused, left out and cleaned."""

import pytest
from oauth.clients.test_registration import MANAGED, SECRET, register
from oauth.given import REDIRECT_URI

from doorward.oauth.errors import InvalidClientMetadata, InvalidRedirectUri, Reason


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
