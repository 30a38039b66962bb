"""A server of the test bed behind a real port, with real waits in place of its own clock.

An answer that never comes, a stream with pauses and a connection that breaks off are what they are called here; a
certificate without its intermediate is sent as such. Kept connections are kept, and say for how long they were quiet.

Implements RFC 9112 as far as clients and checkers go.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httptools

from doorward.doctor.engine.requests import Request, Response, SignIn
from testbed.certificates import leaf_only
from testbed.good import ORIGIN, Good

HOST = "127.0.0.1"
NO_HOST = "no-address.invalid"
_CHUNK_BYTES = 65536
_PATIENCE_SECONDS = 300.0
_NO_BODY = frozenset({204, 304})
_BUTTON = b'<!doctype html><title>Sign in</title><form method="post"><button>Allow</button></form>'


@asynccontextmanager
async def serving(kind: type[Good], port: int = 0) -> AsyncIterator[str]:
    """Serve until the block ends, and give the URL of the endpoint; the second origin is at the next port.

    Port 0: any two that are free.
    """
    async with running(kind, port) as server:
        yield server.url


@asynccontextmanager
async def running(kind: type[Good], port: int = 0) -> AsyncIterator[Good]:
    """Serve until the block ends, and give the server itself: its URL, what was asked, a token of it."""
    fault = getattr(kind, "fault", "")
    async with AsyncExitStack() as stack:
        tls = leaf_only() if fault == "tls" else None
        ports = [_Port(), _Port()]
        for number, each in enumerate(ports):
            await stack.enter_async_context(each.listening(port and port + number, tls))
        scheme, host = "https" if tls else "http", NO_HOST if fault == "unresolved" else HOST
        here, there = (f"{scheme}://{host}:{each.number}" for each in ports)
        if fault == "unreachable":
            await stack.aclose()
        served = type(kind.__name__, (kind,), {"began_at": time.time(), "second": there})
        server: Good = served(here)
        for each, origin in zip(ports, (here, there), strict=True):
            each.server, each.origin = server, origin
        yield server


class _Port:
    """One listening port."""

    def __init__(self) -> None:
        self.number = 0
        self.server: Good | None = None
        self.origin = ORIGIN
        self._tasks: set[asyncio.Task[None]] = set()
        self._names = 0

    @asynccontextmanager
    async def listening(self, port: int, tls: ssl.SSLContext | None) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._accept, HOST, port, ssl=tls)
        self.number = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._names += 1
        name = f"connection-{self._names}"
        try:
            await self._connection(reader, writer, name)
        except (OSError, httptools.HttpParserError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> None:
        quiet_since = 0.0
        while (asked := await _asked(reader)) is not None and self.server is not None:
            now = time.monotonic()
            request = asked.request(self.origin, name, now - quiet_since if quiet_since else 0.0)
            self.server.now = time.time()
            self.server.requests.append(request)
            response = self.server.everything(request)
            if request.url.startswith(f"{self.origin}/authorize") and response.status == HTTPStatus.OK:
                response = _page(self.server, request, response)
            if not await _answer(writer, reader, request, response) or not asked.kept:
                await _goodbye(writer)
                return
            quiet_since = time.monotonic()


@dataclass
class _Asked:
    """httptools' callbacks for one request."""

    parser: Any = None
    method: str = ""
    target: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    complete: bool = False
    kept: bool = False

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        self.method = self.parser.get_method().decode()
        self.kept = self.parser.should_keep_alive()
        self.complete = True

    def request(self, origin: str, connection: str, quiet_seconds: float) -> Request:
        url = f"{origin}{self.target.decode('latin-1')}"
        # For how long a client listens shows only when it stops.
        known = {"wait_seconds": quiet_seconds, "limit_seconds": _PATIENCE_SECONDS}
        return Request(self.method, url, self.headers, self.body, connection=connection if self.kept else "", **known)


async def _asked(reader: asyncio.StreamReader) -> _Asked | None:
    """Read one request; None when the client is gone."""
    asked = _Asked()
    asked.parser = httptools.HttpRequestParser(asked)
    while not asked.complete:
        data = await reader.read(_CHUNK_BYTES)
        if not data:
            return None
        with suppress(httptools.HttpParserUpgrade):
            asked.parser.feed_data(data)
    return asked


async def _answer(
    writer: asyncio.StreamWriter, reader: asyncio.StreamReader, request: Request, response: Response
) -> bool:
    """Send an answer at its pace, and tell whether the connection may be kept."""
    if response.status:
        writer.write(_head(request, response))
        await _body(writer, request, response)
    if response.fault == "timeout":
        await reader.read()
    return not response.fault and response.status > 0


def _head(request: Request, response: Response) -> bytes:
    fields = dict(response.headers)
    if response.fault or response.arrivals:
        fields["transfer-encoding"] = "chunked"
    elif response.status not in _NO_BODY:
        fields.setdefault("content-length", str(len(response.body)))
    lines = [f"HTTP/1.1 {response.status} {_phrase(response.status)}"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


async def _body(writer: asyncio.StreamWriter, request: Request, response: Response) -> None:
    began, sent = time.monotonic(), 0
    chunked = bool(response.fault or response.arrivals)
    for at, size in response.arrivals:
        await asyncio.sleep(began + at - time.monotonic())
        await _piece(writer, response.body[sent : sent + size], chunked=chunked)
        sent += size
    await asyncio.sleep(began + response.elapsed_seconds - time.monotonic())
    if request.method != "HEAD" and response.status not in _NO_BODY:
        await _piece(writer, response.body[sent:], chunked=chunked)
    if chunked and not response.fault:
        writer.write(b"0\r\n\r\n")
    await writer.drain()


async def _piece(writer: asyncio.StreamWriter, data: bytes, *, chunked: bool) -> None:
    if data:
        writer.write(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
        await writer.drain()


async def _goodbye(writer: asyncio.StreamWriter) -> None:
    """Close gracefully: an abort would discard what the client has not read yet."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def _page(server: Good, request: Request, shown: Response) -> Response:
    """Put the button on the page: a form that is posted back to the same URL."""
    if request.method == "POST":
        return server.sign_in(SignIn(request.url, ""))
    form = b"</form>" in shown.body
    body = shown.body.replace(b"</form>", b"<button>Allow</button></form>") if form else _BUTTON
    return Response(shown.status, shown.headers, body)
