import json

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from doorward.oauth.clients.keys import KEYS_LIMIT, candidates, read_jwks, stored_keys
from doorward.oauth.errors import InvalidClientMetadata

EC = ECKey.generate_key("P-256", {"kid": "ec"}, private=True)
RSA = RSAKey.generate_key(2048, {"kid": "rsa"}, private=True)
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"}, private=True)


def public(key) -> dict:
    return key.as_dict(private=False)


def kept(*keys) -> list[dict]:
    return json.loads(read_jwks({"keys": list(keys)}))["keys"]


def test_of_a_key_only_what_verifies_is_kept():
    extra = {"x5u": "http://169.254.169.254/", "x5c": ["a"], "use": "sig", "alg": "ES256", "note": "x"}
    assert kept(public(EC) | extra) == [public(EC) | {"use": "sig", "alg": "ES256"}]


def test_kinds_of_keys_that_are_not_used_are_left_out():
    others = [
        public(ECKey.generate_key("P-521", private=True)),
        public(OKPKey.generate_key("X25519", private=True)),
        public(EC) | {"use": "enc"},
        public(RSA) | {"e": "A" * 20},
        public(RSA) | {"n": "AQAB"},
        {"kty": "EC", "crv": "P-256"},
        {"kty": "EC", "crv": "P-256", "x": 1, "y": 2},
        {"kty": "EC", "crv": "P-256", "x": "é", "y": "AQ"},
        {},
    ]
    assert kept(public(EC), *others, public(RSA), public(ED)) == [public(EC), public(RSA), public(ED)]


@pytest.mark.requirement("R-07")
@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "keys",
        {},
        {"keys": {}},
        {"keys": []},
        {"keys": ["x"]},
        {"keys": [EC.as_dict(private=True)]},
        {"keys": [public(EC), RSA.as_dict(private=True)]},
        {"keys": [public(EC), OctKey.generate_key(256).as_dict(private=True)]},
        {"keys": [public(EC) | {"d": ""}]},
        {"keys": [public(EC)] * (KEYS_LIMIT + 1)},
        {"keys": [public(ECKey.generate_key("P-384", private=True))]},
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_set_without_a_usable_key_or_with_a_secret_is_refused(value):
    with pytest.raises(InvalidClientMetadata):
        read_jwks(value)


@pytest.mark.parametrize(
    ("kid", "alg", "expected"),
    [
        (None, "ES256", ["ec"]),
        ("ec", "ES256", ["ec"]),
        ("rsa", "ES256", []),
        (None, "RS256", ["rsa"]),
        (None, "PS256", ["rsa"]),
        (None, "EdDSA", ["ed"]),
        ("unknown", "EdDSA", []),
    ],
)
def test_a_signature_may_be_of_a_key_of_its_kind_and_name(kid, alg, expected):
    keys = stored_keys(read_jwks({"keys": [public(EC), public(RSA), public(ED)]}))
    assert [key["kid"] for key in candidates(keys, kid=kid, alg=alg)] == expected


def test_a_key_for_one_algorithm_is_not_used_for_another():
    keys = stored_keys(read_jwks({"keys": [public(RSA) | {"alg": "PS256"}]}))
    assert candidates(keys, kid=None, alg="RS256") == ()
    assert len(candidates(keys, kid=None, alg="PS256")) == 1
