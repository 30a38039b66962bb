"""Trials of framings on one way to the door: an attacker sends or gets it, then two users ask on kept connections."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from framing.answer_framings import ANSWERS, LEFT
from framing.maker import Maker
from framing.reading import read_answers, read_requests
from framing.request_framings import REQUESTS, Make
from framing.stage import STRAIGHT, VICTIMS, Lane, Served
from framing.upstream import READ_EARLY, Steps
from framing.verdict import Verdict, Wire, call_body, crossed, strays

READ_BYTES: Final = 64 * 1024
SURE_SECONDS: Final = 10.0
"""How long a good request is given."""
UNSURE_SECONDS: Final = 0.12
"""How long an answer is waited for that need not come."""
ROUNDS: Final = 2
METHODS: Final = dict(zip(VICTIMS, ("tools/list", "tools/call"), strict=True))
"""What the users ask. A list is always answered. A call may be answered that its connection broke; it is made once."""
OUTCOMES: Final = ("answered", "refused", "closed", "silent", "broken")
_LARGE: Final = "x" * 300_000


@dataclass
class Tally:
    """What came of the trials of one framing on one way."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        """How many trials there were."""
        return sum(self.counts.values())


class Client:
    """One connection of a client, which keeps what went over it."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self.sent, self.received = bytearray(), bytearray()
        self.server_ended = self.client_ended = False

    async def connect(self) -> Client:
        """Open it."""
        self.reader, self.writer = await asyncio.open_connection(*self._address)
        return self

    async def play(self, steps: Steps) -> None:
        """Take the steps; stop where the other side has hung up."""
        with contextlib.suppress(OSError):
            for step in steps:
                if isinstance(step, bytes):
                    self.sent += step
                    self.writer.write(step)
                    await self.writer.drain()
                elif isinstance(step, int | float):
                    await asyncio.sleep(step)
                elif step == "end":
                    self.client_ended = True
                    self.writer.write_eof()
                else:
                    self.hang_up(reset=step == "abort")

    async def more(self, seconds: float) -> bool:
        """Read once; tell whether anything came."""
        try:
            async with asyncio.timeout(seconds):
                data = await self.reader.read(READ_BYTES)
        except TimeoutError:
            return False
        except OSError:
            data = b""
        self.received += data
        self.server_ended |= not data
        return bool(data)

    def hang_up(self, *, reset: bool = False) -> None:
        """Close the connection."""
        self.client_ended = True
        if reset:
            self.writer.transport.abort()
        else:
            self.writer.close()

    def wire(self) -> Wire:
        """Return what went over it."""
        return Wire(bytes(self.sent), bytes(self.received), self.server_ended, self.client_ended)


