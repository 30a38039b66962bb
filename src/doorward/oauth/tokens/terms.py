"""The operator's hook for token issuance: what it gets, and its answers, which only reduce or refuse.

Its answer is compared with what would have been issued, so it can remove scopes or time but never add them.

Implements RFC 6749 s3.3 and s5.2. Does not know how or when the hook is called.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from doorward.oauth.errors import InvalidScope, OAuthError, Reason

_ERROR_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}").fullmatch
_REFUSALS = range(400, 500)


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """The tokens that are about to be issued."""

    user: str
    """The user, as `sub` names it."""
    client_id: str
    client_name: str
    """The name that the client gives itself, unverified; empty if it gives none."""
    resource: str
    scopes: tuple[str, ...]
    """The scopes that the access token would have."""
    grant_id: str
    """The same at every refresh of a grant."""
    grant_type: str
    """The grant type on the wire."""


@dataclass(frozen=True, slots=True)
class TokenTerms:
    """The reduced terms; None leaves a term unchanged.

    Raises:
        TypeError, ValueError: a value has the wrong type or is out of range.
    """

    scopes: tuple[str, ...] | None = None
    """The most scopes that the access token may have. A refresh starts again from everything that was consented to."""
    access_token_seconds: int | None = None
    refresh_token_seconds: int | None = None
    """How long the refresh token may stay unused, in seconds; 0 issues none."""

    def __post_init__(self) -> None:
        """Refuse a string of scopes, and lifetimes out of range."""
        if isinstance(self.scopes, str):
            raise TypeError("scopes is a tuple of scopes, not a string.")
        for name, least in (("access_token_seconds", 1), ("refresh_token_seconds", 0)):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < least):
                raise ValueError(f"{name} is a whole number of seconds, {least} or more, not {value!r}.")

    def of_scopes(self, scopes: tuple[str, ...]) -> tuple[str, ...]:
        """Return the scopes that remain.

        Raises:
            InvalidScope: none remain.
        """
        if self.scopes is None:
            return scopes
        left = tuple(scope for scope in scopes if scope in self.scopes)
        if not left:
            raise InvalidScope("None of the scopes is given here to this user and client.", Reason.TOKEN_POLICY)
        return left

    def of_access(self, seconds: int) -> int:
        """Return the lifetime of an access token, in seconds."""
        return seconds if self.access_token_seconds is None else min(seconds, self.access_token_seconds)

    def of_refresh(self, seconds: int) -> int:
        """Return how long a refresh token may stay unused, in seconds; 0: issue none."""
        return seconds if self.refresh_token_seconds is None else min(seconds, self.refresh_token_seconds)


KEEP = TokenTerms()


class TokenRefused(OAuthError):
    """Raised by the operator's hook: issue no tokens now. The code or refresh token stays valid.

    Raises:
        ValueError: the error code is malformed, or the status is not a 4xx one.

    Spec: RFC 6749 s5.2
    """

    error = "access_denied"

    def __init__(self, description: str, *, error: str = "access_denied", status: int = 400) -> None:
        if _ERROR_CODE(error) is None or status not in _REFUSALS:
            raise ValueError(f"A refusal has an OAuth error code and a 4xx status, not {error!r} and {status!r}.")
        super().__init__(description, Reason.TOKEN_POLICY)
        self.error = error
        self.status = status
