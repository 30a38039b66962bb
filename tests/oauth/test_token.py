import pytest

from doorward.oauth.errors import InvalidRequest, UnsupportedGrantType
from doorward.oauth.token import MintedTokens, TokenReply, grant_type


@pytest.mark.parametrize("name", ["authorization_code", "refresh_token"])
def test_two_grants_are_served(name):
    assert grant_type({"grant_type": name}) == name


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "client_credentials",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        "Authorization_code",
    ],
)
def test_any_other_grant_is_unsupported(name):
    with pytest.raises(UnsupportedGrantType):
        grant_type({"grant_type": name})


def test_a_request_that_names_no_grant_is_invalid():
    with pytest.raises(InvalidRequest):
        grant_type({})


def test_no_secret_is_in_a_repr():
    assert "hush" not in repr((MintedTokens("hush", "hush"), TokenReply({"access_token": "hush"})))
