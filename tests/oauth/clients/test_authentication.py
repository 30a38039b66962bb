from base64 import b64encode

import pytest
from oauth.given import NOW, a_client

from doorward.oauth.clients.authentication import PresentedClient, authenticate, presented_client
from doorward.oauth.errors import InvalidClient, InvalidRequest, Reason
from doorward.oauth.tokens.opaque import digest


def basic(text, scheme="Basic"):
    return f"{scheme} {b64encode(text if isinstance(text, bytes) else text.encode()).decode()}"


@pytest.mark.parametrize(
    ("authorization", "form", "expected"),
    [
        (None, {"client_id": "c1"}, PresentedClient("c1", None, "none")),
        (None, {"client_id": "c1", "client_secret": "s"}, PresentedClient("c1", "s", "client_secret_post")),
        (basic("c1:s"), {}, PresentedClient("c1", "s", "client_secret_basic")),
        (basic("c1:s"), {"client_id": "c1"}, PresentedClient("c1", "s", "client_secret_basic")),
        (basic("c1:s", "bASIC "), {}, PresentedClient("c1", "s", "client_secret_basic")),
        (basic("c%3A1:s%2Bt+u:v"), {}, PresentedClient("c:1", "s+t u:v", "client_secret_basic")),
        (basic("c1:"), {}, PresentedClient("c1", None, "none")),
    ],
)
def test_the_credentials_are_read_from_header_or_body(authorization, form, expected):
    assert presented_client(authorization, form) == expected


@pytest.mark.parametrize(
    ("authorization", "form", "error", "reason"),
    [
        (None, {}, InvalidClient, Reason.UNKNOWN_CLIENT),
        (None, {"client_secret": "s"}, InvalidClient, Reason.UNKNOWN_CLIENT),
        (None, {"client_id": "c1", "client_assertion": "x.y.z"}, InvalidClient, Reason.ASSERTION_MALFORMED),
        ("Bearer abc", {"client_id": "c1"}, InvalidClient, Reason.WRONG_AUTH_METHOD),
        ("", {"client_id": "c1"}, InvalidClient, Reason.WRONG_AUTH_METHOD),
        ("Basic", {}, InvalidClient, Reason.MALFORMED_CLIENT_AUTHENTICATION),
        ("Basic !!!", {}, InvalidClient, Reason.MALFORMED_CLIENT_AUTHENTICATION),
        ("Basic YTpi YTpi", {}, InvalidClient, Reason.MALFORMED_CLIENT_AUTHENTICATION),
        ("Basic YTp", {}, InvalidClient, Reason.MALFORMED_CLIENT_AUTHENTICATION),
        ("Basic é", {}, InvalidClient, Reason.MALFORMED_CLIENT_AUTHENTICATION),
        (basic("c1"), {}, InvalidClient, Reason.MALFORMED_CLIENT_AUTHENTICATION),
        (basic(":s"), {}, InvalidClient, Reason.MALFORMED_CLIENT_AUTHENTICATION),
        (basic(b"c1:\xff"), {}, InvalidClient, Reason.MALFORMED_CLIENT_AUTHENTICATION),
        (basic("c1:%zz"), {}, InvalidClient, Reason.MALFORMED_CLIENT_AUTHENTICATION),
        (basic("c1:%00"), {}, InvalidClient, Reason.MALFORMED_CLIENT_AUTHENTICATION),
        (basic("c1:s"), {"client_secret": "s"}, InvalidRequest, Reason.TWO_CLIENT_AUTHENTICATIONS),
        (basic("c1:s"), {"client_id": "c2"}, InvalidRequest, Reason.CLIENT_ID_MISMATCH),
    ],
)
def test_malformed_or_double_credentials_are_refused(authorization, form, error, reason):
    with pytest.raises(error) as refused:
        presented_client(authorization, form)
    assert refused.value.reason is reason


PUBLIC = a_client()
BASIC = a_client(token_endpoint_auth_method="client_secret_basic", secret_digest=digest("s"))
POST = a_client(token_endpoint_auth_method="client_secret_post", secret_digest=digest("s"))
DEFAULTED = a_client(
    token_endpoint_auth_method="client_secret_basic", auth_method_defaulted=True, secret_digest=digest("s")
)


@pytest.mark.parametrize(
    ("client", "secret", "method"),
    [
        (PUBLIC, None, "none"),
        (BASIC, "s", "client_secret_basic"),
        (POST, "s", "client_secret_post"),
        (DEFAULTED, "s", "client_secret_basic"),
        (DEFAULTED, "s", "client_secret_post"),
        (a_client(expires_at=NOW + 1), None, "none"),
    ],
)
def test_a_client_that_proves_itself_is_accepted(client, secret, method):
    assert authenticate(client, PresentedClient("c1", secret, method), now=NOW) is client


@pytest.mark.parametrize(
    ("client", "secret", "method", "reason"),
    [
        (None, None, "none", Reason.UNKNOWN_CLIENT),
        (a_client(client_id="c2"), None, "none", Reason.UNKNOWN_CLIENT),
        (a_client(expires_at=NOW), None, "none", Reason.EXPIRED_CLIENT),
        (PUBLIC, "s", "client_secret_basic", Reason.UNEXPECTED_SECRET),
        (PUBLIC, "s", "client_secret_post", Reason.UNEXPECTED_SECRET),
        (BASIC, None, "none", Reason.MISSING_SECRET),
        (POST, None, "none", Reason.MISSING_SECRET),
        (DEFAULTED, None, "none", Reason.MISSING_SECRET),
        (BASIC, "s", "client_secret_post", Reason.WRONG_AUTH_METHOD),
        (POST, "s", "client_secret_basic", Reason.WRONG_AUTH_METHOD),
        (BASIC, "t", "client_secret_basic", Reason.WRONG_SECRET),
        (POST, "S", "client_secret_post", Reason.WRONG_SECRET),
        (DEFAULTED, "é", "client_secret_post", Reason.WRONG_SECRET),
        (BASIC, digest("s"), "client_secret_basic", Reason.WRONG_SECRET),
        (a_client(token_endpoint_auth_method="client_secret_post"), "", "client_secret_post", Reason.WRONG_SECRET),
    ],
)
@pytest.mark.requirement("T-05")
def test_any_other_client_is_refused_with_401(client, secret, method, reason):
    with pytest.raises(InvalidClient) as refused:
        authenticate(client, PresentedClient("c1", secret, method), now=NOW)
    assert refused.value.reason is reason
    assert refused.value.status == 401


def test_a_presented_secret_is_not_in_the_repr():
    assert "hush" not in repr(PresentedClient("c1", "hush", "client_secret_post"))
