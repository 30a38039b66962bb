"""The question to an operator's own function when tokens are made, and its answers: less, or a refusal.

Whatever it answers is measured against what would have been given, so it can take away and never add.

Implements RFC 6749 s3.3 and s5.2. Does not know how the function is called, nor when.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from doorward.oauth.errors import InvalidScope, OAuthError, Reason

_ERROR_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}").fullmatch
_REFUSALS = range(400, 500)


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """The tokens that are about to be made."""

    user: str
    """The user, as `sub` names it."""
    client_id: str
    client_name: str
    """What the client calls itself; nothing has proved it. Empty: nothing."""
    resource: str
    scopes: tuple[str, ...]
    """What the access token would have."""
    grant_id: str
    """The same at every refresh of a grant."""
    grant_type: str
    """What is being presented, as on the wire."""


@dataclass(frozen=True, slots=True)
class TokenTerms:
    """What is taken off; None keeps.

    Raises:
        TypeError, ValueError: it says something that cannot be meant.
    """

    scopes: tuple[str, ...] | None = None
    """What the access token may have at most. A refresh begins again with all that was consented to."""
    access_token_seconds: int | None = None
    refresh_token_seconds: int | None = None
    """How long the refresh token may lie unused; 0 gives none."""

    def __post_init__(self) -> None:
        """Refuse a string of scopes, and lifetimes that are none."""
        if isinstance(self.scopes, str):
            raise TypeError("scopes is a tuple of scopes, not a string.")
        for name, least in (("access_token_seconds", 1), ("refresh_token_seconds", 0)):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < least):
                raise ValueError(f"{name} is a whole number of seconds, {least} or more, not {value!r}.")

    def of_scopes(self, scopes: tuple[str, ...]) -> tuple[str, ...]:
        """Return what is left of the scopes.

        Raises:
            InvalidScope: nothing.
        """
        if self.scopes is None:
            return scopes
        left = tuple(scope for scope in scopes if scope in self.scopes)
        if not left:
            raise InvalidScope("None of the scopes is given here to this user and client.", Reason.TOKEN_POLICY)
        return left

    def of_access(self, seconds: int) -> int:
        """Return how long an access token may live."""
        return seconds if self.access_token_seconds is None else min(seconds, self.access_token_seconds)

    def of_refresh(self, seconds: int) -> int:
        """Return how long a refresh token may lie unused; 0: there is to be none."""
        return seconds if self.refresh_token_seconds is None else min(seconds, self.refresh_token_seconds)


KEEP = TokenTerms()


class TokenRefused(OAuthError):
    """Raised by an operator's function: no tokens now. The code or refresh token stays good.

    Raises:
        ValueError: the code is none, or the status is not that of a refusal.

    Spec: RFC 6749 s5.2
    """

    error = "access_denied"

    def __init__(self, description: str, *, error: str = "access_denied", status: int = 400) -> None:
        if _ERROR_CODE(error) is None or status not in _REFUSALS:
            raise ValueError(f"A refusal has an OAuth error code and a 4xx status, not {error!r} and {status!r}.")
        super().__init__(description, Reason.TOKEN_POLICY)
        self.error = error
        self.status = status
