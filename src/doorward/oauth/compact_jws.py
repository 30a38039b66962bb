"""A signed JWT in its compact form: one reading of it, and whether one given key has signed it.

Strict where leniency was an attack: one text per signature, no doubled keys, no header that brings its own key or that
must be understood and is not. Which keys are trusted, and what the claims must say, is for the caller.

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
"""They change how the text is read, or bring the key that it should be checked with."""

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)").fullmatch


@dataclass(frozen=True, slots=True)
class CompactJws:
    """A signed JWT taken apart; nothing of it is proved yet."""

    text: str = field(repr=False)
    header: Mapping[str, object]
    claims: Mapping[str, object] = field(repr=False)


def read_compact(text: str) -> CompactJws | None:
    """Take a signed JWT apart; None when it is none, or too large. Spec: RFC 7515 s5.2."""
    found = _COMPACT(text) if len(text) <= LIMIT_CHARS else None
    if found is None or not base64url.decode(found[3]):
        return None
    header, claims = _json(found[1]), _json(found[2])
    if not isinstance(header, dict) or not isinstance(claims, dict):
        return None
    return CompactJws(text, header, claims)


def is_signed(jws: CompactJws, key: Key, algorithm: str) -> bool:
    """Tell whether the key has signed it with the algorithm, which the caller has found acceptable for the key."""
    # Imported late: most installations never see an assertion or a proof.
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key
    from joserfc.jws import JWSRegistry

    signing_input, _, signature = jws.text.rpartition(".")
    # RFC 9864 gives EdDSA over this curve a name of its own; both name one algorithm.
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
