"""Tokens that can be read, with a real signature: a key, its public half, and what is signed with it.

Implements RFC 9068 s2 as far as a checker looks.
"""

from __future__ import annotations

from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

ALGORITHM = "ES256"


def new_key(kid: str) -> ECKey:
    """Make a key with a name."""
    return ECKey.generate_key("P-256", parameters={"kid": kid, "use": "sig", "alg": ALGORITHM}, private=True)


def key_set(*keys: ECKey) -> dict[str, Any]:
    """Return the public halves."""
    return {"keys": [key.as_dict(private=False) for key in keys]}


def signed(key: ECKey, claims: dict[str, Any]) -> str:
    """Return an access token."""
    return jwt.encode({"typ": "at+jwt", "alg": ALGORITHM, "kid": key.kid}, claims, key, algorithms=[ALGORITHM])


def verified(token: str, *keys: ECKey) -> dict[str, Any] | None:
    """Return the claims of a token that one of the keys has signed."""
    for key in keys:
        try:
            claims = jwt.decode(token, key, algorithms=[ALGORITHM])
        except (JoseError, ValueError):
            continue
        if claims.header.get("kid") == key.kid:
            return dict(claims.claims)
    return None
