"""Reading a request body: bounded in bytes and in time, whatever the sender declares or does not.

A refusal is worth little if the sender never sees it: closing a connection on which bytes are still arriving makes its
system throw the answer away. So a body somewhat too large is read to its end and forgotten; one far too large is not.

Spec: RFC 9110 s10.1.1 (`Expect`), s15.5.9 (408), s15.5.14 (413).
"""

from __future__ import annotations

import asyncio
from typing import Final

from doorward.door.inbound import Inbound
from doorward.door.replies import Refused
from doorward.upstreams.port import Message, Receive, Scope

WHOLE_BODY: Final = "doorward.whole_body"
"""An extension in the scope: a function that takes the scope and returns the body, if all of it is here and nobody has
taken it. `receive` then has nothing more of it."""
READ_SECONDS = 60.0
"""How long a body may take in all. A sender slower than this holds a connection, not a conversation."""
FORGET_SECONDS = 5.0
FORGET_FACTOR = 4
"""Up to so many times the limit is read and forgotten before a refusal."""

BODY_LOST = (
    "The body of this request did not arrive whole. Some servers lose it when a request offers to switch protocols;"
    " send it without the Upgrade header."
)
_DIGITS = 18


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


async def read_body(scope: Scope, receive: Receive, inbound: Inbound, limit: int) -> bytes:
    """Read the whole body; no timer is set for one that is here already, if the server can say so.

    Raises:
        Refused: it is larger than `limit` bytes, or it does not arrive as it was declared.
        ClientGone: nobody is left to answer.
    """
    declared = _declared(inbound, limit)
    if declared is not None and declared > limit:
        # Who asks first (`Expect: 100-continue`) has not sent anything yet and gets the answer in its place.
        if b"expect" not in inbound.captured and declared <= FORGET_FACTOR * limit:
            await _forget(receive, FORGET_FACTOR * limit)
        raise _too_large(limit)
    extensions = scope.get("extensions")
    take = extensions.get(WHOLE_BODY) if extensions else None
    body: bytes | None = None if take is None else take(scope)
    if body is None:
        body = await _read_in_time(receive, limit)
    elif len(body) > limit:
        raise _too_large(limit)
    if declared is not None and declared != len(body):
        raise Refused(400, BODY_LOST, close=True)
    return body


async def _read_in_time(receive: Receive, limit: int) -> bytes:
    try:
        async with asyncio.timeout(READ_SECONDS):
            message = await receive()
            body: bytes = message.get("body", b"")
            if message["type"] != "http.request" or message.get("more_body", False):
                body = await _read_on(receive, message, limit)
            elif len(body) > limit:
                raise _too_large(limit)
    except TimeoutError:
        raise Refused(408, "The request body did not arrive in time.", close=True) from None
    return body


def _declared(inbound: Inbound, limit: int) -> int | None:
    """Return the length that was declared. Raises `Refused`."""
    declared = inbound.captured.get(b"content-length")
    if declared is None:
        return None
    if b"content-length" in inbound.doubled:
        raise Refused(400, "The request carries two Content-Length headers.", close=True)
    if len(declared) > _DIGITS or not declared.isdigit():
        raise _too_large(limit)
    return int(declared)


async def _read_on(receive: Receive, message: Message, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] != "http.request":
            raise ClientGone
        part: bytes = message.get("body", b"")
        size += len(part)
        has_more: bool = message.get("more_body", False)
        if size > limit:
            if has_more:
                await _forget(receive, FORGET_FACTOR * limit - size)
            raise _too_large(limit)
        parts.append(part)
        if not has_more:
            return b"".join(parts)
        message = await receive()


async def _forget(receive: Receive, allowance: int) -> None:
    """Read what is still on its way, within the allowance."""
    try:
        async with asyncio.timeout(FORGET_SECONDS):
            while allowance > 0:
                message = await receive()
                allowance -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def _too_large(limit: int) -> Refused:
    return Refused(413, f"The request body is larger than {limit} bytes, the limit of this server.", close=True)
