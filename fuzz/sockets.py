"""Raw bytes at the port of a real door: drawn requests, spoiled, cut anywhere, many on a connection, of two users.

What was sent is read by a reader that shares no code with the door's. It says which requests there are; the door may
refuse and close at any place, and answers nothing else.
"""

from __future__ import annotations

import asyncio
import functools
import random
import time
from collections.abc import Sequence
from typing import Any, Final

from framing.maker import ATTACKER, Maker, chunked, length
from framing.reading import Requests, read_answers, read_requests
from framing.request_framings import CHUNKED, REQUESTS
from framing.stage import VICTIMS, Served
from framing.verdict import Wire

from fuzz.socket_lines import AS_IT_IS, PATIENCE_SECONDS, Line, Report, connect, result, segments, spoiled, under_fire

WORKERS: Final = 24
SENDERS: Final = (ATTACKER, VICTIMS[0])
UNSURE_SECONDS: Final = 0.5
"""How long a connection is watched that the door should close."""
SMALL_BYTES: Final = 4000
PIECES: Final = (
    b"\r", b"\n", b"\r\n", b"\x00", b" ", b"\t", b":", b",", b";", b"0", b"1", b"9", b"a", b"\x0b", b"\xff", b"+", b"-",
    b"_",
    b"\r\n\r\n", b"\n\n", b"0\r\n\r\n", b"\r\n ", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"chunked, ",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity\r\n", b"Connection: Upgrade\r\nUpgrade: x\r\n",
    b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"HTTP/1.0", b"CONNECT ",
    b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n",
)  # fmt: skip
FIELDS: Final = (
    b"Connection: keep-alive", b"Connection: close", b"Connection: Upgrade\r\nUpgrade: x", b"Expect: 100-continue",
    b"Transfer-Encoding: chunked", b"Content-Length: 3", b"X-Pad: a", b"TE: trailers", b"X-Answer: slow",
    b"Upgrade: h2c",
)  # fmt: skip
GETS: Final = ((b"GET", b"/livez"), (b"HEAD", b"/livez"), (b"GET", b"/.well-known/oauth-protected-resource/mcp"),
               (b"OPTIONS", b"/mcp"), (b"DELETE", b"/mcp"), (b"GET", b"/none"), (b"PUT", b"/mcp"))  # fmt: skip


@functools.cache
def small_framings() -> tuple[str, ...]:
    """Return the framings that are cheap to send."""
    make = Maker("none", b"h", {ATTACKER: b"t"})
    cheap = [
        name
        for name, framing in REQUESTS.items()
        if sum(len(step) for step in framing(make) if isinstance(step, bytes)) < SMALL_BYTES
    ]
    return tuple(cheap)


def request(draw: random.Random, make: Maker) -> bytes:
    """Draw one request, good or spoiled."""
    kind, user = draw.random(), draw.choice(SENDERS)
    fields = [draw.choice(FIELDS) for _ in range(draw.choice((0, 0, 0, 1, 2)))]
    if kind < 0.45:
        sent = make.call(*fields, user=user)
    elif kind < 0.65:
        body = make.body(user)
        at = draw.randrange(len(body))
        sent = make.head(CHUNKED, *fields, user=user) + chunked(body[: at + 1], *filter(None, [body[at + 1 :]]))
    elif kind < 0.75:
        method, target = draw.choice(GETS)
        body = draw.choice((b"", b"", make.inner()))
        lines = [*fields, length(body)] if body else fields
        sent = make.head(*lines, user=draw.choice((user, None)), method=method, target=target) + body
    elif kind < 0.8:
        inner = make.inner()
        sent = make.head(*fields, length(inner), user=None) + inner
    elif kind < 0.97:
        steps = REQUESTS[draw.choice(small_framings())](make)
        sent = b"".join(step for step in steps if isinstance(step, bytes))
    else:
        sent = draw.randbytes(draw.randrange(1, 60))
    return spoiled(draw, sent, PIECES) if draw.random() < 0.4 else sent


def stream(draw: random.Random, make: Maker) -> bytes:
    """Draw what one connection sends: some requests, and mostly a last one that closes it."""
    sent = b"".join(request(draw, make) for _ in range(draw.choice((1, 1, 2, 3, 4, 6))))
    return sent + make.call(b"Connection: close", user=draw.choice(SENDERS)) if draw.random() < 0.85 else sent


def is_over(line: Line, asked: Requests) -> bool:
    """Return whether everything that was asked is answered, where the connection stays open."""
    if len(asked.whole) > line.received.count(b"HTTP/1.1 "):
        return False
    if asked.rest == "wrong" or (asked.whole and asked.whole[-1].closes):
        return False
    methods = [each.method for each in asked.whole]
    found = read_answers(bytes(line.received), methods, ended=False)
    return found.rest != "partial" and sum(each.whole for each in found.final) >= len(asked.whole)


async def one(door: Served, report: Report, draw: random.Random, make: Maker) -> None:
    """Send one stream and judge what comes of it."""
    make.issued.clear()
    data = stream(draw, make)
    own = [(user, tag) for tag in make.issued for user in SENDERS]
    asked = read_requests(data)
    is_strict = asked.rest == "none" and all(each.strict for each in asked.whole)
    line = await connect(door)
    await line.send(segments(draw, data, len(data)), draw)
    patience = PATIENCE_SECONDS if is_strict else UNSURE_SECONDS
    in_time = await line.until(lambda: is_over(line, asked), patience)
    wire = Wire(data, bytes(line.received), line.ended, client_ended=not line.ended)
    line.transport.abort()
    verdict = door.judge.judge(wire)
    report.connections += 1
    report.cases += len(asked.whole) + (asked.rest != "none")
    report.taken += sum(200 <= each < 300 for each in verdict.statuses)
    report.counts[f"ends {asked.rest}"] += 1
    report.counts["left open"] += not in_time
    report.expect(verdict.meant)
    faults = verdict.faults + report.compare(door, own)
    if is_strict and not in_time:
        faults.append(f"no end in {patience} s; statuses {verdict.statuses}")
    for fault in faults:
        report.find(fault, data)


async def campaign(cases: int, seed: int = 0, *, launcher: Sequence[str] = AS_IT_IS) -> dict[str, Any]:
    """Send that many requests, each a case; what a server must refuse ends a stream, and is one case."""
    report, began = Report(), time.monotonic()

    async def work(number: int, door: Served) -> None:
        make, count = Maker(f"w{number}", door.host, door.tokens), 0
        while report.cases < cases:
            count += 1
            await one(door, report, random.Random(f"{seed}/{number}/{count}"), make)

    async with under_fire(lambda _: None, report, sure=True, launcher=launcher) as door:
        await asyncio.gather(*(work(number, door) for number in range(WORKERS)))
    return result(report, began)
