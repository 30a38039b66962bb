"""The operator's hook for registrations: what it gets, and how it refuses one.

Implements RFC 7591 s3.2.2 and s5 for refusals that only the operator decides. Does not know how or when the hook is
called.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from doorward.oauth.clients.metadata import ClientMetadata
from doorward.oauth.errors import OAuthError, Reason

_ERROR_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}").fullmatch
_REFUSALS = range(400, 500)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationRequest(ClientMetadata):
    """A registration that would be accepted: the checked metadata, and the body that it was read from."""

    body: dict[str, object] = field(repr=False)
    """The body as the client sent it, unchecked, without `client_secret`. It has members that are ignored here, such as
    `software_statement`. A copy: changing it has no effect."""


class RegistrationRefused(OAuthError):
    """Raised by the operator's hook: this client may not register, or may not change its registration this way.

    Raises:
        ValueError: the error code is malformed, or the status is not a 4xx one.

    Spec: RFC 7591 s3.2.2
    """

    error = "access_denied"
    status = 403

    def __init__(self, description: str, *, error: str = "access_denied", status: int = 403) -> None:
        if _ERROR_CODE(error) is None or status not in _REFUSALS:
            raise ValueError(f"A refusal has an OAuth error code and a 4xx status, not {error!r} and {status!r}.")
        super().__init__(description, Reason.REGISTRATION_POLICY)
        self.error = error
        self.status = status
