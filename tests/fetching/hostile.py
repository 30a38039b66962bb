"""A web server on loopback that answers whatever a test scripts, a resolver that says what it is told, and canaries."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trustme

from doorward.fetching.fetcher import Fetcher

Answer = bytes | Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

CA = trustme.CA()
HOST = "client.example"
SERVER_TLS = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
CA.issue_cert(HOST, "localhost", "127.0.0.1").configure_cert(SERVER_TLS)
CLIENT_TLS = ssl.create_default_context()
CA.configure_trust(CLIENT_TLS)


def response(body: bytes, status: int = 200, content_type: str = "application/json", **headers: str) -> bytes:
    lines = [
        f"HTTP/1.1 {status} X",
        f"content-type: {content_type}",
        f"content-length: {len(body)}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Host:
    """One listening web server; `answers` maps a path to what it sends."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0

    def url(self, path: str, host: str = HOST, scheme: str = "https") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def asked(self, path: str) -> int:
        return sum(request.split(b" ")[1] == path.encode() for request in self.requests)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(request)
            answer = self.answers.get(request.split(b" ")[1].decode(), response(b"{}", 404))
            if callable(answer):
                await answer(reader, writer)
            else:
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.transport.abort()


@asynccontextmanager
async def listening(tls: ssl.SSLContext | None = SERVER_TLS) -> AsyncIterator[Host]:
    host = Host()
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0, ssl=tls)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()


class Names:
    """A resolver with a script: each lookup of a name takes the next answer; the last one repeats forever."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {HOST: [["127.0.0.1"]]} | {name.replace("_", "."): each for name, each in answers.items()}
        self.lookups: list[str] = []

    async def resolve(self, host: str, port: int) -> list[str]:
        self.lookups.append(host)
        script = self.answers.get(host)
        if script is None:
            # As generous as the most generous C library.
            try:
                return [socket.inet_ntoa(socket.inet_aton(host))]
            except OSError:
                return [host] if ":" in host else []
        return script.pop(0) if len(script) > 1 else script[0]


class Switchboard:
    """A dialer that records the requested address, and connects to the canary instead."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.dialled: list[str] = []

    async def dial(self, address: str, port: int) -> socket.socket:
        self.dialled.append(address)
        connection = socket.socket()
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self.port))
        return connection


def local_fetcher(**changes) -> Fetcher:
    """A fetcher that may reach the host above, and trusts its certificate."""
    return Fetcher(**({"allow_loopback": True, "resolver": Names(), "tls": CLIENT_TLS} | changes))
