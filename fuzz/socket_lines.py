"""What both campaigns at sockets share: a connection with the door, two honest users, and the state of the door."""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil
from framing.maker import Maker
from framing.reading import read_answers
from framing.stage import VICTIMS, Served, served
from framing.upstream import Asked, Steps
from framing.verdict import RESET, Wire, call_body, strays

PATIENCE_SECONDS: Final = 20.0
"""For an answer that must come; a busy machine gives it in seconds."""
GROWTH_BYTES: Final = 96 * 1024 * 1024
"""What the door may grow by, whatever is sent to it."""
HONEST_PAUSE_SECONDS: Final = 0.004
LISTS: Final = VICTIMS[0]
"""The user who lists: such a request may be sent again, so it is always answered."""
KEPT_FINDS: Final = 10
AS_IT_IS: Final = ("-m", "doorward")
"""How Python starts the door that is tried."""
_REMEMBERED: Final = 50_000


class Line(asyncio.Protocol):
    """One connection with the door; keeps what came."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.ended = False
        self.transport: Any = None
        self._news: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio names it)
        self.ended = True
        self._wake()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def until(self, enough: Callable[[], bool], seconds: float) -> bool:
        """Wait until it is enough, or the door has closed; tell whether that was in time."""
        end = asyncio.get_running_loop().time() + seconds
        while not self.ended and not enough():
            self._news = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout_at(end):
                    await self._news
            except TimeoutError:
                return False
        return True

    async def send(self, segments: Sequence[bytes], draw: random.Random) -> None:
        """Send the segments, with turns of the loop between them."""
        for number, segment in enumerate(segments):
            for _ in range(draw.randrange(1, 4) if number else 0):
                await asyncio.sleep(0)
            if self.ended or self.transport.is_closing():
                return
            self.transport.write(segment)


async def connect(door: Served) -> Line:
    """Open a connection."""
    _, line = await asyncio.get_running_loop().create_connection(Line, "127.0.0.1", door.program.port)
    return line


def segments(draw: random.Random, data: bytes, most: int) -> list[bytes]:
    """Cut the bytes in several pieces, at places before `most`."""
    if most < 2 or draw.random() < 0.3:
        return [data]
    cuts = sorted({draw.randrange(1, most) for _ in range(draw.randrange(1, 6))})
    return [data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def spoiled(draw: random.Random, sent: bytes, pieces: Sequence[bytes]) -> bytes:
    """Return the bytes with some changes, most of them in the head; `pieces` are what is put in."""
    data = bytearray(sent)
    for _ in range(draw.choice((1, 1, 2, 3))):
        end = max(1, data.find(b"\r\n\r\n") + 4)
        at = draw.randrange(end if draw.random() < 0.7 else max(1, len(data)))
        what = draw.random()
        if what < 0.4:
            data[at:at] = draw.choice(pieces)
        elif what < 0.6:
            data[at : at + draw.randrange(1, 4)] = draw.choice(pieces)
        elif what < 0.75:
            del data[at : at + draw.randrange(1, 6)]
        elif what < 0.85:
            line_end = data.find(b"\n", at) + 1
            begin = data.rfind(b"\n", 0, at) + 1
            data[begin:begin] = data[begin:line_end]
        elif what < 0.95:
            data[at : at + 1] = draw.randbytes(1)
        else:
            del data[at:]
    return bytes(data)


@dataclass
class Report:
    """What a campaign has found so far."""

    cases: int = 0
    taken: int = 0
    connections: int = 0
    honest: int = 0
    resets: int = 0
    finds: list[dict[str, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    meant: dict[tuple[str, str], int] = field(default_factory=dict)

    def find(self, error: str, sent: bytes) -> None:
        """Keep a find."""
        self.counts["finds"] += 1
        if len(self.finds) < KEPT_FINDS:
            self.finds.append({"error": error, "input": sent.hex() if len(sent) < 2000 else repr(sent[:2000])})

    def expect(self, meant: Counter[tuple[str, str]]) -> None:
        """Note calls that may be seen behind the door from now on."""
        for key, count in meant.items():
            self.meant[key] = self.meant.get(key, 0) + count
        while len(self.meant) > _REMEMBERED:
            del self.meant[next(iter(self.meant))]

    def compare(self, door: Served, own: Sequence[tuple[str, str]]) -> list[str]:
        """Compare what was seen of these calls with what was sent, and forget what was seen."""
        assert door.upstream is not None
        seen = {key: door.upstream.seen.pop(key) for key in own if key in door.upstream.seen}
        found = strays(seen, self.meant)
        for key in seen:
            self.meant.pop(key, None)
        return found


async def honest(door: Served, user: str, lane: str, report: Report, over: asyncio.Event, *, sure: bool) -> None:
    """Be an honest user on a kept connection until it is over: each request gets its own answer.

    `sure`: the server behind the door is honest, so no call may fail with a broken connection.
    """
    make, line = Maker(lane, door.host, door.tokens), await connect(door)
    method = "tools/list" if user == LISTS else "tools/call"
    while not over.is_set():
        sent = make.call(user=user, body=call_body(make.tag(user), method))
        line.received.clear()
        line.transport.write(sent)

        def answered(line: Line = line) -> bool:
            found = read_answers(bytes(line.received), [b"POST"], ended=False)
            return found.rest == "wrong" or any(each.whole for each in found.final)

        in_time = await line.until(answered, PATIENCE_SECONDS)
        verdict = door.judge.judge(Wire(sent, bytes(line.received), line.ended))
        report.honest += 1
        faults = verdict.faults + ([] if in_time else ["no answer in time"])
        if verdict.statuses != [200]:
            report.resets += RESET in line.received
            if sure or RESET not in line.received:
                faults.append(f"statuses {verdict.statuses}")
        report.expect(verdict.meant)
        faults += report.compare(door, list(verdict.meant))
        for fault in faults:
            report.find(f"honest {user}: {fault}", sent + b" -> " + bytes(line.received))
        if line.ended or faults:
            line.transport.abort()
            line = await connect(door)
        await asyncio.sleep(HONEST_PAUSE_SECONDS)
    line.transport.abort()


@contextlib.asynccontextmanager
async def under_fire(
    odd: Callable[[Asked], Steps | None], report: Report, *, sure: bool, launcher: Sequence[str]
) -> AsyncIterator[Served]:
    """Serve a door that two honest users go on using; look at its log, memory and life afterwards."""
    over = asyncio.Event()
    with tempfile.TemporaryDirectory(prefix="sockets-") as folder:
        async with served(Path(folder), odd, launcher=launcher) as door:
            users = [
                asyncio.create_task(honest(door, user, f"honest{number}", report, over, sure=sure))
                for number, user in enumerate(VICTIMS * 2)
            ]
            before, cpu = memory(door), seconds_of(door) + time.process_time()
            try:
                yield door
            finally:
                over.set()
            await asyncio.gather(*users)
            report.counts["ms of CPU"] = int(1000 * (seconds_of(door) + time.process_time() - cpu))
            if door.program.process.poll() is not None:
                report.find(f"the door has ended: {door.program.output()[-400:]}", b"")
            report.counts["KiB before"], report.counts["KiB after"] = before // 1024, memory(door) // 1024
            if memory(door) > before + GROWTH_BYTES:
                report.find(f"the door has grown from {before} to {memory(door)} bytes", b"")
            assert door.upstream is not None
            for fault in [*door.bugs()[:KEPT_FINDS], *door.upstream.faults[:KEPT_FINDS]]:
                report.find(fault, b"")
            for fault in strays(door.upstream.seen, report.meant):
                report.find(f"behind the door: {fault}", b"")


def memory(door: Served) -> int:
    """Return how many bytes the door holds."""
    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(door.program.process.pid).memory_info().rss)
    return 0


def seconds_of(door: Served) -> float:
    """Return how many seconds of CPU the door has used."""
    with contextlib.suppress(psutil.Error):
        times = psutil.Process(door.program.process.pid).cpu_times()
        return float(times.user + times.system)
    return 0.0


def result(report: Report, began: float) -> dict[str, Any]:
    """Return the row of a campaign."""
    seconds = time.monotonic() - began
    note = (
        f"{report.connections:,} connections, {report.cases / seconds:,.0f} cases/s, "
        f"{report.cases * 1000 / max(1, report.counts['ms of CPU']):,.0f} per second of CPU of both sides; "
        f"{report.honest:,} honest requests "
        f"({report.resets} resets); door {report.counts['KiB before'] // 1024} -> {report.counts['KiB after'] // 1024} "
        f"MiB; {', '.join(f'{count:,} {what}' for what, count in sorted(report.counts.items()) if what.islower())}"
    )
    return {
        "inputs": report.cases,
        "taken": report.taken,
        "finds": report.counts["finds"],
        "seconds": round(seconds, 1),
        "kept": report.finds,
        "note": note,
    }
