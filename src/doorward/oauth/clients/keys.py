"""Public keys of a client as a JWK set: which are accepted, and which of them a signature may have been made with.

Only what verifies is kept of a key. A set that holds private or symmetric key material is refused as a whole: its
owner has published a secret, and must get an error rather than service.

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
"""In base64url, 32 bits: a longer exponent only makes a check expensive."""

Key = Mapping[str, str]


def read_jwks(value: object) -> str:
    """Check a JWK set, and return what is kept of it as text; keys of kinds that are not used are left out.

    Raises:
        InvalidClientMetadata: it is no set, holds a secret, or no key that can be used.

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
    """Check where keys are said to be published.

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
    """Refuse a list of keys of which one is private or symmetric.

    Raises:
        InvalidClientMetadata: naming what is to be done about it.
    """
    found = [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []
    if any(key.get("kty") == "oct" or _SECRET_MEMBERS & key.keys() for key in found):
        raise _refused("jwks holds a private or symmetric key. Treat it as stolen, and publish public keys only.")


def stored_keys(jwks: str) -> tuple[Key, ...]:
    """Return the keys of a text that `read_jwks` has made."""
    return tuple(msgspec.json.decode(jwks, type=dict[str, list[dict[str, str]]])["keys"])


def candidates(keys: Iterable[Key], *, kid: str | None, alg: str) -> tuple[Key, ...]:
    """Return the keys that may have made a signature: of the right kind, and with the `kid`, where one is named."""
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
