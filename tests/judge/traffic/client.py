"""A client of the data path that knows what it must get: sends one request, keeps every byte, and notes whose they are.

Knows how to leave early, and how not to read. Judges nothing but what a client can see.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httptools
from judge.node import HOST
from judge.traffic.history import TAG, Ask, Recorder
from judge.traffic.plans import Plan, name_of, result_of
from judge.wire import Address

READ_BYTES = 65536
DEAF_BYTES = 4096
"""What the system keeps for a client that does not read, about."""
LEGACY, MODERN = "2025-11-25", "2026-07-28"
_META = "io.modelcontextprotocol/"
_PROGRESS_TOKEN = "p1"
"""Everybody uses the same, as many clients do."""


@dataclass
class Wanted:
    """One request and how its client behaves."""

    plan: Plan
    method: str = "tools/call"
    era: str = MODERN
    rpc_id: int = 1
    session: str = ""
    wants_logs: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    leave_after_ms: float | None = None
    leave_after_bytes: int | None = None
    honest: bool = True
    bar_ms: int = 15_000
    name: str = ""

    def encoded(self, tag: str, token: str) -> bytes:
        """Return the bytes of the request."""
        params: dict[str, Any] = {"arguments": {"tag": tag, "plan": self.plan}}
        meta: dict[str, Any] = {"progressToken": _PROGRESS_TOKEN}
        headers = {
            "host": HOST,
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": self.era,
            **self.headers,
        }
        if self.method == "tools/call":
            params["name"] = "work"
        if self.era == MODERN:
            info = {"name": "judge", "version": "1"}
            meta |= {f"{_META}protocolVersion": MODERN, f"{_META}clientInfo": info, f"{_META}clientCapabilities": {}}
            headers["mcp-method"] = self.method
            if self.method == "tools/call":
                headers["mcp-name"] = "work"
            if self.wants_logs:
                meta[f"{_META}logLevel"] = "debug"
        elif self.session:
            headers["mcp-session-id"] = self.session
        params["_meta"] = meta
        message = {"jsonrpc": "2.0", "id": self.rpc_id, "method": self.method, "params": params}
        body = json.dumps(message).encode()
        headers["content-length"] = str(len(body))
        lines = ["POST /mcp HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Reception:
    """Everything that one client received for one request."""

    def __init__(self) -> None:
        self.raw = bytearray()
        self.body = bytearray()
        self.content_type = ""
        self.session = ""
        self.complete = False
        self.excess_bytes = 0
        self.parser: Any = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take more bytes. Raises `HttpParserError` where they are no HTTP."""
        self.raw += data
        if self.complete:
            self.excess_bytes += len(data)
        else:
            self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        if self.complete:
            self.excess_bytes += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-type":
            self.content_type = value.decode("latin-1")
        elif name.lower() == b"mcp-session-id":
            self.session = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        if not self.complete:
            self.body += body

    def on_message_complete(self) -> None:
        self.complete = True

    @property
    def status(self) -> int:
        return int(self.parser.get_status_code()) if self.raw else 0

    def messages(self) -> Iterator[dict[str, Any]]:
        """Return the JSON-RPC messages that arrived whole."""
        if self.content_type.startswith("text/event-stream"):
            for line in bytes(self.body).split(b"\n"):
                if line.startswith(b"data:"):
                    with suppress(ValueError):
                        yield json.loads(line[5:])
        elif self.complete:
            with suppress(ValueError):
                found = json.loads(bytes(self.body))
                if isinstance(found, dict):
                    yield found


class Line:
    """One user's connection to a door, kept for the next request where the answer allows that."""

    def __init__(self, address: Address, recorder: Recorder, user: str, token: str) -> None:
        self.address, self.recorder, self.user, self.token = address, recorder, user, token
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, wanted: Wanted) -> tuple[Ask, Reception]:
        """Send one request, read until its end or until the client leaves, and record it."""
        tag = self.recorder.next_id(self.user)
        ask = Ask(
            id=tag,
            name=wanted.name or name_of(wanted.plan),
            user=self.user,
            start=time.monotonic_ns(),
            honest=wanted.honest,
            reads=wanted.method == "tools/list",
            bar_ms=wanted.bar_ms,
        )
        reception = Reception()
        try:
            ask.outcome = await self._exchange(wanted, tag, reception)
        finally:
            ask.end = time.monotonic_ns()
            _note(ask, wanted, reception)
            self.recorder.write(ask)
        return ask, reception

    async def be_deaf(self, wanted: Wanted, until: Callable[[str], Awaitable[object]]) -> None:
        """Send a request and read nothing, until what is awaited for its id is over."""
        tag = self.recorder.next_id(self.user)
        loop = asyncio.get_running_loop()
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, DEAF_BYTES)
            deaf.setblocking(False)
            await loop.sock_connect(deaf, self.address)
            await loop.sock_sendall(deaf, wanted.encoded(tag, self.token))
            await until(tag)

    async def _exchange(self, wanted: Wanted, tag: str, reception: Reception) -> Any:
        outcome: Any = "cut"
        limit_ms = wanted.bar_ms if wanted.leave_after_ms is None else wanted.leave_after_ms
        try:
            async with asyncio.timeout(limit_ms / 1000):
                reader, writer = await self._connection()
                writer.write(wanted.encoded(tag, self.token))
                while not reception.complete:
                    data = await reader.read(READ_BYTES)
                    if not data:
                        break
                    reception.feed(data)
                    if wanted.leave_after_bytes is not None and len(reception.raw) >= wanted.leave_after_bytes:
                        outcome = "left"
                        break
        except TimeoutError:
            outcome = "late" if wanted.leave_after_ms is None else "left"
        except (OSError, httptools.HttpParserError):
            pass
        if reception.complete and outcome != "left":
            outcome = "fault"
        if outcome != "fault" or not reception.parser.should_keep_alive() or reception.excess_bytes:
            self.hang_up()
        return outcome

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None or self._streams[0].at_eof():
            self.hang_up()
            self._streams = await asyncio.open_connection(*self.address)
        return self._streams

    def hang_up(self) -> None:
        """Close the connection at once."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


def _note(ask: Ask, wanted: Wanted, reception: Reception) -> None:
    """Fill in what the client has seen."""
    ask.status = reception.status
    ask.excess_bytes = reception.excess_bytes
    ask.tags = dict(Counter(found.decode() for found in TAG.findall(reception.raw)))
    strays: set[str] = set()
    for message in reception.messages():
        method, names_nothing = message.get("method"), "error" in message and message.get("id") is None
        if method == "notifications/message":
            continue
        if not names_nothing:  # else it does not say which request of this user it is about
            strays |= {found.decode() for found in TAG.findall(json.dumps(message).encode())} - {ask.id}
        if "method" in message:
            token = (message.get("params") or {}).get("progressToken")
            if wanted.honest or wanted.era == MODERN:  # a legacy child has one client, which hears whatever it says
                ask.strange_ids += method == "notifications/progress" and token != _PROGRESS_TOKEN
            continue
        if "odd" in wanted.plan and "result" not in message and "error" not in message:
            continue
        ask.answers += 1
        ask.strange_ids += message.get("id") != wanted.rpc_id and not names_nothing
        result = message.get("result")
        if isinstance(result, dict):
            ask.intact = wanted.method == "initialize" or result == result_of(ask.id, wanted.plan)
        elif isinstance(error := message.get("error"), dict):
            ask.fault = str((error.get("data") or {}).get("fault") or error.get("code"))
    ask.strays = sorted(strays)
    if ask.outcome == "fault" and ask.status == 200 and not ask.fault:
        ask.outcome = "served" if ask.answers else "cut"
