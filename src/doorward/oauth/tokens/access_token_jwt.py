"""The claims of a JWT access token, for resource servers that verify tokens themselves.

Such a token is stored like an opaque one, under its digest. So the door checks no signature, and a revocation acts at
once. Its `jti` names the record, but cannot be used as the token.

Implements RFC 9068 s2 and RFC 7800 s3.1 (`cnf`). Does not know keys or signatures.
"""

from __future__ import annotations

import re
from typing import Protocol

from doorward.records.oauth import AccessToken

HEADER_TYPE = "at+jwt"
LIMIT_CHARS = 4096

_COMPACT = re.compile(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+").fullmatch


class Sign(Protocol):
    """Makes a signed JWT with the current key. Spec: RFC 7515 s7.1."""

    def __call__(self, claims: dict[str, object], *, header_type: str) -> str:
        """Return the compact serialization; `header_type` becomes `typ`."""
        ...


def claims(record: AccessToken, *, jti: str, issuer: str) -> dict[str, object]:
    """Return the claims of the token; `record` needs no digest yet.

    Spec: RFC 9068 s2.2
    """
    said: dict[str, object] = {
        "iss": issuer,
        "sub": record.user_id or record.client_id,
        "aud": record.resource,
        "client_id": record.client_id,
        "scope": " ".join(record.scopes),
        "iat": record.created_at,
        "exp": record.expires_at,
        "jti": jti,
    }
    if record.act:
        said["act"] = actors(record.act)
    return said if record.dpop_jkt is None else said | {"cnf": {"jkt": record.dpop_jkt}}


def actors(act: tuple[str, ...]) -> dict[str, object]:
    """Return the chain of actors as a nested claim, the latest actor outermost. Spec: RFC 8693 s4.1."""
    claim: dict[str, object] = {}
    for name in reversed(act):
        claim = {"sub": name, "act": claim} if claim else {"sub": name}
    return claim


def is_shaped_like_one(value: str) -> bool:
    """Return whether `value` could be a JWT that was signed here; only the store knows whether it was."""
    return len(value) <= LIMIT_CHARS and _COMPACT(value) is not None
