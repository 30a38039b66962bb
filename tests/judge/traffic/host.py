"""A process with one door, served by `doorward serve` or mounted in an application that cancels its requests.

`python -m judge.traffic.host SETTINGS` with the settings as JSON; it listens on a socket that it inherits.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from judge.node import ISSUER
from judge.traffic import weaknesses
from judge.traffic.plans import result_of

from doorward.app import Door
from doorward.cli.process import serve
from doorward.logs import configure
from doorward.upstreams.http.upstream import HttpUpstream
from doorward.upstreams.port import Receive, Scope, Send
from doorward.upstreams.stdio.upstream import StdioUpstream

LIMIT = b"x-time-limit-ms"
CANCELS = b"x-cancels"


@dataclass(frozen=True)
class HostSettings:
    """What a host is started with."""

    directory: str
    url: str = ""
    """The upstream's address, for a door in front of one."""
    command: list[str] = field(default_factory=list)
    """The upstream's command. With neither, the upstream is an application in this process."""
    is_mounted: bool = False
    places: int = 256
    timeout_seconds: float = 20
    connect_timeout_seconds: float = 10
    write_timeout_seconds: int = 20
    weakness: str = ""
    socket_fd: int = -1

    def encoded(self) -> str:
        """Return the settings for a command line."""
        return msgspec.json.encode(asdict(self)).decode()


async def answering_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer as the upstream of `upstream.py` does, in this process."""
    if scope["type"] != "http":
        return
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    asked = json.loads(bytes(body))
    given = asked["params"]["arguments"]
    plan, tag = given["plan"], given["tag"]
    await asyncio.sleep(plan.get("wait_ms", 0) / 1000)
    answer = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result_of(tag, plan)}).encode()
    is_stream = plan.get("shape") == "sse"
    kind = b"text/event-stream" if is_stream else b"application/json"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    data = b"data: " + answer + b"\n\n" if is_stream else answer
    step = -(-len(data) // plan.get("pieces", 1))
    for start in range(0, len(data), step):
        more = start + step < len(data)
        await send({"type": "http.response.body", "body": data[start : start + step], "more_body": more})
        await asyncio.sleep(plan.get("gap_ms", 0) / 1000)


class Mounted:
    """An application around a door that ends requests from outside, in the ways in which frameworks do."""

    def __init__(self, door: Door) -> None:
        self.door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with the time limit or the cancellation that the request names."""
        headers = dict(scope.get("headers", ()))
        if LIMIT in headers:
            await self._limited(scope, receive, send, float(headers[LIMIT]) / 1000)
        elif CANCELS in headers:
            await self._cancelled_on_disconnect(scope, receive, send)
        else:
            await self.door(scope, receive, send)

    async def _limited(self, scope: Scope, receive: Receive, send: Send, seconds: float) -> None:
        started = False

        async def noting(message: Any) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            async with asyncio.timeout(seconds):
                await self.door(scope, receive, noting)
        except TimeoutError:
            if not started:
                headers = [(b"content-length", b"0"), (b"connection", b"close")]
                await send({"type": "http.response.start", "status": 504, "headers": headers})
                await send({"type": "http.response.body", "body": b""})

    async def _cancelled_on_disconnect(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrived: asyncio.Queue[Any] = asyncio.Queue()
        work = asyncio.ensure_future(self.door(scope, arrived.get, send))

        async def listen() -> None:
            while (message := await receive())["type"] != "http.disconnect":
                arrived.put_nowait(message)
            work.cancel()

        listening = asyncio.ensure_future(listen())
        try:
            with suppress(asyncio.CancelledError):
                await work
        finally:
            listening.cancel()


def make_door(settings: HostSettings) -> Door:
    """Compose a door as `doorward serve` does, in front of the upstream of the settings."""
    given: dict[str, Any] = {"auth": "token", "upstream_timeout_seconds": int(settings.timeout_seconds)}
    if "write_timeout_seconds" in weaknesses.known_settings():
        given["write_timeout_seconds"] = settings.write_timeout_seconds
    if settings.url:
        given["upstream"] = HttpUpstream(
            settings.url,
            timeout_seconds=settings.timeout_seconds,
            connect_timeout_seconds=settings.connect_timeout_seconds,
            max_connections=settings.places,
        )
    elif settings.command:
        given["upstream"] = StdioUpstream(settings.command, timeout_seconds=settings.timeout_seconds)
    else:
        given["app"] = answering_app
    return Door(public_url=ISSUER, data_dir=Path(settings.directory) / "data", **given)


def main() -> None:
    """Be a host until somebody ends this process."""
    settings = HostSettings(**msgspec.json.decode(sys.argv[1]))
    configure("json", "info")
    weaknesses.plant(settings.weakness)
    door = make_door(settings)
    listening = socket.socket(fileno=settings.socket_fd)
    if settings.is_mounted:
        config = uvicorn.Config(Mounted(door), log_level="error", ws="none", timeout_graceful_shutdown=1)
        uvicorn.Server(config).run(sockets=[listening])
    else:
        serve(door, listening)


if __name__ == "__main__":
    main()
