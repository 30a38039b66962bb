"""Reading a request body: bounded in bytes and in time, whatever the sender declares or does not.

Spec: RFC 9110 s15.5.14 (413), s15.5.9 (408).
"""

from __future__ import annotations

import asyncio

from doorward.door.replies import Refused
from doorward.upstreams.port import Message, Receive

READ_SECONDS = 60.0
"""How long a body may take in all. A sender slower than this holds a connection, not a conversation."""


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


def check_declared_length(declared: bytes | None, limit: int) -> None:
    """Refuse what announces itself as too large, before a byte of it is read. Raises `Refused`."""
    if declared is not None and (not declared.isdigit() or len(declared) > 18 or int(declared) > limit):  # noqa: PLR2004
        raise _too_large(limit)


async def read_body(receive: Receive, limit: int) -> bytes:
    """Read the whole body.

    Raises:
        Refused: it is larger than `limit` bytes (the rest stays unread), or it does not arrive.
        ClientGone: nobody is left to answer.
    """
    try:
        async with asyncio.timeout(READ_SECONDS):
            message = await receive()
            body: bytes = message.get("body", b"")
            if message["type"] == "http.request" and not message.get("more_body", False):
                if len(body) > limit:
                    raise _too_large(limit)
                return body
            return await _read_on(receive, message, limit)
    except TimeoutError:
        raise Refused(408, "The request body did not arrive in time.", close=True) from None


async def _read_on(receive: Receive, message: Message, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] != "http.request":
            raise ClientGone
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()


def _too_large(limit: int) -> Refused:
    return Refused(413, f"The request body is larger than {limit} bytes, the limit of this server.", close=True)
