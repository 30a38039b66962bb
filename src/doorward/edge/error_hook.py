"""The operator's own function that is told about every error that an OAuth endpoint answers.

It may say a refusal in other words, and nothing else: code and status are what they are, and its own faults are logged
and change no answer. It is told no secret, and nothing that a client could not be told but the reason.

Spec: RFC 6749 s5.2.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request

from doorward.hooks import HOOK_SECONDS, HookFailed, ask
from doorward.logs import redact
from doorward.oauth.clients.authentication import presented_client
from doorward.oauth.parameters import parse_form, parse_query

LOGGER = logging.getLogger("doorward.endpoints")


@dataclass(frozen=True, slots=True)
class OAuthFault:
    """One error that is about to be answered."""

    error: str
    """The code, as on the wire."""
    status: int
    """303: it goes back to the client with the browser."""
    reason: str
    """Why, precisely; never on the wire. `store_unavailable`, `fetch_failed` and `bug` are no verdicts."""
    endpoint: str
    """The first part of the path."""
    request_id: str
    """As in the log, and in the header `X-Request-Id`."""
    client_id: str
    """Whom the request names, proved or not. Empty: nobody that can be read."""


OnError = Callable[[OAuthFault], str | Awaitable[str | None] | None]
"""Told about an error; returns None, or what to say instead where it is a 4xx."""


async def other_words(on_error: OnError, fault: OAuthFault) -> str | None:
    """Tell the function, and return what it wants said; a status that is no 4xx keeps its words."""
    try:
        answer = await ask(on_error, fault, name="on_error", answer=str, seconds=HOOK_SECONDS)
    except HookFailed:
        LOGGER.exception("on_error_failed")
        return None
    return answer if 400 <= fault.status < 500 else None  # noqa: PLR2004


def named_client(request: Request, body: bytes) -> str:
    """Return the client that a request names, without its credentials; nothing of it is proved."""
    try:
        if request.method == "GET":
            named = parse_query(request.scope["query_string"]).get("client_id", "")
        else:
            named = presented_client(request.headers.get("authorization"), parse_form(body)).client_id
        # People paste a secret where the id belongs.
        return redact(named)
    except Exception:  # noqa: BLE001  what is wrong with the request is being answered already
        return ""
