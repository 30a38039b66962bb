"""A cheap HTTP/1.1 client that knows exactly what it does not know.

It never retries: whether a request was sent, and whether the whole answer came, is what the history is about. Knows
nothing of OAuth.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httptools

Address = tuple[str, int]
READ_BYTES = 65536


class NotReached(Exception):
    """Nobody listened, so the request certainly had no effect."""


class Lost(Exception):
    """The request was sent, and no complete answer came."""


@dataclass(frozen=True)
class Request:
    """One request, to whichever node."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def encoded(self, host: str) -> bytes:
        """Return its bytes."""
        headers = {"host": host, **self.headers}
        if self.method == "POST":
            headers["content-length"] = str(len(self.body))
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


def form(path: str, fields: Mapping[str, str], **headers: str) -> Request:
    """Return a POST of a form."""
    kind = {"content-type": "application/x-www-form-urlencoded", **headers}
    return Request("POST", path, kind, urlencode(fields).encode())


@dataclass
class Reply:
    """A complete answer."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    complete: bool = False
    keep: bool = True


class _Reader:
    """What httptools calls while it parses one answer."""

    def __init__(self) -> None:
        self.reply = Reply()

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        # The one header that is no list: each line is a cookie.
        before = self.reply.headers.get(key, "") if key == "set-cookie" else ""
        self.reply.headers[key] = f"{before}\n{text}" if before else text

    def on_body(self, body: bytes) -> None:
        self.reply.body += body

    def on_message_complete(self) -> None:
        self.reply.complete = True


class Wire:
    """Kept connections to several nodes, used in turn."""

    def __init__(self, addresses: Sequence[Address], host: str, *, patience_seconds: float = 20) -> None:
        self.addresses = list(addresses)
        self.host = host
        self._patience_seconds = patience_seconds
        self._idle: dict[Address, list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]] = {}
        self._turn = 0

    def next_node(self) -> int:
        """Return the node whose turn it is."""
        self._turn += 1
        return self._turn % len(self.addresses)

    async def send(self, node: int, request: Request) -> Reply:
        """Send one request and return the answer.

        Raises:
            NotReached: it was never sent.
            Lost: it was sent, and its answer did not come, or not whole, or not in time.
        """
        address = self.addresses[node]
        reader, writer = await self._connection(address)
        try:
            async with asyncio.timeout(self._patience_seconds):
                writer.write(request.encoded(self.host))
                reply = await _read(reader)
        except (OSError, TimeoutError, httptools.HttpParserError) as error:
            writer.close()
            raise Lost(repr(error)) from error
        except BaseException:
            writer.close()
            raise
        if reply.keep:
            self._idle.setdefault(address, []).append((reader, writer))
        else:
            writer.close()
        return reply

    async def _connection(self, address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        idle = self._idle.get(address, [])
        while idle:
            reader, writer = idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        try:
            return await asyncio.open_connection(*address)
        except OSError as error:
            raise NotReached(repr(error)) from error

    async def close(self) -> None:
        """Close what is idle."""
        for connections in self._idle.values():
            for _, writer in connections:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
        self._idle.clear()


async def _read(reader: asyncio.StreamReader) -> Reply:
    state = _Reader()
    parser = httptools.HttpResponseParser(state)
    while not state.reply.complete:
        data = await reader.read(READ_BYTES)
        if not data:
            raise ConnectionResetError("the connection ended before the answer did")
        parser.feed_data(data)
    state.reply.status = parser.get_status_code()
    state.reply.keep = parser.should_keep_alive()
    return state.reply
