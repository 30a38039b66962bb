"""The identity providers whose assertions are trusted: what an operator configured for each.

Does not know how keys are fetched or signatures checked.
"""

from __future__ import annotations

from dataclasses import dataclass

from doorward.oauth.clients.keys import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedIssuer:
    """One identity provider. Its people are named by issuer and subject together, never by an e-mail address."""

    issuer: str
    """Compared byte by byte with the `iss` of an assertion."""
    jwks_uri: str | None = None
    """Where its keys are published; set exactly one of `jwks_uri` and `keys`."""
    keys: tuple[Key, ...] = ()
    """Its public keys as JWKs, if they are configured instead of fetched."""
    clients: tuple[str, ...] = ()
    """The clients that its assertions may name; empty: every client that has the grant."""
    scopes: tuple[str, ...] = ()
    """The scopes that its assertions may give; empty: all that the door has."""
    create_users: bool = True
    """Whether a person who is seen for the first time gets an account."""
