"""A pooler in transaction mode, as PgBouncer is one: each transaction of a client runs in any session of the server."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator

SSL_REQUEST = 80877103
AUTHENTICATED, SASL_FINAL = 0, 12
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read one message; returns its type and its contents."""
    kind = await reader.readexactly(1)
    size = await reader.readexactly(4)
    return kind, await reader.readexactly(struct.unpack("!i", size)[0] - 4)


def write(writer: asyncio.StreamWriter, kind: bytes, contents: bytes) -> None:
    writer.write(kind + struct.pack("!i", len(contents) + 4) + contents)


class TransactionPooler:
    """Every client signs in on a session of its own, which is then there for all of them."""

    def __init__(self, server_port: int, *, last_first: bool) -> None:
        self._server_port = server_port
        self._last_first = last_first
        """Whether the session that was used last is given out first, as PgBouncer does."""
        self._idle: list[Stream] = []
        self._freed = asyncio.Condition()
        self._serving: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            await self._sign_in(reader, writer)
            while True:
                first = await message(reader)
                if first[0] == b"X":
                    break
                await self._transaction(first, reader, writer)
        writer.close()
        self._serving.discard(task)

    async def _sign_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size, code = struct.unpack("!ii", await reader.readexactly(8))
        if code == SSL_REQUEST:
            writer.write(b"N")
            size, code = struct.unpack("!ii", await reader.readexactly(8))
        server = await asyncio.open_connection("127.0.0.1", self._server_port)
        server[1].write(struct.pack("!ii", size, code) + await reader.readexactly(size - 8))
        kind = b""
        while kind != b"Z":
            kind, contents = await message(server[0])
            write(writer, kind, contents)
            if kind == b"R" and struct.unpack("!i", contents[:4])[0] not in {AUTHENTICATED, SASL_FINAL}:
                write(server[1], *await message(reader))
        await self._give_back(server)

    async def _transaction(
        self, first: tuple[bytes, bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        async with self._freed:
            await self._freed.wait_for(lambda: self._idle)
            server = self._idle.pop(-1 if self._last_first else 0)
        write(server[1], *first)
        forward = asyncio.ensure_future(self._forward(reader, server[1]))
        try:
            while True:
                kind, contents = await message(server[0])
                ends = (kind, contents) == (b"Z", b"I")
                if ends:
                    forward.cancel()
                    await asyncio.gather(forward, return_exceptions=True)
                    await self._give_back(server)
                write(writer, kind, contents)
                if ends:
                    return
        finally:
            forward.cancel()

    @staticmethod
    async def _forward(reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while True:
            write(server, *await message(reader))

    async def _give_back(self, server: Stream) -> None:
        async with self._freed:
            self._idle.append(server)
            self._freed.notify()

    async def close(self) -> None:
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        for _, writer in self._idle:
            writer.close()


@contextlib.asynccontextmanager
async def transaction_pooler(server_port: int, *, last_first: bool = True) -> AsyncIterator[int]:
    """Run a pooler in front of a server; yields its port."""
    pooler = TransactionPooler(server_port, last_first=last_first)
    server = await asyncio.start_server(pooler.serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await pooler.close()
