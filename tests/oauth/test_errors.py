import re

import pytest

from doorward.oauth import errors
from doorward.oauth.errors import BearerError, InvalidScope, OAuthError, Reason, RedirectAuthorizationError

REGISTERED = {
    "InvalidRequest": ("invalid_request", 400),
    "InvalidClient": ("invalid_client", 401),
    "InvalidGrant": ("invalid_grant", 400),
    "UnauthorizedClient": ("unauthorized_client", 400),
    "UnsupportedGrantType": ("unsupported_grant_type", 400),
    "InvalidScope": ("invalid_scope", 400),
    "InvalidTarget": ("invalid_target", 400),
    "AccessDenied": ("access_denied", 400),
    "AuthorizationPending": ("authorization_pending", 400),
    "SlowDown": ("slow_down", 400),
    "ExpiredDeviceCode": ("expired_token", 400),
    "UnsupportedResponseType": ("unsupported_response_type", 400),
    "InvalidClientMetadata": ("invalid_client_metadata", 400),
    "InvalidRedirectUri": ("invalid_redirect_uri", 400),
    "InteractionRequired": ("interaction_required", 400),
    "RequestNotSupported": ("request_not_supported", 400),
    "RequestUriNotSupported": ("request_uri_not_supported", 400),
}


@pytest.mark.requirement("A12")
@pytest.mark.parametrize(("name", "expected"), REGISTERED.items())
def test_each_class_has_its_registered_code_and_status(name, expected):
    error = getattr(errors, name)("What.", Reason.INTERNAL)
    assert isinstance(error, OAuthError)
    assert (error.error, error.status) == expected


def test_a_description_holds_only_the_characters_of_the_rfc():
    description = errors.InvalidRequest('a "quoted" \\ \r\n \u202e é', Reason.INTERNAL).description
    assert description == "a 'quoted' ? ?? ? ?"
    assert re.fullmatch(r"[\x20\x21\x23-\x5b\x5d-\x7e]*", BearerError(Reason.INTERNAL, '"\\\x7f').description)


@pytest.mark.requirement("X6")
@pytest.mark.requirement("A11")
@pytest.mark.requirement("A-09")
def test_a_redirected_error_carries_code_description_state_and_issuer():
    cause = InvalidScope("None.", Reason.UNKNOWN_SCOPE)
    error = RedirectAuthorizationError(cause, redirect_uri="a.b:/cb", state="é", issuer="https://d.example")
    assert (error.error, error.reason, error.status) == ("invalid_scope", Reason.UNKNOWN_SCOPE, 303)
    assert error.location() == (
        "a.b:/cb?error=invalid_scope&error_description=None.&state=%C3%A9&iss=https%3A%2F%2Fd.example"
    )


def test_a_bearer_error_without_words_says_its_reason_in_the_log():
    assert str(BearerError(Reason.NO_TOKEN, error=None)) == "no_token"
