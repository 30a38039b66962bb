"""A signed JWT in compact form: one strict parser, and whether a given key signed it.

Strict where leniency was an attack: one encoding per signature, no duplicate members, no header that brings its own
key, no unknown `crit` header. The caller decides which keys are trusted and what the claims must say.

Implements RFC 7515 s3.1, s4.1, s5.2 and RFC 8725 s3.1, s3.2, s3.9.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from doorward import base64url
from doorward.oauth.clients.keys import Key
from doorward.strict_json import InvalidJson, decode

LIMIT_CHARS = 8192
UNSAFE_HEADERS = frozenset({"crit", "b64", "jwk", "jku", "x5u", "x5c", "zip", "enc"})
"""They change how the token is parsed, or bring the key to check it with."""

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)").fullmatch


@dataclass(frozen=True, slots=True)
class CompactJws:
    """A parsed JWT; its signature is not verified yet."""

    text: str = field(repr=False)
    header: Mapping[str, object]
    claims: Mapping[str, object] = field(repr=False)


def read_compact(text: str) -> CompactJws | None:
    """Parse a signed JWT; return None if it is not one, or is too large. Spec: RFC 7515 s5.2."""
    found = _COMPACT(text) if len(text) <= LIMIT_CHARS else None
    if found is None or not base64url.decode(found[3]):
        return None
    header, claims = _json(found[1]), _json(found[2])
    if not isinstance(header, dict) or not isinstance(claims, dict):
        return None
    return CompactJws(text, header, claims)


def is_signed(jws: CompactJws, key: Key, algorithm: str) -> bool:
    """Return whether the key signed it with the algorithm; the caller has checked that the algorithm fits the key."""
    # Imported late: most installations never see an assertion or a proof.
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key
    from joserfc.jws import JWSRegistry

    signing_input, _, signature = jws.text.rpartition(".")
    # RFC 9864 gives EdDSA over this curve its own name; both names mean the same algorithm.
    model = JWSRegistry.algorithms["Ed25519" if algorithm == "EdDSA" else algorithm]
    members: dict[str, str | list[str]] = {
        name: value for name, value in key.items() if name not in {"alg", "use", "kid"}
    }
    try:
        public_key = import_key(members)
        model.check_key(public_key)
        return bool(model.verify(signing_input.encode("ascii"), base64url.decode(signature), public_key))
    except (JoseError, ValueError, TypeError):
        return False


def _json(part: str) -> object:
    data = base64url.decode(part)
    try:
        return decode(data) if data else None
    except InvalidJson:
        return None
