"""A TCP proxy that cuts the connection at a chosen message of the client: before it arrives, or before its answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Literal

Moment = Literal["before", "after"]


@dataclass
class CuttingProxy:
    """Forwards to `target_port`; `cut` looks at each chunk that a client sends and says whether to cut there."""

    target_port: int
    cut: Callable[[bytes], Moment | None] = lambda _chunk: None
    cuts: int = 0
    port: int = 0
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        self._writers += [writer, server_writer]
        answers = asyncio.create_task(_forward(server_reader, writer))
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while chunk := await reader.read(65536):
                moment = self.cut(chunk)
                if moment == "after":
                    # The server gets the message and does it; its answer finds nobody.
                    answers.cancel()
                    await asyncio.wait([answers])
                    server_writer.write(chunk)
                    await server_reader.read(1)
                if moment is not None:
                    self.cuts += 1
                    break
                server_writer.write(chunk)
        answers.cancel()
        writer.transport.abort()
        server_writer.transport.abort()

    def close_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
    writer.close()


@contextlib.asynccontextmanager
async def cutting_proxy(target_port: int) -> AsyncIterator[CuttingProxy]:
    """Run a proxy on a free port."""
    proxy = CuttingProxy(target_port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.close_all()
