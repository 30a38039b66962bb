"""The connection handling of `doorward serve`, for an application under any other ASGI server.

Some servers (uvicorn with httptools) skip the body of a request that offers to switch protocols, and parse it as the
next request. An application can only prevent a next request, and refuse a body that may be lost. These servers also
don't limit how long a client may not read, and don't trim header values.

Spec: RFC 9110 s5.5 (blanks around values), s7.8 (Upgrade); RFC 9112 s9.6, s11.2.
"""

from __future__ import annotations

import asyncio
from typing import Final

from doorward.door.body import BODY_LOST, ClientGone
from doorward.door.replies import CLOSE
from doorward.oauth.errors import InvalidRequest, Reason
from doorward.upstreams.port import Message, Receive, Scope, Send

LIMITS_WRITES: Final = "doorward.limits_writes"
"""An extension in the scope: the server itself closes connections whose client does not read."""
_BLANKS: Final = b" \t"


def closing(send: Send) -> Send:
    """Return a `send` that makes the server close the connection after the response, whatever it is."""

    async def send_and_close(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [line for line in message.get("headers", ()) if bytes(line[0]).lower() != b"connection"]
            message = {**message, "headers": [*headers, CLOSE]}
        await send(message)

    return send_and_close


def limited(send: Send, seconds: float) -> Send:
    """Return a `send` that gives up if the client does not read for this long. Raises `ClientGone`."""

    async def send_in_time(message: Message) -> None:
        try:
            async with asyncio.timeout(seconds):
                await send(message)
        except TimeoutError:
            raise ClientGone from None

    return send_in_time


def prepared(scope: Scope, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Make a request safe for the endpoints: trim the header values in place, and guard against protocol switches."""
    headers, offers_to_switch = scope["headers"], scope["method"] == "CONNECT"
    declared: bytes | None = None
    for at, (name, value) in enumerate(headers):
        if value[:1].isspace() or value[-1:].isspace():
            headers = scope["headers"] = [*headers[:at], (name, value.strip(_BLANKS)), *headers[at + 1 :]]
        if name == b"upgrade":
            offers_to_switch = True
        elif name == b"content-length":
            declared = headers[at][1]
        elif name == b"transfer-encoding":
            declared = declared or b"chunked"
    if not offers_to_switch:
        return receive, send
    return _whole(receive, declared) if declared else receive, closing(send)


def _whole(receive: Receive, declared: bytes) -> Receive:
    """Return a `receive` that refuses a body that does not match its declared length. Raises `InvalidRequest`."""
    received = 0

    async def receive_whole() -> Message:
        nonlocal received
        message = await receive()
        if message["type"] == "http.request":
            received += len(message.get("body", b""))
            is_lost = received == 0 if declared == b"chunked" else str(received).encode() != declared
            if is_lost and not message.get("more_body", False):
                raise InvalidRequest(BODY_LOST, Reason.MALFORMED_REQUEST)
        return message

    return receive_whole
