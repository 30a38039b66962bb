"""Reads a request body, limited in bytes and time, whatever length the sender declares.

A refusal is useless if the sender never sees it: closing a connection while bytes still arrive makes the sender's
system discard the response. So a body slightly too large is read to its end and discarded; one far too large is not.

Spec: RFC 9110 s10.1.1 (`Expect`), s15.5.9 (408), s15.5.14 (413).
"""

from __future__ import annotations

import asyncio
from typing import Final

from doorward.door.inbound import Inbound
from doorward.door.replies import Refused
from doorward.upstreams.port import Message, Receive, Scope

WHOLE_BODY: Final = "doorward.whole_body"
"""An extension in the scope: a function of the scope that returns the whole body, if it has arrived and was not read
yet. `receive` then returns nothing more of it."""
READ_SECONDS = 60.0
"""Time limit for a whole body. A slower sender only holds a connection."""
FORGET_SECONDS = 5.0
FORGET_FACTOR = 4
"""A body of up to this many times the limit is read and discarded before the refusal."""

BODY_LOST = (
    "The body of this request did not arrive whole. Some servers lose it when a request offers to switch protocols;"
    " send it without the Upgrade header."
)
_DIGITS = 18


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


async def read_body(scope: Scope, receive: Receive, inbound: Inbound, limit: int) -> bytes:
    """Read the whole body; if the server can say that it is here already, set no timer.

    Raises:
        Refused: it is larger than `limit` bytes, or does not match its declared length.
        ClientGone: the client has disconnected.
    """
    declared = _declared(inbound, limit)
    if declared is not None and declared > limit:
        # A client that asks first (`Expect: 100-continue`) has not sent the body yet, and gets the refusal instead.
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
    """Return the declared length, or None. Raises `Refused`."""
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
    """Read and discard what is still arriving, up to the allowance."""
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
