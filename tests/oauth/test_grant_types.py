from contextlib import suppress
from dataclasses import replace

import pytest
from oauth.given import POLICY

from doorward.oauth.errors import InvalidRequest, UnsupportedGrantType
from doorward.oauth.grant_types import CLIENT_CREDENTIALS, DEVICE_CODE, JWT_BEARER, TOKEN_EXCHANGE, grant_type, served
from doorward.oauth.trusted_issuers import TrustedIssuer

ALWAYS = ("authorization_code", "refresh_token", CLIENT_CREDENTIALS, TOKEN_EXCHANGE)
REGISTERED = (
    *ALWAYS,
    JWT_BEARER,
    DEVICE_CODE,
    "password",
    "implicit",
    "urn:ietf:params:oauth:grant-type:saml2-bearer",
    "urn:openid:params:grant-type:ciba",
    "urn:ietf:params:oauth:grant-type:uma-ticket",
    "urn:ietf:params:oauth:grant-type:multiple-authn-factors",
    "Authorization_code",
    "device_code",
    "jwt-bearer",
)
ISSUER = TrustedIssuer(issuer="https://idp.example", jwks_uri="https://idp.example/jwks")


@pytest.mark.parametrize(
    ("settings", "more"),
    [
        ({}, ()),
        ({"trusted_issuers": (ISSUER,)}, (JWT_BEARER,)),
        ({"device_grant": True}, (DEVICE_CODE,)),
        ({"trusted_issuers": (ISSUER,), "device_grant": True}, (JWT_BEARER, DEVICE_CODE)),
    ],
)
@pytest.mark.requirement("T-11")
def test_of_all_registered_grants_only_the_served_ones_are_answered(settings, more):
    policy = replace(POLICY, **settings)
    assert served(policy) == ALWAYS + more
    assert _answered(policy) == set(ALWAYS + more)


@pytest.mark.requirement("T-11", weak=True)
def test_the_check_finds_a_server_that_left_grants_open():
    careless = replace(POLICY, device_grant=True, trusted_issuers=(ISSUER,))
    assert _answered(careless) - set(ALWAYS) == {JWT_BEARER, DEVICE_CODE}


def _answered(policy):
    answered = set()
    for name in REGISTERED:
        with suppress(UnsupportedGrantType):
            answered.add(grant_type({"grant_type": name}, policy=policy))
    return answered


def test_a_request_that_names_no_grant_is_invalid():
    with pytest.raises(InvalidRequest):
        grant_type({}, policy=POLICY)
