"""Whatever is sent to the further grants ends in a verdict of ours, never in another exception."""

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from oauth.given import ISSUER, NOW, POLICY, RESOURCE, a_client, a_redemption
from oauth.grants.id_jags import EC, IDP, KEYS, Place, claims, encode, header, signed

from doorward.oauth.authorization.device import DeviceCodes, as_shown, begin, user_code_digest
from doorward.oauth.compact_jws import read_compact
from doorward.oauth.errors import InvalidGrant, OAuthError
from doorward.oauth.grant_types import OPERATOR_GRANTS
from doorward.oauth.grants.client_credentials import client_credentials
from doorward.oauth.grants.device_code import poll
from doorward.oauth.grants.id_jag import check_assertion, read_assertion
from doorward.oauth.grants.token_exchange import NOTHING, exchange
from doorward.oauth.tokens.opaque import digest
from doorward.oauth.trusted_issuers import TrustedIssuer

TRUSTING = replace(POLICY, trusted_issuers=(TrustedIssuer(issuer=IDP, keys=KEYS),))
CLIENT = a_client(
    token_endpoint_auth_method="client_secret_basic",
    secret_digest=digest("s"),
    grant_types=tuple(OPERATOR_GRANTS.values()),
    service_user_id="robot",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
CLAIMS = st.sampled_from(
    ["iss", "sub", "aud", "client_id", "resource", "jti", "iat", "exp", "nbf", "scope", "cnf", "authorization_details"]
)
HEADERS = st.sampled_from(["alg", "typ", "kid", "crit", "jwk", "jku", "x5c", "b64"])
FIELDS = st.sampled_from(
    [
        "scope", "resource", "audience", "subject_token", "subject_token_type", "actor_token", "actor_token_type",
        "requested_token_type", "device_code",
    ]
)  # fmt: skip
quick = settings(max_examples=150, deadline=None, database=None)


def verdict(function, *arguments, **keywords):
    """Return the refusal, or None; anything else escapes and fails the test."""
    try:
        function(*arguments, **keywords)
    except OAuthError as error:
        return error
    return None


def taken(text):
    assertion = read_assertion(text, policy=TRUSTING)
    return check_assertion(assertion, keys=KEYS, client=CLIENT, now=NOW, policy=TRUSTING)


@quick
@given(st.text(max_size=200) | st.text("eyJ.-_aA0=", max_size=60))
def test_any_text_is_no_assertion(text):
    assert isinstance(verdict(taken, text), InvalidGrant)


@quick
@given(st.dictionaries(HEADERS, JSON, min_size=1, max_size=4), st.dictionaries(CLAIMS, JSON, max_size=6))
def test_any_header_and_claims_are_taken_or_refused(head, said):
    good = claims(Place(ISSUER, RESOURCE, "c1", NOW))
    text = signed(header() | head, good | said, EC, algorithm="ES256")
    refusal = verdict(taken, text)
    assert refusal is None or isinstance(refusal, InvalidGrant)


@quick
@given(st.dictionaries(CLAIMS, JSON, max_size=6))
def test_signed_claims_of_the_provider_are_taken_or_refused(said):
    refusal = verdict(taken, signed(header(), claims(Place(ISSUER, RESOURCE, "c1", NOW)) | said))
    assert refusal is None or isinstance(refusal, InvalidGrant)


@quick
@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_bytes_are_read_or_not(first, second):
    read_compact(f"{encode(first)}.{encode(second)}.AAAA")
    assert read_compact(f"{encode(json.dumps({}))}.{encode(b'[]')}.AAAA") is None


@quick
@given(st.dictionaries(FIELDS, st.text(max_size=40), max_size=6))
def test_any_form_gets_an_answer_of_every_grant(form):
    request = a_redemption(form, client=CLIENT)
    assert verdict(client_credentials, request, account=None, grants=()) is not None
    assert verdict(exchange, request, subject=NOTHING, actor=NOTHING) is not None
    assert verdict(poll, request, device=None, grant=None) is not None
    verdict(begin, form, client=CLIENT, codes=DeviceCodes("d", "u"), now=NOW, policy=POLICY)


@quick
@given(st.text(max_size=80))
def test_anything_may_be_typed_as_a_code(typed):
    assert user_code_digest(typed) == user_code_digest(as_shown(typed))
