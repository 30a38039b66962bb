from __future__ import annotations

import pytest
from oauth.given import NOW, POLICY, REDIRECT_URI

from doorward.oauth.clients.new_client import NewClient, pre_register
from doorward.oauth.clients.presets import CLIENT_PRESETS
from doorward.oauth.errors import InvalidClientMetadata, InvalidRedirectUri
from doorward.oauth.grant_types import CLIENT_CREDENTIALS, DEVICE_CODE, JWT_BEARER, TOKEN_EXCHANGE
from doorward.oauth.tokens.opaque import digest

CURSOR = CLIENT_PRESETS["cursor"].redirect_uris
KEYS = {"keys": [{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                  "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}  # fmt: skip


def made(client_secret=None, **given):
    new = NewClient(**{"client_name": "x", "redirect_uris": (REDIRECT_URI,)} | given)
    return pre_register(new, client_id="c1", client_secret=client_secret, now=NOW, policy=POLICY)


@pytest.mark.parametrize(
    ("secret", "method", "stored", "defaulted"),
    [
        (None, None, "none", False),
        (None, "none", "none", False),
        ("s", None, "client_secret_basic", True),
        ("s", "client_secret_basic", "client_secret_basic", False),
        ("s", "client_secret_post", "client_secret_post", False),
    ],
)
def test_an_operator_adds_a_client_that_never_expires(secret, method, stored, defaulted):
    client = made(secret, client_name=" Claude\u200b ", redirect_uris=CURSOR, token_endpoint_auth_method=method)
    assert (client.source, client.expires_at, client.client_name) == ("registered", None, "Claude")
    assert client.redirect_uris == CURSOR
    assert (client.token_endpoint_auth_method, client.auth_method_defaulted) == (stored, defaulted)
    assert client.secret_digest == (digest(secret) if secret else None)
    assert client.grant_types == ("authorization_code", "refresh_token")


@pytest.mark.parametrize(
    ("secret", "given"),
    [
        ("s", {"token_endpoint_auth_method": "none"}),
        (None, {"token_endpoint_auth_method": "client_secret_post"}),
        ("", {"token_endpoint_auth_method": "client_secret_basic"}),
        ("s", {"jwks": KEYS}),
        (None, {"token_endpoint_auth_method": "private_key_jwt"}),
        (None, {"grant_types": (CLIENT_CREDENTIALS,), "service_user_id": "robot"}),
        (None, {"grant_types": (JWT_BEARER,)}),
        ("s", {"grant_types": (CLIENT_CREDENTIALS,)}),
        ("s", {"service_user_id": "robot"}),
        ("s", {"may_exchange": True}),
        (None, {"grant_types": (TOKEN_EXCHANGE,), "may_exchange": True}),
        (None, {"may_introspect": True}),
        (None, {"jwks": {"keys": []}}),
        (None, {"jwks_uri": "http://client.example/keys"}),
    ],
)
def test_what_contradicts_itself_makes_no_client(secret, given):
    with pytest.raises(InvalidClientMetadata):
        made(secret, **given)


@pytest.mark.parametrize(
    ("given", "grant_types"),
    [
        ({"grant_types": (TOKEN_EXCHANGE,)}, ("authorization_code", "refresh_token", TOKEN_EXCHANGE)),
        ({"grant_types": (CLIENT_CREDENTIALS,), "service_user_id": "r", "redirect_uris": ()}, (CLIENT_CREDENTIALS,)),
        ({"grant_types": (DEVICE_CODE,), "redirect_uris": ()}, ("refresh_token", DEVICE_CODE)),
        ({"may_introspect": True, "redirect_uris": ()}, ()),
    ],
)
def test_a_client_without_redirects_has_only_what_it_was_given(given, grant_types):
    client = made("s", **given)
    assert client.grant_types == grant_types
    assert client.response_types == (("code",) if client.redirect_uris else ())


def test_keys_stand_in_for_a_secret():
    assert made(jwks=KEYS).token_endpoint_auth_method == "private_key_jwt"
    assert made(jwks_uri="https://client.example/keys").jwks_uri == "https://client.example/keys"


@pytest.mark.parametrize("redirect_uris", [("http://client.example/cb",), ()])
def test_an_operator_cannot_add_a_dangerous_redirect_uri_or_leave_it_out(redirect_uris):
    with pytest.raises(InvalidRedirectUri):
        made(redirect_uris=redirect_uris)
