"""A token that somebody else has issued, as the operator's function has found it, and whether it is good here.

Owns what such a function says and how it refuses. Whatever its issuer, the token must be meant for this door, alive
now, and its scopes are held against the same rules as those of our own. Does not know how the function verifies.

Implements RFC 8707 s2 and RFC 6750 s3.1 for tokens that no record here describes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from doorward.errors import DoorwardError
from doorward.oauth.errors import BearerError, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedToken:
    """What a token of another issuer says, once its signature was found good or its issuer was asked.

    Raises:
        TypeError, ValueError: a member is not what it must be.
    """

    subject: str
    """The user, as the upstream gets it. Users of this server have names too: put the issuer in it if they mix."""
    client_id: str
    scopes: tuple[str, ...]
    expires_at: int
    """Unix time."""
    audience: tuple[str, ...]
    """The resources that it is meant for; the address of this door must be among them, letter for letter."""

    def __post_init__(self) -> None:
        """Find out now what would be a hole later."""
        # The function's author need not have annotations checked, and a string is a sequence of strings as well.
        said: dict[str, object] = {name: getattr(self, name) for name in self.__slots__}
        for name in ("subject", "client_id"):
            if not isinstance(said[name], str) or not said[name]:
                raise ValueError(f"{name} must be a text that is not empty")
        for name in ("scopes", "audience"):
            values = said[name]
            if not isinstance(values, tuple) or not all(isinstance(each, str) for each in values):
                raise TypeError(f"{name} must be a tuple of texts")
        if type(said["expires_at"]) is not int:
            raise TypeError("expires_at must be a whole number of seconds")


class CallRefused(DoorwardError):
    """Raised by the operator's function: this call is refused, for a reason that the client may hear."""

    def __init__(
        self, description: str, *, status: Literal[401, 403, 429] = 401, retry_after_seconds: int | None = None
    ) -> None:
        if status not in (401, 403, 429):
            raise ValueError("a call is refused with 401, 403 or 429")
        self.description = description
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        super().__init__(description)


def check_verified_token(token: VerifiedToken | None, *, now: int, resource: str) -> VerifiedToken:
    """Return the token if it is alive and meant for this door.

    Raises:
        BearerError: not known, expired, or made for another resource.

    Spec: RFC 6750 s3.1, RFC 8707 s2
    """
    if token is None:
        raise BearerError(Reason.UNKNOWN_TOKEN, "The access token is not valid.")
    if token.expires_at <= now:
        raise BearerError(Reason.EXPIRED_TOKEN, "The access token has expired.")
    if resource not in token.audience:
        raise BearerError(Reason.WRONG_RESOURCE, "The access token is for another resource.")
    return token
