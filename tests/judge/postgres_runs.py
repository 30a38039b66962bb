"""The runs that need a PostgreSQL server of their own: killed under load (F-02), and cut off at each round trip (F-07).

The server comes from `postgres_server.py`, with fsync on, as a real one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from judge.faults import POLL_SECONDS, UpTime, under_load
from judge.people import allow
from judge.proxy import Action, Proxy, Rule
from judge.runs import GROUP, Bench
from postgres_server import PostgresServer, running_server

BACK_SECONDS = 15
LOAD_SECONDS = 0.3
ROUND_TRIPS = 8
"""A step takes fewer round trips to the database than this."""


@asynccontextmanager
async def server() -> AsyncIterator[PostgresServer]:
    """Run a PostgreSQL server until the block ends."""
    running = running_server(fsync=True)
    yield_to = await asyncio.to_thread(running.__enter__)
    try:
        yield yield_to
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)


async def postgres_kills(bench: Bench) -> int:
    """Kill all processes of the server under load, start it again, and wait until every door serves again.

    It is away for seconds and there for tenths of one, so a client that counted both would give up while nobody could
    have served it. How long a door may take to be back is judged by itself.
    """
    database = bench.installation.server
    assert database is not None
    bench.actor.patience_clock = up_time = UpTime()

    async def kill() -> int:
        for _ in bench.progress.through(range(bench.count)):
            await asyncio.sleep(bench.actor.random.random() * LOAD_SECONDS)
            with up_time.away():
                with bench.installation.recorder.operation("store_fault", kind="postgres") as fault:
                    await asyncio.to_thread(database.kill)
                    await asyncio.to_thread(database.start)
                    fault.ok()
                await back(bench)
        return bench.count

    return await under_load(bench, kill)


async def back(bench: Bench) -> None:
    """Wait until every node serves again, for no longer than it may take."""
    recorder = bench.installation.recorder
    with recorder.operation("recovery", kind="postgres", bar_ms=str(BACK_SECONDS * 1000)) as recovery:
        deadline = time.monotonic() + BACK_SECONDS
        for node in range(bench.nodes):
            while not await bench.installation.answers(node):
                if time.monotonic() > deadline:
                    recovery.refused(503, "not back")
                    return
                await asyncio.sleep(POLL_SECONDS)
        recovery.ok()


async def cut_statements(bench: Bench) -> int:
    """Cut a door off from the database at its n-th round trip: before the statement arrives, or before its answer."""
    proxy = bench.installation.proxy
    assert proxy is not None
    steps = ("register", "consent", "redeem", "refresh", "revoke")
    actions: tuple[Action, ...] = ("cut", "forward_then_drop_answer")
    cases = [(step, action, trip) for trip in range(ROUND_TRIPS) for step in steps for action in actions]
    for number in bench.progress.through(range(bench.count)):
        step, action, trip = cases[number % len(cases)]
        await _cut_off(bench, proxy, step, Rule("to_server", action, pattern=b"", skipped=trip), number)
    return proxy.cuts


async def _cut_off(bench: Bench, proxy: Proxy, step: str, rule: Rule, number: int) -> None:
    actor, recorder = bench.actor, bench.installation.recorder

    async def during(name: str, work: Callable[[], Awaitable[object]]) -> object:
        if name != step:
            return await work()
        with recorder.operation("store_fault", kind=rule.action) as fault:
            proxy.rules = [rule]
            result = await work()
            proxy.rules = []
            fault.ok()
        return result

    browser = bench.browsers[number % GROUP]
    if not browser.cookie:
        await bench.connect(number)
    client = await during("register", actor.register)
    code = await during("consent", lambda: allow(actor, client, browser))
    tokens = await during("redeem", lambda: actor.redeem(code))
    following = await during("refresh", lambda: actor.refresh(tokens)) if tokens else None
    if following is None:
        return
    await bench.call_everywhere(following)
    if step == "revoke":
        await during("revoke", lambda: actor.revoke(following))
    (bench.ended if step == "revoke" else bench.kept).append(following)


POSTGRES_RUNS = {"postgres-kills": postgres_kills, "cut-statements": cut_statements}
