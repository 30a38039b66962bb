"""The question to an operator's own function about a registration, and how the function refuses one.

Implements RFC 7591 s3.2.2 and s5 for refusals that are nobody's rule but the operator's. Does not know how the function
is called, nor when.
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
    """As the client sent it, unchecked, with members that are ignored here, such as `software_statement`; without
    `client_secret`. A copy: whatever is done with it changes nothing."""


class RegistrationRefused(OAuthError):
    """Raised by an operator's function: this client may not register, or not change so.

    Raises:
        ValueError: the code is none, or the status is not that of a refusal.

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
