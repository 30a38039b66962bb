"""Calls the hook `on_error`, which gets every error of an OAuth endpoint.

The hook may change the description of a refusal, and nothing else: code and status stay. Its own faults are logged and
change no response. It gets no secret, and apart from the reason only what the client may see.

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
    """Report a fault to `on_error`, and return its description; a status other than 4xx keeps our own."""
    try:
        answer = await hooks.error(fault)
    except HookFailed:
        LOGGER.exception("on_error_failed")
        return None
    return answer if 400 <= fault.status < 500 else None  # noqa: PLR2004


def named_client(request: Request, body: bytes) -> str:
    """Return the client id that a request names, unverified and without its credentials."""
    try:
        if request.method == "GET":
            named = parse_query(request.scope["query_string"]).get("client_id", "")
        else:
            named = presented_client(request.headers.get("authorization"), parse_form(body)).client_id
        # People sometimes paste a secret into the id field.
        return redact(named)
    except Exception:  # noqa: BLE001  what is wrong with the request is being answered already
        return ""
