"""A relay between a proxy and the door that keeps what went over each connection, in both directions."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator

from framing.verdict import Judge, Verdict, Wire

READ_BYTES = 64 * 1024
Address = tuple[str, int]


class Tapped:
    """One connection of a proxy to the door."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.received = bytearray()
        self.server_ended = False
        self.client_ended = False
        self.over = False
        self.counted: Counter[tuple[str, str]] = Counter()
        """Calls since the connection was last at rest that were reported before."""

    def wire(self) -> Wire:
        """Return what went over it since it was last at rest."""
        return Wire(bytes(self.sent), bytes(self.received), self.server_ended, self.client_ended)


class Tap:
    """Listens for a proxy, and connects to the door once for each connection of the proxy."""

    def __init__(self, door: Address, judge: Judge) -> None:
        self._door = door
        self._judge = judge
        self._connections: list[Tapped] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.opened = 0
        self.requests = 0

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Tap]:
        """Listen until the block ends."""
        server = await asyncio.start_server(self._begin, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._connected(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tapped = Tapped()
        self.opened += 1
        self._connections.append(tapped)
        try:
            door_reader, door_writer = await asyncio.open_connection(*self._door)
        except OSError:
            writer.close()
            tapped.over = True
            return
        try:
            await self._both_ways(reader, writer, door_reader, door_writer, tapped)
        finally:
            for each in (writer, door_writer):
                each.close()
            tapped.over = True
            with contextlib.suppress(OSError):
                await asyncio.gather(writer.wait_closed(), door_writer.wait_closed())

    async def _both_ways(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        door_reader: asyncio.StreamReader,
        door_writer: asyncio.StreamWriter,
        tapped: Tapped,
    ) -> None:
        up = asyncio.create_task(self._pass(reader, door_writer, tapped, upwards=True))
        down = asyncio.create_task(self._pass(door_reader, writer, tapped, upwards=False))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            if up.done() and not down.done():
                door_writer.close()  # what a proxy does that hangs up
                await down
        finally:
            up.cancel()
            down.cancel()

    @staticmethod
    async def _pass(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tapped: Tapped, *, upwards: bool
    ) -> None:
        kept = tapped.sent if upwards else tapped.received
        try:
            while data := await reader.read(READ_BYTES):
                kept += data
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        if upwards:
            tapped.client_ended |= not tapped.server_ended
        else:
            tapped.server_ended |= not tapped.client_ended

    def settle(self) -> Verdict:
        """Judge every connection, and forget what is over and what is at rest."""
        total = Verdict()
        left: list[Tapped] = []
        for tapped in self._connections:
            verdict = self._judge.judge(tapped.wire())
            total.faults += verdict.faults
            total.meant += verdict.meant - tapped.counted
            tapped.counted = verdict.meant
            total.statuses += verdict.statuses
            total.owed += verdict.owed
            if verdict.faults or tapped.over:
                continue
            if verdict.at_rest:
                tapped.sent.clear()
                tapped.received.clear()
                tapped.counted = Counter()
            left.append(tapped)
        self._connections = left
        return total
