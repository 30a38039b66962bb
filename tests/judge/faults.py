"""The runs with faults: killed processes, lost replies, stores that fail. The numbers are those of the fault plan.

F-01  random-kills, fixed-points      F-07  unknown-commits      F-08  lost-replies
F-14  two-nodes (runs.py)             F-19  one-grant (runs.py)  F-17  tests/storage/programs/kill_*migrations.py
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from judge.clients import Actor, GaveUp, Tokens
from judge.further_runs import use_further_grants
from judge.installation import RECOVERY_SECONDS
from judge.node import HOST
from judge.people import Browser, TurnedAway, allow
from judge.proxy import Proxy, Rule
from judge.runs import GROUP, Bench
from judge.stage import StoreFault
from judge.wire import Wire

FURTHER_SHARE = 0.5
"""How often a client of the mixed load is followed by one that an operator has registered."""
KILL_WITHIN_SECONDS = 0.05
POLL_SECONDS = 0.01
STORE_FAULT_SECONDS = 0.4
DYING_SECONDS = 0.05
"""A process that kills itself after its answer has this long to be seen dead."""


async def mixed_load(bench: Bench, number: int, stop: asyncio.Event) -> None:
    """Be one honest client, flow after flow, until told to stop; each operation is brought to its verdict."""
    actor = bench.actor
    browser = Browser(bench.browsers[number % GROUP].user)
    while not stop.is_set():
        try:
            client = await actor.register(confidential=actor.random.random() < 0.3)
            code = await allow(actor, client, browser)
            tokens = await actor.redeem(code)
            if tokens is not None:
                if actor.random.random() < FURTHER_SHARE:
                    await use_further_grants(bench, tokens, browser)
                await _use(bench, tokens, stop)
        except (GaveUp, TurnedAway):
            continue  # the history holds why


async def _use(bench: Bench, tokens: Tokens, stop: asyncio.Event) -> None:
    actor = bench.actor
    before: Tokens | None = None
    for _ in range(actor.random.randrange(2, 8)):
        await actor.call(tokens.access)
        await actor.introspect(tokens)
        if actor.random.random() < 0.1:
            await actor.forge()
        following = await actor.refresh(tokens)
        if following is None:
            return
        before, tokens = tokens, following
        if stop.is_set():
            break
    if actor.random.random() < 0.2:
        await actor.revoke(tokens)
        bench.ended.append(tokens)
        await actor.call(tokens.access)
        return
    bench.kept.append(tokens)
    if before is not None:
        bench.spent.append(before)


async def under_load(bench: Bench, work: Callable[[], Awaitable[int]]) -> int:
    """Do the work while clients run; let them finish what they have begun."""
    stop = asyncio.Event()
    load = [asyncio.ensure_future(mixed_load(bench, number, stop)) for number in range(bench.clients)]
    try:
        return await work()
    finally:
        stop.set()
        await asyncio.gather(*load)


class UpTime:
    """A clock that stands still while the store is away."""

    def __init__(self) -> None:
        self._away_seconds = 0.0
        self._left_at: float | None = None

    def __call__(self) -> float:
        """Return the seconds in which the store was there."""
        return (time.monotonic() if self._left_at is None else self._left_at) - self._away_seconds

    @contextmanager
    def away(self) -> Iterator[None]:
        """Stand still until the block ends."""
        self._left_at = time.monotonic()
        try:
            yield
        finally:
            self._away_seconds += time.monotonic() - self._left_at
            self._left_at = None


async def random_kills(bench: Bench) -> int:
    """Kill one of the nodes at a random moment, start it again, and so on."""
    installation, random = bench.installation, bench.actor.random

    async def kill() -> int:
        for _ in bench.progress.through(range(bench.count)):
            await asyncio.sleep(random.random() * KILL_WITHIN_SECONDS)
            node = random.randrange(bench.nodes)
            await installation.kill(node)
            await installation.restart(node, kind="kill")
        return bench.count

    return await under_load(bench, kill)


STEPS = {
    "register": "/register",
    "sign_in": "/-/login",
    "consent": "/-/consent",
    "redeem": "/token",
    "refresh": "/token",
    "revoke": "/revoke",
}
"""The operations during which a node dies, and their paths."""
POINTS = ("load", *(f"statement-{number}" for number in range(1, 9)), "committed", "reply", "half", "replied")


async def fixed_points(bench: Bench) -> int:
    """Kill a node at every point of every step in turn, `count` times over; returns how often it really died."""
    died = 0
    places = [(step, point) for step in STEPS for point in POINTS if f"{step} {point}".startswith(bench.where)]
    every = [(repetition, *place) for repetition in range(bench.count) for place in places]
    for repetition, step, point in bench.progress.through(every):
        doom = _Doom(bench, step, point, victim=repetition % bench.nodes)
        try:
            await _walk(bench, step, doom.before)
        except (GaveUp, TurnedAway):
            pass  # the history holds why
        finally:
            died += await doom.passed()
    return died


class _Doom:
    """A node that will die at one point of one step, and its return to life."""

    def __init__(self, bench: Bench, step: str, point: str, victim: int) -> None:
        self.bench, self.step, self.point, self.victim = bench, step, point, victim
        self.died = asyncio.Event()
        self.revival: asyncio.Task[None] | None = None

    async def before(self, name: str) -> None:
        """Arm the node if this is the step, and let the step go there first."""
        if name == self.step:
            installation = self.bench.installation
            await installation.kill(self.victim)
            await installation.start(self.victim, death_path=STEPS[self.step], death_point=self.point)
            self.revival = asyncio.ensure_future(self._revive())
            self.bench.actor.aim[self.step] = self.victim

    async def _revive(self) -> None:
        installation = self.bench.installation
        with installation.recorder.operation("kill") as fault:
            fault.node = self.victim
            try:
                await installation.gone(self.victim)
            except asyncio.CancelledError:
                fault.name = "survived"
                raise
            fault.ok()
        self.died.set()
        await installation.restart(self.victim, kind="death")

    async def passed(self) -> bool:
        """Leave both nodes alive and unarmed; return whether the node died."""
        if self.revival is None:
            return False
        try:
            async with asyncio.timeout(DYING_SECONDS):
                await self.died.wait()
        except TimeoutError:  # the request came to no such point
            self.revival.cancel()
            await asyncio.gather(self.revival, return_exceptions=True)
            await self.bench.installation.kill(self.victim)
            await self.bench.installation.start(self.victim)
        else:
            await self.revival
        return self.died.is_set()


async def _walk(bench: Bench, step: str, before: Callable[[str], Awaitable[None]]) -> None:
    """One flow, step by step; the other node and the restarted one must carry on what the dying one began."""
    actor = bench.actor
    browser = Browser(bench.browsers[0].user)
    await before("register")
    client = await actor.register()
    await before("sign_in")
    await before("consent")
    code = await allow(actor, client, browser)
    await before("redeem")
    tokens = await actor.redeem(code)
    await before("refresh")
    following = await actor.refresh(tokens) if tokens else None
    await before("revoke")
    if following is not None:
        await bench.call_everywhere(following)
        if step == "revoke":
            await actor.revoke(following)
            bench.ended.append(following)
        else:
            bench.kept.append(following)


def around(window_seconds: int) -> tuple[int, int]:
    """Return the last moment that is surely inside a window, and the first that is surely after it."""
    return window_seconds - 2, window_seconds + 2


async def lost_replies(bench: Bench) -> int:
    """Cut the connection while the answer is on its way; the client repeats at once, later, and too late."""
    proxies = [Proxy(address) for address in bench.installation.addresses]
    wire = Wire([await each.start() for each in proxies], HOST)
    actor = Actor(wire, bench.installation.recorder, bench.installation.policy, seed=bench.seed)
    policy = bench.installation.policy
    waits = {
        "redeem": (0, 1, *around(policy.code_replay_seconds)),
        "refresh": (0, 1, policy.refresh_replay_seconds // 3, *around(policy.refresh_replay_seconds)),
        "register": (0,),
        "revoke": (0, 60),
    }
    cases = [(step, wait) for step, times in waits.items() for wait in times]
    try:
        for number in bench.progress.through(range(bench.count)):
            step, wait = cases[number % len(cases)]
            await _lose(bench, actor, wire, proxies, step, wait, number)
    finally:
        await wire.close()
        for each in proxies:
            await each.stop()
    return sum(each.cuts for each in proxies)


async def _lose(
    bench: Bench, actor: Actor, wire: Wire, proxies: list[Proxy], step: str, wait: int, number: int
) -> None:
    """One flow with one lost reply."""
    stage = bench.installation.stage

    async def before(name: str) -> None:
        if name != step:
            return
        await wire.close()  # the rule counts the bytes of a connection
        for each in proxies:
            each.rules = [Rule("to_client", "forward_then_cut", after_bytes=actor.random.randrange(1, 300))]
        waits = iter([wait])
        actor.before_retry = lambda: stage.advance(next(waits, 0))

    def after(name: str) -> None:
        if name == step:
            for each in proxies:
                each.rules = []
            actor.before_retry = lambda: None

    await before("register")
    client = await actor.register()
    after("register")
    code = await allow(actor, client, bench.browsers[number % GROUP])
    await before("redeem")
    tokens = await actor.redeem(code)
    after("redeem")
    if tokens is None:
        return
    await before("refresh")
    following = await actor.refresh(tokens)
    after("refresh")
    if following is None:
        bench.ended.append(tokens)
        return
    await bench.call_everywhere(following)
    await before("revoke")
    if step == "revoke":
        await actor.revoke(following)
        after("revoke")
    (bench.ended if step == "revoke" else bench.kept).append(following)


async def unknown_commits(bench: Bench) -> int:
    """Let every write of one step succeed and tell the program that it failed; the repeat finds what was done."""
    installation, actor = bench.installation, bench.actor
    steps = ("register", "consent", "redeem", "refresh", "revoke")

    async def during(name: str, step: str, work: Awaitable[object]) -> object:
        if name != step:
            return await work
        with installation.recorder.operation("store_fault", kind="after") as fault:
            installation.stage.store_fault = "after"
            actor.before_retry = installation.stage.heal
            result = await work
            installation.stage.heal()
            fault.ok()
        actor.before_retry = lambda: None
        return result

    for number in bench.progress.through(range(bench.count)):
        step = steps[number % len(steps)]
        browser = bench.browsers[number % GROUP]
        if not browser.cookie:
            await bench.connect(number)
        client = await during("register", step, actor.register())
        code = await during("consent", step, allow(actor, client, browser))
        tokens = await during("redeem", step, actor.redeem(code))
        following = await during("refresh", step, actor.refresh(tokens)) if tokens else None
        if following is None:
            continue  # the history holds why
        await bench.call_everywhere(following)
        if step == "revoke":
            await during("revoke", step, actor.revoke(following))
        (bench.ended if step == "revoke" else bench.kept).append(following)
    return bench.count


async def store_faults(bench: Bench) -> int:
    """Take the store away under load, in each way in turn, and give it back, for long enough to be of use to somebody.

    A client's patience does not count the time in which nobody could have served it.
    """
    kinds: tuple[StoreFault, ...] = ("down", "reads", "before", "after")
    stage, recorder = bench.installation.stage, bench.installation.recorder
    bench.actor.patience_clock = up_time = UpTime()

    async def fail() -> int:
        for number in bench.progress.through(range(bench.count)):
            await asyncio.sleep(bench.actor.random.random() * STORE_FAULT_SECONDS)
            with up_time.away(), recorder.operation("store_fault", kind=kinds[number % len(kinds)]) as fault:
                stage.store_fault = kinds[number % len(kinds)]
                for _ in range(4):
                    for node in range(bench.nodes):
                        await bench.actor.forge(node=node)
                    await asyncio.sleep(STORE_FAULT_SECONDS / 4)
                stage.heal()
                fault.ok()
            await _healed(bench)
        return bench.count

    return await under_load(bench, fail)


async def _healed(bench: Bench) -> None:
    """Wait until every node serves again, for no longer than it may take."""
    bar_ms = RECOVERY_SECONDS * 1000
    with bench.installation.recorder.operation("recovery", kind="store", bar_ms=str(bar_ms)) as recovery:
        deadline = time.monotonic() + RECOVERY_SECONDS
        for node in range(bench.nodes):
            while not await bench.installation.answers(node):
                if time.monotonic() > deadline:
                    recovery.refused(503, "not back")
                    return
                await asyncio.sleep(POLL_SECONDS)
        recovery.ok()


FAULT_RUNS: dict[str, Callable[[Bench], Awaitable[int]]] = {
    "random-kills": random_kills,
    "fixed-points": fixed_points,
    "lost-replies": lost_replies,
    "unknown-commits": unknown_commits,
    "store-faults": store_faults,
}
