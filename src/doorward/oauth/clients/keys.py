"""Public keys of a client as a JWK set: which are accepted, and which may have made a given signature.

Only the members that a verification needs are kept. A set with private or symmetric key material is refused as a whole:
its owner has published a secret, and must get an error.

Implements RFC 7517 s4 and s5 for RSA, P-256 and Ed25519. Does not know where a set comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from doorward import base64url
from doorward.oauth.errors import InvalidClientMetadata, Reason
from doorward.oauth.uris import InvalidUri, parse_http

SIGNING_ALGORITHMS = ("ES256", "RS256", "PS256", "EdDSA")
"""Signatures only: with a MAC the verifier would hold the secret too, and `none` proves nothing."""

KEYS_LIMIT = 20
URL_LIMIT_CHARS = 1024
_SECRET_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_VALUES = {"EC": ("x", "y"), "OKP": ("x",), "RSA": ("n", "e")}
_KEPT = frozenset({"kty", "crv", "kid", "alg", "use", "x", "y", "n", "e"})
_KIND_OF_ALGORITHM = {"ES256": ("EC", "P-256"), "RS256": ("RSA", ""), "PS256": ("RSA", ""), "EdDSA": ("OKP", "Ed25519")}
_RSA_BITS = range(2048, 8193)
_RSA_EXPONENT_LIMIT_CHARS = 6
"""32 bits in base64url: a longer exponent only makes verification expensive."""

Key = Mapping[str, str]


def read_jwks(value: object) -> str:
    """Check a JWK set, and return it as a JSON string of the usable public keys; keys of other kinds are left out.

    Raises:
        InvalidClientMetadata: it is not a JWK set, holds a secret, or has no usable key.

    Spec: RFC 7517 s5
    """
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise _refused("jwks must be an object with a list of keys.")
    if len(keys) > KEYS_LIMIT:
        raise _refused(f"jwks holds more than {KEYS_LIMIT} keys.")
    refuse_secrets(keys)
    kept = [dict(key) for key in map(_public, keys) if key is not None]
    if not kept:
        raise _refused(f"jwks holds no public key for {', '.join(SIGNING_ALGORITHMS)}.")
    return msgspec.json.encode({"keys": kept}).decode()


def read_jwks_uri(value: object) -> str | None:
    """Check the URL where a client publishes its keys; return None if it names none.

    Raises:
        InvalidClientMetadata: it is not an https URL.
    """
    if value is None:
        return None
    try:
        parsed = parse_http(value) if isinstance(value, str) and len(value) <= URL_LIMIT_CHARS else None
    except InvalidUri:
        parsed = None
    if parsed is None or parsed.scheme != "https":
        raise _refused("jwks_uri is not an https URL.")
    return str(value)


def refuse_secrets(keys: object) -> None:
    """Refuse a list of keys that holds a private or symmetric one.

    Raises:
        InvalidClientMetadata: the description says what to do.
    """
    found = [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []
    if any(key.get("kty") == "oct" or _SECRET_MEMBERS & key.keys() for key in found):
        raise _refused("jwks holds a private or symmetric key. Treat it as stolen, and publish public keys only.")


def stored_keys(jwks: str) -> tuple[Key, ...]:
    """Return the keys of a string that `read_jwks` returned."""
    return tuple(msgspec.json.decode(jwks, type=dict[str, list[dict[str, str]]])["keys"])


def candidates(keys: Iterable[Key], *, kid: str | None, alg: str) -> tuple[Key, ...]:
    """Return the keys that may have made a signature: of the right kind, and with the `kid` if one is named."""
    kty, curve = _KIND_OF_ALGORITHM[alg]
    return tuple(
        key
        for key in keys
        if key["kty"] == kty
        and key.get("crv", "") == curve
        and key.get("alg", alg) in {alg, "Ed25519" if alg == "EdDSA" else alg}
        and (kid is None or key.get("kid") == kid)
    )


def _public(key: dict[str, object]) -> Key | None:
    kty, curve = key.get("kty"), key.get("crv", "")
    if (kty, curve) not in _KIND_OF_ALGORITHM.values() or key.get("use", "sig") != "sig":
        return None
    kept = {name: value for name, value in key.items() if name in _KEPT and isinstance(value, str)}
    sizes = [_bits(kept.get(name, "")) for name in _VALUES[str(kty)]]
    if 0 in sizes or (kty == "RSA" and (sizes[0] not in _RSA_BITS or len(kept["e"]) > _RSA_EXPONENT_LIMIT_CHARS)):
        return None
    return kept


def _bits(value: str) -> int:
    return int.from_bytes(base64url.decode(value), "big").bit_length()


def _refused(description: str) -> InvalidClientMetadata:
    return InvalidClientMetadata(description, Reason.UNSUPPORTED_METADATA)
