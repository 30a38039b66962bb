"""The runs without a killed process: races, two nodes, endings, one grant under many hands. Each ends with a revisit.

A run drives load against an installation and returns how many cases it made. It judges nothing: the history does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from judge.clients import Actor, Client, GaveUp, Tokens
from judge.installation import Installation, person
from judge.node import HOST
from judge.people import Browser, TurnedAway, allow
from judge.progress import Progress
from judge.wire import Wire

END_WITHIN_SECONDS = 0.01
GROUP = 8
"""Flows that are prepared at the same time."""


@dataclass
class Bench:
    """What every run works with."""

    installation: Installation
    count: int
    seed: int = 1
    racers: int = 16
    clients: int = 16
    patience_seconds: float = 15
    """How long a client repeats what has no verdict."""
    where: str = ""
    """Of the fixed points of `fixed-points`, only those whose name begins so."""
    kept: list[Tokens] = field(default_factory=list)
    """Tokens that nobody has ended: they must work when everything is over."""
    ended: list[Tokens] = field(default_factory=list)
    """Tokens that somebody surely ended: they must not."""
    spent: list[Tokens] = field(default_factory=list)
    """Predecessors of kept tokens, to be reused after the window."""
    progress: Progress = field(default_factory=lambda: Progress("", 0))

    def __post_init__(self) -> None:
        self.wire = Wire(self.installation.addresses, HOST)
        self.actor = self.new_actor(self.seed)
        self.browsers = [Browser(person(number)) for number in range(GROUP)]
        self.nodes = len(self.installation.addresses)

    def new_actor(self, seed: int) -> Actor:
        """Return somebody who sends requests over the same connections into the same history."""
        installation = self.installation
        actor = Actor(
            self.wire, installation.recorder, installation.policy, seed=seed, patience_seconds=self.patience_seconds
        )
        actor.wait = installation.stage.advance
        return actor

    async def connect(self, number: int, client: Client | None = None) -> Tokens:
        """Run one whole flow as one of the people."""
        client = client or await self.actor.register(confidential=number % 3 == 0)
        code = await allow(self.actor, client, self.browsers[number % GROUP])
        tokens = await self.actor.redeem(code)
        if tokens is None:
            raise GaveUp("redeem")
        return tokens

    async def in_groups(self, work: Callable[[int], Awaitable[object]], count: int | None = None) -> None:
        """Do the work for every number, a group at a time; what gave up is in the history."""
        numbers = range(self.count if count is None else count)
        self.progress.total = len(numbers)
        for start in range(0, len(numbers), GROUP):
            done = await asyncio.gather(
                *[work(each) for each in numbers[start : start + GROUP]], return_exceptions=True
            )
            self.progress.advance(len(done))
            for each in done:
                if isinstance(each, BaseException) and not isinstance(each, GaveUp | TurnedAway):
                    raise each

    async def call_everywhere(self, tokens: Tokens) -> None:
        """Call each node with the access token."""
        for node in range(self.nodes):
            await self.actor.call(tokens.access, node=node)
            await self.actor.introspect(tokens, node=node)

    async def close(self) -> None:
        """Close the connections."""
        await self.wire.close()


async def race_codes(bench: Bench) -> int:
    """Send each code many times at once, over all nodes."""
    actor = bench.actor

    async def race(number: int) -> None:
        client = await actor.register()
        code = await allow(actor, client, bench.browsers[number % GROUP])
        raced = await asyncio.gather(
            *[actor.redeem(code, node=racer % bench.nodes, once=True) for racer in range(bench.racers)]
        )
        for tokens in [each for each in raced if each][:1]:
            await bench.call_everywhere(tokens)
            bench.kept.append(tokens)

    await bench.in_groups(race)
    return bench.count


async def race_refreshes(bench: Bench) -> int:
    """Send each refresh token many times at once, then its successor, and so on."""
    rounds = 8

    async def race(number: int) -> None:
        tokens = await bench.connect(number)
        for _ in range(min(rounds, bench.count)):
            raced = await asyncio.gather(
                *[bench.actor.refresh(tokens, node=racer % bench.nodes, once=True) for racer in range(bench.racers)]
            )
            won = [each for each in raced if each]
            if not won:
                return
            bench.spent.append(tokens)
            tokens = won[0]
            await bench.call_everywhere(tokens)
        bench.kept.append(tokens)

    families = -(-bench.count // rounds)
    await bench.in_groups(race, families)
    return families * min(rounds, bench.count)


async def two_nodes(bench: Bench) -> int:
    """Whole flows, each request on the other node; several people with one client; strangers who try their luck."""
    actor = bench.actor
    shared = await actor.register()
    other = await actor.register()

    async def flow(number: int) -> None:
        tokens = await bench.connect(number, shared if number % 2 else None)
        await bench.call_everywhere(tokens)
        await actor.forge()
        if number % 4 == 0:
            await _strangers(bench, tokens, other, number)
        following = await actor.refresh(tokens)
        if following:
            bench.spent.append(tokens)
            await bench.call_everywhere(following)
            bench.kept.append(following)

    await bench.in_groups(flow)
    return bench.count


async def _strangers(bench: Bench, tokens: Tokens, other: Client, number: int) -> None:
    """Another client's code and refresh token, a wrong verifier, a foreign resource: all refused, nothing lost."""
    actor = bench.actor
    await actor.refresh(tokens, client_id=other.client_id)
    code = await allow(actor, tokens.client, bench.browsers[number % GROUP])
    await actor.redeem(code, client_id=other.client_id)
    await actor.redeem(code, code_verifier="w" * 64)
    await actor.redeem(code, resource="https://elsewhere.example/mcp")
    await actor.redeem(code, redirect_uri="https://elsewhere.example/callback")
    honest = await actor.redeem(code)
    if honest:
        bench.kept.append(honest)


