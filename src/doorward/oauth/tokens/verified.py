"""A token from another issuer, as verified by the operator's hook, and whether it is valid here.

Owns the hook's result type and how it refuses. Whoever issued it, the token must be for this door and valid now, and
its scopes follow the same rules as those of our tokens. Does not know how the hook verifies.

Implements RFC 8707 s2 and RFC 6750 s3.1 for tokens that no record here describes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from doorward.errors import DoorwardError
from doorward.oauth.errors import BearerError, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedToken:
    """The contents of another issuer's token, after its signature or its issuer confirmed it.

    Raises:
        TypeError, ValueError: a field has the wrong type or value.
    """

    subject: str
    """The user, as the upstream gets it. If names could collide with users of this server, include the issuer."""
    client_id: str
    scopes: tuple[str, ...]
    expires_at: int
    """Unix time."""
    audience: tuple[str, ...]
    """The resources that the token is for; the address of this door must be among them, character by character."""

    def __post_init__(self) -> None:
        """Refuse wrong values now; later they would be a security hole."""
        # The hook's author may not run a type checker, and a string is a sequence of strings too.
        said: dict[str, object] = {name: getattr(self, name) for name in self.__slots__}
        for name in ("subject", "client_id"):
            if not isinstance(said[name], str) or not said[name]:
                raise ValueError(f"{name} must be a string that is not empty")
        for name in ("scopes", "audience"):
            values = said[name]
            if not isinstance(values, tuple) or not all(isinstance(each, str) for each in values):
                raise TypeError(f"{name} must be a tuple of strings")
        if type(said["expires_at"]) is not int:
            raise TypeError("expires_at must be a whole number of seconds")


class CallRefused(DoorwardError):
    """Raised by the operator's hook: refuse this call, with a reason that the client may see."""

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
    """Return the token if it is valid now and issued for this door.

    Raises:
        BearerError: unknown, expired, or issued for another resource.

    Spec: RFC 6750 s3.1, RFC 8707 s2
    """
    if token is None:
        raise BearerError(Reason.UNKNOWN_TOKEN, "The access token is not valid.")
    if token.expires_at <= now:
        raise BearerError(Reason.EXPIRED_TOKEN, "The access token has expired.")
    if resource not in token.audience:
        raise BearerError(Reason.WRONG_RESOURCE, "The access token is for another resource.")
    return token
