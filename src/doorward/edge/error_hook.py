"""What follows from `on_error`, which hears of every error that an OAuth endpoint answers.

It may say a refusal in other words, and nothing else: code and status are what they are, and its own faults are logged
and change no answer. It gets no secret. Except for the reason, it gets only what the client may see.

Spec: RFC 6749 s5.2.
"""

from __future__ import annotations

import logging

from starlette.requests import Request

from doorward.hooks import HookFailed, Hooks, OAuthFault
from doorward.logs import redact
from doorward.oauth.clients.authentication import presented_client
from doorward.oauth.parameters import parse_form, parse_query

LOGGER = logging.getLogger("doorward.endpoints")


async def other_words(hooks: Hooks, fault: OAuthFault) -> str | None:
    """Report a fault to `on_error`, and return what it wants said; a status that is no 4xx keeps its words."""
    try:
        answer = await hooks.error(fault)
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