async def endings(bench: Bench) -> int:
    """Revoke, remove and disable, while the same clients and people refresh, call and consent."""

    async def one(number: int) -> None:
        kind = ("refresh", "access", "user", "client")[number % 4]
        if kind in {"refresh", "access"}:
            await _revoked(bench, number, kind)
        else:
            await _ended_by_administrator(bench, number, kind)

    await bench.in_groups(one)
    return bench.count


async def _revoked(bench: Bench, number: int, kind: str) -> None:
    tokens = await bench.connect(number)
    following = await bench.actor.refresh(tokens) or tokens
    await bench.call_everywhere(following)
    await bench.actor.revoke(following, kind=kind, node=number % bench.nodes)
    await bench.call_everywhere(following)
    if kind == "refresh":
        await bench.actor.refresh(following)
        bench.ended.append(following)


async def _ended_by_administrator(bench: Bench, number: int, kind: str) -> None:
    """The administrator acts while consents, redemptions and refreshes of the same party are under way."""
    installation = bench.installation
    actor = bench.new_actor(bench.seed + number)
    browser = Browser(await installation.add_person(f"leaver-{number}"))
    client = await actor.register()
    first = await actor.redeem(await allow(actor, client, browser))
    assert first is not None
    begun = asyncio.Event()
    actor.sending = lambda name: begun.set() if name == "consent" else None

    async def keep_consenting() -> list[Tokens]:
        got = []
        try:
            for turn in range(6):
                # A first consent each time: nothing that was there before tells it of the ending.
                code = (
                    await allow(actor, await actor.register(), browser, starts=2)
                    if kind == "user"
                    else await allow(actor, client, Browser(person(turn)), starts=2)
                )
                tokens = await actor.redeem(code)
                got.extend([tokens] if tokens else [])
        except (GaveUp, TurnedAway):
            begun.set()
        return got

    async def end() -> None:
        await begun.wait()
        await asyncio.sleep(actor.random.random() * END_WITHIN_SECONDS)
        await installation.end(kind, browser.user if kind == "user" else client.client_id)

    async def keep_refreshing() -> Tokens:
        tokens = first
        while following := await actor.refresh(tokens):
            tokens = following
        return tokens

    got, last, _ = await asyncio.gather(keep_consenting(), keep_refreshing(), end())
    for tokens in (first, last, *got):
        await bench.call_everywhere(tokens)
    bench.ended.extend([last, *got])


async def one_grant(bench: Bench) -> int:
    """Many parallel requests on one grant: the same refresh, calls, replays of the code, at last a revocation."""
    actor = bench.actor
    parallel = 2 * bench.racers

    async def crowd(number: int) -> None:
        code = await allow(actor, await actor.register(), bench.browsers[number % GROUP])
        tokens = await actor.redeem(code)
        if tokens is None:
            return
        acts: list[Callable[[], Awaitable[object]]] = [
            lambda: actor.refresh(tokens),
            lambda: actor.redeem(code),
            lambda: actor.call(tokens.access),
            lambda: actor.refresh(tokens),
        ]
        if number % 2:
            acts.append(lambda: actor.revoke(tokens))
        done = await asyncio.gather(*[acts[each % len(acts)]() for each in range(parallel)])
        got = [each for each in done if isinstance(each, Tokens)]
        for each in got[:4]:
            await bench.call_everywhere(each)
        if number % 2:
            bench.ended.extend(got[:1])

    await bench.in_groups(crowd)
    return bench.count * parallel


async def revisit(bench: Bench) -> None:
    """When all is over: what was kept works, what was ended does not, and what is reused ends its grant."""
    actor, installation = bench.actor, bench.installation
    for tokens in bench.kept[:200]:
        await bench.call_everywhere(tokens)
    for tokens in bench.ended[:200]:
        await bench.call_everywhere(tokens)
        await actor.refresh(tokens)
    installation.stage.advance(installation.policy.refresh_replay_seconds + 2)
    for tokens in bench.spent[:50]:
        await actor.refresh(tokens)
    for tokens in bench.kept[:200]:
        await actor.call(tokens.access)
        await actor.refresh(tokens)


RUNS: dict[str, Callable[[Bench], Awaitable[int]]] = {
    "race-codes": race_codes,
    "race-refreshes": race_refreshes,
    "two-nodes": two_nodes,
    "endings": endings,
    "one-grant": one_grant,
}
