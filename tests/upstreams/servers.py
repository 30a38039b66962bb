"""Servers on free loopback ports: a real one under uvicorn, and hostile ones that write what they please."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import uvicorn

Handler = Callable[["Visit"], Awaitable[None]]


@contextlib.asynccontextmanager
async def uvicorn_server(app: Any, **settings: Any) -> AsyncIterator[int]:
    """Serve an app inside this loop; yields the port."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1, **settings)
    )
    # uvicorn's own start-up would take over the signal handlers of the test run.
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    main = asyncio.ensure_future(server.main_loop())
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await main
        await server.shutdown()


class Visit:
    """One connection to a hostile server."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.reader = reader
        self.writer = writer

    async def request(self) -> tuple[bytes, bytes]:
        """Read one request; returns its head and body. Raises `IncompleteReadError` when the peer leaves."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length")), 0
        )
        return head, await self.reader.readexactly(length)

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, body: bytes, status: str = "200 OK", kind: str = "application/json", more: str = "") -> None:
        head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
        await self.write(head.encode() + body)

    def reset(self) -> None:
        self.writer.transport.abort()

    async def left_within(self, seconds: float) -> bool:
        """Return whether the peer closes in this time."""
        try:
            return not await asyncio.wait_for(self.reader.read(1), seconds)
        except TimeoutError:
            return False

    async def gone(self) -> None:
        """Wait until the peer closes."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass


@contextlib.asynccontextmanager
async def hostile(handler: Handler, **settings: Any) -> AsyncIterator[int]:
    """Run `handler` for each connection; yields the port."""
    tasks: set[asyncio.Task[None]] = set()
    count = 0

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await handler(Visit(count, reader, writer))
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(run, "127.0.0.1", 0, **settings)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