class Trials:
    """Trials on one way to a door."""

    def __init__(self, door: Served, lane: Lane) -> None:
        self.door, self.lane = door, lane
        self.make = Maker(lane.name, door.host, door.tokens)
        self.tallies: dict[tuple[str, str], Tally] = {}
        self._victims: dict[str, Client] = {}
        self._meant: Counter[tuple[str, str]] = Counter()
        """Calls that went to the door and were not yet seen behind it."""
        self._noted: Counter[tuple[str, str]] = Counter()

    async def run(self, kind: str, name: str) -> None:
        """Try one framing once."""
        tally = self.tallies.setdefault((kind, name), Tally())
        self.make.issued.clear()
        if kind == "request":
            outcome, verdict = await self._attack(REQUESTS[name])
        else:
            outcome, verdict = await self._odd_answer(name, leaves=LEFT.get(name) if kind == "left" else None)
        faults = [*verdict.faults, *await self._victims_ask()]
        if self.lane.tap is None:
            self._meant += verdict.meant
        else:
            # What the proxy made of the bytes counts, and not what the client meant by them.
            settled = self.lane.tap.settle()
            faults += [f"between proxy and door: {each}" for each in settled.faults]
            self._meant += settled.meant
        faults += [f"behind the door: {each}" for each in self._strays()]
        tally.counts["broken" if faults else outcome] += 1
        tally.faults += faults

    def _strays(self) -> list[str]:
        """Compare what was seen behind the door with what was sent to it, and forget both."""
        mark = f":{self.lane.name}:"
        seen = {key: count for key, count in self.door.seen().items() if mark in key[1]}
        for key in seen if self.door.upstream else ():
            del self.door.upstream.seen[key]
        fresh = {key: count - self._noted[key] for key, count in seen.items() if count > self._noted[key]}
        if self.door.upstream is None:
            self._noted.update(fresh)
        found = strays(fresh, self._meant)
        self._meant -= Counter(fresh)
        return found

    def _judge(self, wire: Wire) -> Verdict:
        """Judge a connection of a client. What a proxy takes for a request, and answers, is its own affair."""
        verdict = self.door.judge.judge(wire)
        if self.lane.tap is not None:
            verdict.faults = crossed(wire.received, self.make.issued)
        return verdict

    async def _attack(self, make: Make) -> tuple[str, Verdict]:
        """Send one framing of a request, and read what comes of it."""
        client = await Client(self.lane.address).connect()
        await client.play(make(self.make))
        asked = read_requests(bytes(client.sent))
        methods = [each.method for each in [*asked.whole, *([asked.begun] if asked.begun else [])]]
        sure = asked.rest == "none" and all(each.strict for each in asked.whole)
        patience = SURE_SECONDS if sure and self.lane.name == STRAIGHT else UNSURE_SECONDS * 2
        while not client.server_ended and not client.client_ended:
            found = read_answers(bytes(client.received), methods, ended=False)
            is_over = found.final and found.final[-1].closes
            if asked.rest == "none" and len(found.final) >= len(asked.whole) and not is_over:
                patience = UNSURE_SECONDS if not sure else 0.001
            if not await client.more(patience):
                break
        wire = client.wire()
        client.hang_up()
        return self._outcome(wire, methods), self._judge(wire)

    async def _odd_answer(self, name: str, *, leaves: int | None) -> tuple[str, Verdict]:
        """Ask for one framing of an answer; `leaves`: hang up after so many bytes of it."""
        client = await Client(self.lane.address).connect()
        more = {"pad": _LARGE} if name.encode().startswith(READ_EARLY) else {}
        await client.play([self.make.call(b"X-Answer: " + name.encode(), **more)])
        while not client.server_ended:
            if leaves is not None and len(client.received) >= leaves:
                break
            found = read_answers(bytes(client.received), [b"POST"], ended=False)
            if (found.final and found.final[0].whole) or not await client.more(SURE_SECONDS):
                break
        wire = client.wire()
        wire.client_ended |= leaves is not None
        client.hang_up(reset=leaves is not None)
        return self._outcome(wire, [b"POST"]), self._judge(wire)

    @staticmethod
    def _outcome(wire: Wire, methods: Sequence[bytes]) -> str:
        found = read_answers(wire.received, methods, ended=wire.server_ended)
        if found.final and found.final[0].whole:
            return "answered" if found.final[0].status < 400 else "refused"
        return "closed" if wire.server_ended or wire.client_ended else "silent"

    async def _victims_ask(self) -> list[str]:
        """Let both users ask at once, several times, each on one kept connection; return what was wrong."""
        faults: list[str] = []
        for _ in range(ROUNDS):
            for found in await asyncio.gather(*map(self._ask_as, VICTIMS)):
                faults += found
        return faults

    async def _ask_as(self, user: str) -> list[str]:
        for _ in range(2):
            client = self._victims.pop(user, None) or await Client(self.lane.address).connect()
            client.sent.clear()
            client.received.clear()
            body = call_body(self.make.tag(user), METHODS[user])
            await client.play([self.make.call(user=user, body=body)])
            while not client.server_ended:
                found = read_answers(bytes(client.received), [b"POST"], ended=False)
                if found.rest == "wrong" or (found.final and found.final[0].whole):
                    break
                if not await client.more(SURE_SECONDS):
                    return [f"{user} got no answer in {SURE_SECONDS} s to {body!r}: {bytes(client.received)[:200]!r}"]
            if client.received:
                break
            # The other side had closed the resting connection; the call was not looked at, and is made again.
        verdict = self.door.judge.judge(client.wire())
        if self.lane.tap is None:
            self._meant += verdict.meant
        if client.server_ended or not found.final or found.final[0].closes:
            client.hang_up()
        else:
            self._victims[user] = client
        return [f"{user}: {each}" for each in verdict.faults]

    def close(self) -> None:
        """Close what the users have kept."""
        for client in self._victims.values():
            client.hang_up()


def plan(count: int, *, odd_answers: bool, seed: int) -> list[tuple[str, str]]:
    """Return this many trials: all framings in turn, in an order of the seed; 0: each once."""
    every = [("request", name) for name in REQUESTS]
    if odd_answers:
        every += [("answer", name) for name in ANSWERS] + [("left", name) for name in LEFT]
    draw = random.Random(seed)
    chosen: list[tuple[str, str]] = []
    while len(chosen) < (count or len(every)):
        draw.shuffle(every)
        chosen += every
    return chosen[: count or len(every)]
