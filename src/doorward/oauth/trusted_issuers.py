"""The identity providers whose word about a person counts here: what an operator wrote down about each.

Knows nothing of how keys are fetched or signatures checked.
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
    """Where its keys are published; exactly one of this and `keys` is set."""
    keys: tuple[Key, ...] = ()
    """Its public keys as JWKs, where they are written down instead of fetched."""
    clients: tuple[str, ...] = ()
    """The clients it may speak to; empty: every client that has the grant."""
    scopes: tuple[str, ...] = ()
    """The scopes it may give; empty: all that the door has."""
    create_users: bool = True
    """Whether a person seen for the first time gets an account."""
