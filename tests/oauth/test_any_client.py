"""Whatever a stranger sends as a document, a key set, an assertion or an address gets a verdict and never a crash."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode

from hypothesis import given, settings
from hypothesis import strategies as st
from oauth.given import NOW, POLICY, a_client

from doorward.fetching.caching import LEAST_SECONDS, MOST_SECONDS, fresh_seconds
from doorward.oauth.addresses import reach
from doorward.oauth.clients.assertion import ASSERTION_TYPE, check_assertion, read_assertion
from doorward.oauth.clients.id_metadata import check_document_url, read_document
from doorward.oauth.clients.keys import candidates, read_jwks, stored_keys
from doorward.oauth.errors import OAuthError

quick = settings(max_examples=150, deadline=None)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
URL = "https://client.example/c"
GOOD = {"client_id": URL, "client_name": "Notes", "redirect_uris": ["https://client.example/callback"]}
MEMBERS = st.sampled_from([*GOOD, "token_endpoint_auth_method", "jwks", "jwks_uri", "scope", "grant_types", "logo_uri"])
KEY_MEMBERS = st.sampled_from(["kty", "crv", "x", "y", "n", "e", "d", "use", "alg", "kid"])
KEY_VALUES = st.sampled_from(["EC", "RSA", "OKP", "P-256", "Ed25519", "sig", "AQAB", "ES256", "A" * 43]) | JSON
CLAIMS = st.dictionaries(st.sampled_from(["iss", "sub", "aud", "exp", "iat", "nbf", "jti"]), JSON, max_size=7)
HEADERS = st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "jwk"]), JSON, max_size=4)


def part(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@quick
@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_as_a_document(body):
    try:
        document = read_document(body, client_id=URL, policy=POLICY)
    except OAuthError:
        return
    assert document.metadata.redirect_uris


@quick
@given(st.dictionaries(MEMBERS, JSON, max_size=4))
def test_any_member_of_a_document(changes):
    try:
        document = read_document(json.dumps(GOOD | changes).encode(), client_id=URL, policy=POLICY)
    except OAuthError:
        return
    assert document.metadata.token_endpoint_auth_method in {"none", "private_key_jwt"}


@quick
@given(JSON | st.fixed_dictionaries({"keys": st.lists(st.dictionaries(KEY_MEMBERS, KEY_VALUES), max_size=4)}))
def test_any_key_set(value):
    try:
        keys = stored_keys(read_jwks(value))
    except OAuthError:
        return
    for alg in ("ES256", "RS256", "PS256", "EdDSA"):
        candidates(keys, kid=None, alg=alg)


@quick
@given(
    st.text(max_size=60)
    | st.tuples(HEADERS, CLAIMS, st.binary(max_size=80)).map(
        lambda each: f"{part({'alg': 'ES256'} | each[0])}.{part({'iss': 'c1', 'sub': 'c1'} | each[1])}.{each[2].hex()}"
    ),
    st.lists(st.dictionaries(KEY_MEMBERS, st.text("AQab01_-=", max_size=60), max_size=6), max_size=2),
)
def test_any_assertion_is_refused(compact, others):
    keys = [{"kty": "EC", "crv": "P-256"} | key | {"kty": "EC", "crv": "P-256"} for key in others]
    try:
        assertion = read_assertion(ASSERTION_TYPE, compact)
        check_assertion(assertion, client=a_client(), keys=keys, now=NOW, policy=POLICY)
    except OAuthError:
        return
    raise AssertionError("nobody signed this")


@quick
@given(st.text(max_size=40) | st.ip_addresses().map(str))
def test_any_address_is_of_one_kind(address):
    assert reach(address) in {"public", "loopback", "special"}


@quick
@given(st.text("htps:/.@\\#?%2eE[]l1*;\t ", max_size=40).map("https://".__add__) | st.text(max_size=40))
def test_any_client_id(client_id):
    try:
        assert check_document_url(client_id, policy=POLICY)
    except OAuthError:
        return


@quick
@given(st.dictionaries(st.sampled_from(["cache-control", "age"]), st.text("max-ge=019,no storch\"'", max_size=30)))
def test_any_caching_headers_stay_within_bounds(headers):
    assert LEAST_SECONDS <= fresh_seconds(headers) <= MOST_SECONDS
