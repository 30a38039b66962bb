"""A hostile server on loopback: a good one of the test bed, with something else at one place of it.

A case is a function that answers on the wire, byte by byte, or a class that changes what the good server says.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from doorward.doctor.engine.requests import Request, Response
from testbed.good import Good

Handler = Callable[["Visit"], Awaitable[None]]
MCP, TOKEN, REGISTER, AUTHORIZE = "/mcp", "/token", "/register", "/authorize"
RESOURCE = "/.well-known/oauth-protected-resource"
ISSUER = "/.well-known/oauth-authorization-server"
ISSUERS = f"{ISSUER} /.well-known/openid-configuration"
CASES: dict[str, Case] = {}


@dataclass(frozen=True)
class Case:
    """One hostile server."""

    name: str
    good: type[Good] = Good
    at: str = ""
    handler: Handler | None = None
    raw: bool = False
    """The handler gets the connection before anything is read from it."""
    tls: ssl.SSLContext | None = None
    scheme: str = "http"
    finds: str | None = None
    """A rule that must be named; None: what is hostile here does not stop a client."""
    slow: bool = False
    """The time limit of the examination may end it."""


@dataclass
class Visit:
    """One request, and the way to answer it."""

    request: Request
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    good: Good

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def drip(self, data: bytes, pause_seconds: float = 0.05) -> None:
        for byte in data:
            await self.send(bytes([byte]))
            await asyncio.sleep(pause_seconds)

    async def forever(self, piece: bytes) -> None:
        while not self.writer.is_closing():
            await self.send(piece)

    async def silence(self) -> None:
        await self.reader.read()
        await asyncio.Event().wait()


def head(*fields: bytes, status: bytes = b"200 OK", kind: bytes = b"application/json") -> bytes:
    return b"\r\n".join([b"HTTP/1.1 " + status, b"content-type: " + kind, *fields, b"", b""])


def answer(body: bytes, *fields: bytes, status: bytes = b"200 OK", kind: bytes = b"application/json") -> bytes:
    return head(b"content-length: %d" % len(body), *fields, status=status, kind=kind) + body


def hostile(name: str, **facts: object) -> Callable[[Handler], Handler]:
    """Note a handler, or a class derived from a good server, as a case."""

    def note(thing):
        shape = {"good": thing} if isinstance(thing, type) else {"handler": thing}
        assert name not in CASES
        CASES[name] = Case(name, **(shape | facts))
        return thing

    return note


@dataclass
class Running:
    """A hostile server that listens."""

    case: Case
    port: int = 0
    good: Good = field(default_factory=Good)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{self.good.origin}/mcp"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            if self.case.raw and self.case.handler is not None:
                await self.case.handler(Visit(Request("", ""), reader, writer, self.good))
                return
            request = await self._read(reader)
            self.good.requests.append(request)
            if self.case.handler is not None and self._is_hostile(request):
                await self.case.handler(Visit(request, reader, writer, self.good))
                return
            writer.write(on_the_wire(self.good.everything(request)))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            return
        finally:
            self.tasks.discard(task)
            writer.close()

    def _is_hostile(self, request: Request) -> bool:
        path = urlsplit(request.url).path
        return any(path.startswith(place) for place in self.case.at.split())

    async def _read(self, reader: asyncio.StreamReader) -> Request:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = {}
        for line in filter(None, lines[1:]):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Request(method, f"{self.good.origin}{target}", headers, body)


def on_the_wire(response: Response) -> bytes:
    fields = [f"{name}: {value}".encode() for name, value in response.headers.items()]
    length = b"content-length: %d" % len(response.body)
    return b"\r\n".join([b"HTTP/1.1 %d X" % response.status, *fields, length, b"connection: close", b"", b""]) + (
        response.body
    )


@asynccontextmanager
async def listening(case: Case):
    """Run a case until the block ends."""
    running = Running(case)
    server = await asyncio.start_server(running.serve, "127.0.0.1", 0, ssl=case.tls)
    running.port = server.sockets[0].getsockname()[1]
    host = "localhost" if case.scheme == "https" else "127.0.0.1"
    running.good = case.good(f"{case.scheme}://{host}:{running.port}")
    try:
        yield running
    finally:
        server.close()
        for task in tuple(running.tasks):
            task.cancel()
        await asyncio.gather(*running.tasks, return_exceptions=True)
