"""The grants that only an operator gives, raced, ended and under load: device, assertion, exchange, service account."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from judge.clients import Tokens
from judge.further import allow_device, assertion_for, enter, exchange, issue, present
from judge.people import Browser
from judge.runs import END_WITHIN_SECONDS, GROUP, Bench


async def further_grants(bench: Bench) -> int:
    """Race for one code of a device and one assertion; exchange and issue tokens while their grant is ended."""
    kinds = (_race_for_a_device, _race_for_an_assertion, _exchange_while_it_ends, _issue_while_it_ends)
    await bench.in_groups(lambda number: kinds[number % len(kinds)](bench, number))
    return bench.count


async def _race_for_a_device(bench: Bench, number: int) -> None:
    actor, device = bench.actor, bench.installation.operated.device
    code = await allow_device(actor, device, bench.browsers[number % GROUP])
    raced = await asyncio.gather(
        *[actor.redeem(code, node=racer % bench.nodes, once=True) for racer in range(bench.racers)]
    )
    for tokens in [each for each in raced if each][:1]:
        await bench.call_everywhere(tokens)
        following = await actor.refresh(tokens)
        if following:
            bench.spent.append(tokens)
            bench.kept.append(following)


async def _race_for_an_assertion(bench: Bench, number: int) -> None:
    actor, enterprise = bench.actor, bench.installation.operated.enterprise
    assertion = assertion_for(actor, enterprise, f"person-{number % GROUP}", now=bench.installation.stage.now())
    raced = await asyncio.gather(
        *[present(actor, enterprise, assertion, node=racer % bench.nodes) for racer in range(bench.racers)]
    )
    for _, tokens in raced:
        if tokens:
            await bench.call_everywhere(tokens)


async def _exchange_while_it_ends(bench: Bench, number: int) -> None:
    """Whatever was made of a token of the grant, at whichever moment, ends with the grant."""
    actor, agent = bench.actor, bench.installation.operated.agent
    tokens = await bench.connect(number)
    before = await exchange(actor, tokens, agent)
    chained = await exchange(actor, before, agent) if before else None
    made = await _while_ending(
        lambda: exchange(actor, tokens, agent), lambda: actor.revoke(tokens, node=number % bench.nodes), bench
    )
    for each in [each for each in (tokens, before, chained, *made) if each]:
        await bench.call_everywhere(each)
    bench.ended.extend(each for each in (before, chained, *made) if each)


async def _issue_while_it_ends(bench: Bench, number: int) -> None:
    """The client is removed, or its service account switched off, while it asks for one token after the other."""
    installation = bench.installation
    actor = bench.new_actor(bench.seed + number)
    operated = await installation.operate(f"{number}")
    client, account = operated.service, operated.account
    before = await issue(actor, client, account)
    kind, name = ("client", client.client_id) if number % 8 < 4 else ("user", account)
    made = await _while_ending(lambda: issue(actor, client, account), lambda: installation.end(kind, name), bench)
    for each in [each for each in (before, *made) if each]:
        await bench.call_everywhere(each)
    bench.ended.extend(each for each in (before, *made) if each)


async def _while_ending(
    ask: Callable[[], Awaitable[Tokens | None]], end: Callable[[], Awaitable[object]], bench: Bench
) -> list[Tokens]:
    """Return what was got by asking side by side until that is refused, which `end` brings about."""

    async def keep_asking() -> list[Tokens]:
        got = []
        while tokens := await ask():
            got.append(tokens)
        return got

    async def end_soon() -> list[Tokens]:
        await asyncio.sleep(bench.actor.random.random() * END_WITHIN_SECONDS)
        await end()
        return []

    return [each for made in await asyncio.gather(keep_asking(), keep_asking(), end_soon()) for each in made]


async def use_further_grants(bench: Bench, tokens: Tokens, browser: Browser) -> None:
    """Be an operator's clients for a while, beside somebody who has got these tokens: part of the mixed load."""
    actor, operated = bench.actor, bench.installation.operated
    match actor.random.randrange(4):
        case 0:
            code = await allow_device(actor, operated.device, browser)
            got = await actor.redeem(code)
            got = await actor.refresh(got) if got else None
        case 1:
            now = bench.installation.stage.now()
            got = await enter(actor, operated.enterprise, browser.user, now=now)
        case 2:
            got = await exchange(actor, tokens, operated.agent)
        case _:
            got = await issue(actor, operated.service, operated.account)
    if got is not None:
        await actor.call(got.access)
        await actor.introspect(got)


FURTHER_RUNS = {"further-grants": further_grants}
