"""Raw bytes from the server behind a real door: drawn answers, spoiled, cut anywhere, closed and half closed anywhere.

One user gets them, on many connections. Two honest users share the door's connections to that server with this user;
each of their requests gets its own answer, which the server gives honestly.

What follows a whole answer goes out in one piece with its end. Sent later, it would be the answer to whatever the door
has asked by then, and no reader could tell.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Any, Final

from framing.answer_framings import ANSWERS, usual_stream
from framing.maker import ATTACKER, Maker
from framing.reading import read_answers
from framing.stage import Served
from framing.upstream import READ_EARLY, Asked, Step, Steps, usual_answer
from framing.verdict import TAG, Wire

from fuzz.socket_lines import AS_IT_IS, PATIENCE_SECONDS, Line, Report, connect, result, segments, spoiled, under_fire

WORKERS: Final = 24
SMALL_BYTES: Final = 3000
PIECES: Final = (
    b"\r", b"\n", b"\r\n", b"\x00", b" ", b"\t", b":", b",", b";", b"0", b"1", b"9", b"a", b"\xff", b"+", b"-",
    b"\r\n\r\n",
    b"0\r\n\r\n", b"\r\n ", b"content-length: 5\r\n", b"content-length: 0\r\n", b"transfer-encoding: chunked\r\n",
    b"transfer-encoding: gzip\r\n", b"connection: close\r\n", b"HTTP/1.0", b"HTTP/1.1 100 C\r\n\r\n", b"204", b"304",
    b"101",
    b"location: /mcp/\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b"content-encoding: gzip\r\n",
)  # fmt: skip
STATUSES: Final = (
    b"202 A", b"204 N", b"304 N", b"400 B", b"401 U", b"404 N", b"429 T", b"500 E", b"503 U", b"600 O", b"307 T",
)  # fmt: skip
SLOW: Final = frozenset({"1 MB", "stream without an end", "1xx without an end", "one field of 1 MB", "000", "099"})


def small_answers() -> tuple[str, ...]:
    """Return the framings of answers that are cheap to get."""
    asked = Asked(b"POST /mcp HTTP/1.1", b"", "t", "u", "x")
    cheap = []
    for name, odd in ANSWERS.items():
        size = sum(len(step) for step in odd(asked) if isinstance(step, bytes))
        if size < SMALL_BYTES and name not in SLOW and not name.encode().startswith(READ_EARLY):
            cheap.append(name)
    return tuple(cheap)


SMALL: Final = small_answers()


def answer(draw: random.Random, asked: Asked) -> bytes:
    """Draw the bytes of one answer."""
    kind = draw.random()
    if kind < 0.35:
        sent = usual_answer(asked)
    elif kind < 0.6:
        sent = usual_stream(asked)
    elif kind < 0.75:
        sent = usual_answer(asked).replace(b"200 OK", draw.choice(STATUSES), 1)
    elif kind < 0.97:
        steps = ANSWERS[draw.choice(SMALL)](asked)
        sent = b"".join(step for step in steps if isinstance(step, bytes))
    else:
        sent = draw.randbytes(draw.randrange(1, 60))
    if draw.random() < 0.55:
        other = spoiled(draw, sent, PIECES)
        if {asked.tag.encode()}.issuperset(TAG.findall(other)):  # not one that has become another call's
            sent = other
    if draw.random() < 0.15:
        sent += draw.choice((usual_answer(asked), usual_stream(asked), usual_answer(asked)[:40], b"\r\n", b"garbage"))
    return sent


def steps(draw: random.Random, asked: Asked) -> Steps:
    """Draw an answer, where it is cut, and how the connection ends."""
    sent = answer(draw, asked)
    found = read_answers(sent, [b"POST"], ended=False)
    is_good = found.rest == "none" and len(found.final) == 1 and found.final[0].whole
    # Where an answer may be over for one reader and not for another, all but the head goes out at once.
    most = len(sent) if is_good else sent.find(b"\n\r\n")
    pieces: list[Step] = list(segments(draw, sent, most))
    ending = draw.random()
    if not is_good and ending < 0.9:
        pieces.append(draw.choice(("close", "close", "close", "abort", "end")))
    elif ending < 0.12:
        pieces.append(draw.choice(("close", "abort", "end")))
    if draw.random() < 0.05:
        pieces.insert(draw.randrange(len(pieces)), draw.choice(("close", "abort", "end")))
    return pieces


class Upheaval:
    """Makes the answers of one campaign: each is drawn from the number that the call names."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __call__(self, asked: Asked) -> Steps:
        """Return the steps for one call; a redirected one is answered honestly."""
        if not asked.head.startswith(b"POST /mcp "):
            return [usual_answer(asked)]
        return steps(random.Random(f"{self._seed}/{asked.odd}"), asked)


async def work(door: Served, report: Report, number: int, cases: int, seed: int) -> None:
    """Ask for one drawn answer after the other, on a connection that is kept while it can be."""
    make, count, line = Maker(f"w{number}", door.host, door.tokens), 0, await connect(door)
    while report.cases < cases:
        count += 1
        draw = random.Random(f"{seed}/{number}/{count}/client")
        make.issued.clear()
        sent = make.call(b"X-Answer: %d/%d" % (number, count))
        line.received.clear()
        line.transport.write(sent)
        leaves = draw.random() < 0.03
        if leaves:
            await line.until(lambda line=line: bool(line.received), 0.01)
        in_time = leaves or await line.until(lambda line=line: answered(line), PATIENCE_SECONDS)
        wire = Wire(sent, bytes(line.received), line.ended, client_ended=leaves)
        verdict = door.judge.judge(wire)
        report.cases += 1
        report.taken += verdict.statuses[:1] == [200]
        report.counts["left by the client" if leaves else "answered" if verdict.at_rest else "cut"] += 1
        report.expect(verdict.meant)
        faults = verdict.faults + report.compare(door, [(ATTACKER, tag) for tag in make.issued])
        if not leaves and not verdict.statuses:
            faults.append("no answer at all")
        if not in_time:
            faults.append(f"no end in {PATIENCE_SECONDS} s")
        for fault in faults:
            report.find(f"{fault}; answer {number}/{count}", wire.received)
        if line.ended or leaves or faults or not verdict.at_rest:
            line.transport.abort()
            report.connections += 1
            line = await connect(door)
    line.transport.abort()


def answered(line: Line) -> bool:
    """Return whether one whole answer has come, or what is none."""
    found = read_answers(bytes(line.received), [b"POST"], ended=False)
    return found.rest == "wrong" or any(each.whole for each in found.final)


async def campaign(cases: int, seed: int = 0, *, launcher: Sequence[str] = AS_IT_IS) -> dict[str, Any]:
    """Get that many drawn answers."""
    report, began = Report(), time.monotonic()
    async with under_fire(Upheaval(seed), report, sure=False, launcher=launcher) as door:
        await asyncio.gather(*(work(door, report, number, cases, seed) for number in range(WORKERS)))
    return result(report, began)
