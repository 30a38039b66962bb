"""One parser of signed JWTs: what it reads, what it refuses, and whose signature counts."""

from __future__ import annotations

import json

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from doorward import base64url
from doorward.oauth.compact_jws import LIMIT_CHARS, is_signed, read_compact

KEY, OTHER = (ECKey.generate_key("P-256", {"kid": name}, private=True) for name in ("one", "two"))
TWICE = b'{"a":1,"a":2}'
TEXT = jwt.encode({"alg": "ES256"}, {"iss": "https://idp.example"}, KEY)


def part(value: object) -> str:
    return base64url.encode(value if isinstance(value, bytes) else json.dumps(value).encode())


def public(key: ECKey) -> dict:
    return key.as_dict(private=False)


def test_header_and_claims_are_read():
    jws = read_compact(TEXT)
    assert jws.header["alg"] == "ES256"
    assert jws.claims == {"iss": "https://idp.example"}
    assert "idp.example" not in repr(jws)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b",
        TEXT + ".x",
        TEXT + "\n",
        " " + TEXT,
        TEXT + "=",
        TEXT[:-1] + chr(ord(TEXT[-1]) + 1),  # the same bytes in another spelling
        TEXT.rpartition(".")[0] + ".",
        f"{part([1])}.{part({})}.c2ln",
        f"{part({})}.{part('text')}.c2ln",
        f"{part(b'{}}')}.{part({})}.c2ln",
        f"{part(b'not json')}.{part({})}.c2ln",
        f"{part({})}.{part(b'{a}')}.c2ln",
        f"{part(TWICE)}.{part({})}.c2ln",
        f"{part({'a': 'x' * LIMIT_CHARS})}.{part({})}.c2ln",
    ],
)
def test_what_is_no_such_jwt_is_none(text):
    assert read_compact(text) is None


def test_the_key_that_signed_it_and_no_other_counts():
    jws = read_compact(TEXT)
    assert is_signed(jws, public(KEY), "ES256")
    assert is_signed(jws, public(KEY) | {"alg": "RS256", "use": "enc", "kid": "else"}, "ES256")
    assert not is_signed(jws, public(OTHER), "ES256")


@pytest.mark.parametrize("changed", ["header", "claims", "signature"])
def test_a_changed_part_is_not_signed(changed):
    header, claims, signature = TEXT.split(".")
    parts = {"header": header, "claims": claims, "signature": signature}
    parts[changed] = part({"alg": "ES256", "x": 1}) if changed != "signature" else part(b"\1" * 64)
    assert not is_signed(read_compact(".".join(parts.values())), public(KEY), "ES256")


@pytest.mark.parametrize("key", [{}, {"kty": "EC"}, {"kty": "RSA"}, {"kty": "EC", "crv": "P-256", "x": 1}])
def test_a_key_that_is_none_signs_nothing(key):
    assert not is_signed(read_compact(TEXT), key, "ES256")
