"""A TCP proxy that is told what to break: after how many bytes, at which pattern, in which direction.

It stands between a client and a door, or between a door and Postgres. A rule acts once, on the first connection that
meets it. Knows no protocol.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from judge.wire import Address

Direction = Literal["to_server", "to_client"]
Action = Literal["cut", "forward_then_cut", "forward_then_drop_answer"]
READ_BYTES = 65536


@dataclass
class Rule:
    """When so many bytes have passed, or this pattern passes, in one direction: do this to the connection.

    `cut` stops before the bytes at fault; `forward_then_cut` after them; `forward_then_drop_answer` waits until the
    other side has answered, so its work is done, and cuts without passing that answer on.
    """

    direction: Direction
    action: Action
    after_bytes: int | None = None
    pattern: bytes | None = None
    skipped: int = 0
    """How often it lets the pattern pass first."""
    used: bool = False

    def strikes(self, passed: int, data: bytes) -> int | None:
        """Return how many bytes of `data` still pass before the rule acts; None: it does not act here."""
        if self.after_bytes is not None and passed + len(data) >= self.after_bytes:
            return self.after_bytes - passed
        if self.pattern is not None and (found := data.find(self.pattern)) >= 0:
            self.skipped -= 1
            if self.skipped >= 0:
                return None
            return found if self.action == "cut" else len(data)
        return None


class Proxy:
    """Forwards every connection to one address, but for what its rules say."""

    def __init__(self, server: Address) -> None:
        self.server = server
        self.rules: list[Rule] = []
        self.cuts = 0
        self._listening: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> Address:
        """Listen on a free port of this machine and return the address."""
        self._listening = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = self._listening.sockets[0].getsockname()
        return host, port

    async def stop(self) -> None:
        """Close all connections and stop listening."""
        assert self._listening is not None
        self._listening.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            away_reader, away_writer = await asyncio.open_connection(*self.server)
        except OSError:
            writer.transport.abort()
            return
        answered = asyncio.Event()
        drop = asyncio.Event()
        pumps = [
            asyncio.ensure_future(self._pump("to_server", reader, away_writer, answered, drop)),
            asyncio.ensure_future(self._pump("to_client", away_reader, writer, answered, drop)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            writer.transport.abort()
            away_writer.transport.abort()

    async def _pump(
        self,
        direction: Direction,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answered: asyncio.Event,
        drop: asyncio.Event,
    ) -> None:
        passed = 0
        with suppress(OSError):
            while data := await reader.read(READ_BYTES):
                if direction == "to_client" and drop.is_set():
                    answered.set()
                    return
                rule, allowed = self._struck(direction, passed, data)
                if rule is not None and rule.action == "forward_then_drop_answer":
                    drop.set()
                writer.write(data if rule is None else data[:allowed])
                await writer.drain()
                passed += len(data)
                if rule is not None:
                    self.cuts += 1
                    if drop.is_set():
                        await answered.wait()
                    return

    def _struck(self, direction: Direction, passed: int, data: bytes) -> tuple[Rule | None, int]:
        for rule in self.rules:
            if rule.used or rule.direction != direction:
                continue
            allowed = rule.strikes(passed, data)
            if allowed is not None:
                rule.used = True
                return rule, allowed
        return None, 0
