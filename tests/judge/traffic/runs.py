"""The runs of the data path. Each drives users against a site and returns how many cases it made; it judges nothing.

Alice asks for what is odd, leaves early, or does not read. Bob and Carol ask for what is honest, over the same door and
upstream at the same time, and so does Alice in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from judge.progress import Progress
from judge.traffic.client import LEGACY, MODERN, Line, Wanted
from judge.traffic.host import HostSettings
from judge.traffic.plans import (
    DEATHS,
    HELD_SECONDS,
    ODD_ANSWERS,
    ODD_CHILDREN,
    REDIRECTS,
    WRITE_SECONDS,
    Plan,
    honest,
)
from judge.traffic.site import USERS, Site

LINES = 4
"""Connections of each user."""
READS_SHARE = 0.15
REDIRECT_SHARE = 0.1
LOGS_SHARE = 0.5
LONGEST_LIMIT_MS = 25
UNREAD_SHARE = 0.3
UNREAD_SIZES = (5_000, 35_000)
"""In tags: what the systems on the way keep for a client that does not read, and what the door keeps in addition."""
MOST_BYTES_BEFORE_LEAVING = 40_000
DEATH_SHARE = 0.04
LEAVES_SHARE = 0.1
LEGACY_SHARE = 0.4
SESSION_CASES = 40
"""So many calls an MCP session carries before its user opens another one."""
STDIO_SIZE = 300
FEW_PLACES, MANY_PLACES = 16, 256
MANY_CASES = 2000
CONNECT_SECONDS = 1.5
"""How long a call waits for one of the places."""
CROWDED_MS = 8000
"""Within this time an honest call has its answer, whichever clients do not read theirs."""
CROWD_MIB = 48


@dataclass
class Crowd:
    """What every run works with."""

    site: Site
    count: int
    random: Random
    progress: Progress
    where: str = ""
    """Of the odd things, only those whose name begins so."""
    patience_seconds: float = 15
    """How long an honest client waits at most, on a busy machine."""

    async def drive(self, one: Callable[[Line, int], Awaitable[None]], count: int) -> None:
        """Let every user work on several connections until the count is reached."""
        numbers = iter(range(count))

        async def work(line: Line) -> None:
            for number in numbers:
                await one(line, number)
                self.progress.advance()
            line.hang_up()

        await asyncio.gather(*[work(self.site.line(user)) for user in USERS for _ in range(LINES)])

    def odd(self, names: Sequence[str]) -> str:
        """Return the name of something odd."""
        return self.random.choice([name for name in names if name.startswith(self.where)])

    def wanted(self, largest: int = 2000) -> Wanted:
        """Return an honest request, with an id that others use as well."""
        plan = honest(self.random, largest=largest)
        bar_ms = int(self.patience_seconds * 1000)
        return Wanted(plan, self.method(), self.era(), self.random.randrange(1, 4), bar_ms=bar_ms)

    def method(self) -> str:
        """Return a method: most calls may have changed something."""
        return "tools/list" if self.random.random() < READS_SHARE else "tools/call"

    def era(self) -> str:
        """Return one of the two eras."""
        return self.random.choice((LEGACY, MODERN))


async def cancellations(crowd: Crowd) -> int:
    """Cancel requests at random points, from inside and outside, in front of each kind of upstream."""
    site = crowd.site
    url = await site.upstream.start()
    shares = {"url": 1} if crowd.where else {"url": 6, "command": 3, "app": 1}
    total = sum(shares.values())
    for kind, share in shares.items():
        count = crowd.count * share // total
        settings = HostSettings(str(site.directory), is_mounted=True)
        if kind == "url":
            settings = HostSettings(str(site.directory), url=url, is_mounted=True)
        elif kind == "command":
            settings = HostSettings(str(site.directory), command=site.child_command(), is_mounted=True)
        await site.start(settings)
        size = STDIO_SIZE if kind == "command" else 5000
        era = MODERN if kind == "command" else ""

        async def one(line: Line, number: int, size: int = size, era: str = era) -> None:
            random = crowd.random
            wanted = crowd.wanted(size)
            wanted.era = era or wanted.era
            if line.user == USERS[0] and number % 4:
                if crowd.where == "unread" or random.random() < UNREAD_SHARE:
                    await _leave_unread(line, wanted, random)
                    return
                _end_early(wanted, random)
            await line.ask(wanted)

        await crowd.drive(one, count)
        await site.stop()
    return crowd.count


async def _leave_unread(line: Line, wanted: Wanted, random: Random) -> None:
    """Read nothing until the request is ended: the door may then hold the whole rest of the answer."""
    moment = random.random() * LONGEST_LIMIT_MS + LONGEST_LIMIT_MS
    wanted.plan |= {"size": random.randrange(*UNREAD_SIZES), "wait_ms": 0, "gap_ms": 0}
    wanted.headers |= {"x-time-limit-ms": f"{moment:.2f}"} if random.random() < 0.5 else {"x-cancels": "1"}
    with suppress(OSError):
        await line.be_deaf(wanted, lambda _: asyncio.sleep(2 * moment / 1000))


def _end_early(wanted: Wanted, random: Random) -> None:
    """Choose who ends the request, and when."""
    wanted.honest = False
    wanted.plan["wait_ms"] = random.choice((0, 1, 5, 20))
    moment = random.random() * LONGEST_LIMIT_MS
    match random.randrange(4):
        case 0:
            wanted.name = "time-limit"
            wanted.headers["x-time-limit-ms"] = f"{moment:.2f}"
        case 1:
            wanted.name = "cancelled-on-disconnect"
            wanted.headers["x-cancels"] = "1"
            wanted.leave_after_ms = moment
        case 2:
            wanted.name = "disconnect"
            wanted.leave_after_ms = moment
        case _:
            wanted.name = "disconnect-in-body"
            wanted.headers |= {"x-cancels": "1"} if random.random() < 0.5 else {}
            wanted.leave_after_bytes = int(MOST_BYTES_BEFORE_LEAVING ** random.random())


async def odd_answers(crowd: Crowd) -> int:
    """Give answers that no server should give to one user, and honest ones, also behind redirects, to all."""
    site = crowd.site
    await site.start(HostSettings(str(site.directory), url=await site.upstream.start()))

    async def one(line: Line, number: int) -> None:
        random = crowd.random
        wanted = crowd.wanted()
        if line.user == USERS[0] and number % 4:
            wanted.plan["odd"] = crowd.odd(ODD_ANSWERS)
            wanted.honest = False
        elif random.random() < REDIRECT_SHARE:
            wanted.plan["via"] = random.choice(REDIRECTS)
        await line.ask(wanted)

    await crowd.drive(one, crowd.count)
    return crowd.count


class Sessions:
    """The MCP sessions that the lines of the legacy era use."""

    def __init__(self) -> None:
        self._ids: dict[Line, str] = {}
        self._used: dict[Line, int] = {}

    async def ask(self, line: Line, wanted: Wanted) -> None:
        """Ask in the session of this line; a new one is opened where there is none, or where it has ended."""
        used = self._used[line] = self._used.get(line, 0) + 1
        if line not in self._ids or used % SESSION_CASES == 0:
            opening = Wanted(Plan(), "initialize", LEGACY, used, honest=False, name="initialize")
            _, reception = await line.ask(opening)
            self._ids[line] = reception.session
        wanted.era, wanted.session, wanted.rpc_id = LEGACY, self._ids[line], used
        ask, _ = await line.ask(wanted)
        if ask.status == 404 or ask.fault == "exited":
            del self._ids[line]


async def odd_children(crowd: Crowd) -> int:
    """Share one child, or have one for each session, while it logs unasked, says what cannot be read, and dies."""
    site, sessions = crowd.site, Sessions()
    await site.start(HostSettings(str(site.directory), command=site.child_command()))

    async def one(line: Line, number: int) -> None:
        random = crowd.random
        wanted = crowd.wanted(STDIO_SIZE)
        wanted.method, wanted.era = "tools/call", MODERN
        wanted.plan["notes"] = random.randrange(3)
        wanted.wants_logs = random.random() < LOGS_SHARE
        wanted.honest = line.user != USERS[0]  # in a session of her own, what she is answered is her own affair
        if line.user == USERS[0] and number % 3:
            dies = crowd.where in DEATHS or (not crowd.where and random.random() < DEATH_SHARE)
            wanted.plan["odd"] = crowd.odd(DEATHS if dies else ODD_CHILDREN)
            if random.random() < LEAVES_SHARE:
                wanted.leave_after_ms = random.random() * LONGEST_LIMIT_MS
        if random.random() < LEGACY_SHARE:
            await sessions.ask(line, wanted)
        else:
            await line.ask(wanted)

    await crowd.drive(one, crowd.count)
    return crowd.count


async def deaf_clients(crowd: Crowd) -> int:
    """Hold as many calls as possible with clients that do not read, while others go on."""
    site, upstream = crowd.site, crowd.site.upstream
    places = MANY_PLACES if crowd.count >= MANY_CASES else FEW_PLACES
    settings = HostSettings(
        str(site.directory),
        url=await upstream.start(),
        places=places,
        write_timeout_seconds=WRITE_SECONDS,
        connect_timeout_seconds=CONNECT_SECONDS,
    )
    await site.start(settings)
    line = site.line(USERS[0])

    done = asyncio.Event()

    async def let_go(tag: str) -> None:
        waits = [asyncio.ensure_future(each.wait()) for each in (upstream.large[tag], done)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()

    async def keep_being_deaf() -> None:
        while not done.is_set():
            with suppress(OSError):
                await line.be_deaf(Wanted(Plan(odd="large"), era=crowd.era()), let_go)

    async def one(line: Line, number: int) -> None:
        wanted = crowd.wanted()
        wanted.bar_ms = CROWDED_MS
        wanted.honest = line.user != USERS[0]
        await line.ask(wanted)

    deaf = [asyncio.ensure_future(keep_being_deaf()) for _ in range(places * 3 // 2)]
    for _ in range(places // 2 - 1):
        await upstream.begun.acquire()
    await crowd.drive(one, crowd.count)
    await upstream.all_let_go(HELD_SECONDS + 1)
    done.set()
    await asyncio.gather(*deaf)
    await site.stop(more_memory_mib=CROWD_MIB + len(deaf))
    return crowd.count


TRAFFIC_RUNS: dict[str, Callable[[Crowd], Awaitable[int]]] = {
    "cancellations": cancellations,
    "odd-answers": odd_answers,
    "odd-children": odd_children,
    "deaf-clients": deaf_clients,
}
