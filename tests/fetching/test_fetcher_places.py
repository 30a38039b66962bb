"""Who gets to fetch while strangers name hosts and name servers that say nothing."""

from __future__ import annotations

import asyncio

import pytest
from fetching.hostile import HOST, Names, listening, local_fetcher, response
from fetching.test_fetcher import fault_of, silence

from doorward.fetching.budget import AT_ONCE, HostBudget
from doorward.fetching.fetcher import Fetcher


async def crowd(fetcher: Fetcher, host, askers: list[str], *, vouched: bool) -> list[asyncio.Task]:
    """Let each asker name many silent URLs, and wait until nothing more of that begins."""
    tasks = [
        asyncio.create_task(fetcher.get(host.url(f"/silent-{asker}-{number}"), asker=asker, vouched=vouched))
        for asker in askers
        for number in range(40)
    ]
    for task in tasks:
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
    while len(host.requests) < 2 * len(askers):
        await asyncio.sleep(0)
    return tasks


@pytest.mark.requirement("S-08")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("vouched", [False, True])
@pytest.mark.parametrize("strangers", [["a"], ["a", "b"], ["a", "b", "c"]], ids=len)
async def test_strangers_with_silent_hosts_leave_places_to_others(strangers, vouched):
    async with listening() as host:
        host.answers |= {f"/silent-{asker}-{number}": silence for asker in strangers for number in range(40)}
        host.answers["/honest"] = response(b"{}")
        fetcher = local_fetcher(timeout_seconds=600, budget=HostBudget(per_minute=1000))
        waiting = await crowd(fetcher, host, strangers, vouched=vouched)
        assert (await fetcher.get(host.url("/honest"), asker="honest", vouched=vouched)).status == 200
        assert not any(each.done() for each in waiting)
        await fetcher.close()


@pytest.mark.requirement("S-08")
@pytest.mark.timeout(60)
async def test_a_stranger_who_has_all_the_places_that_one_may_have_is_refused_without_blame_on_the_host():
    async with listening() as host:
        host.answers |= {f"/silent-a-{number}": silence for number in range(40)}
        fetcher = local_fetcher(timeout_seconds=0.3, budget=HostBudget(per_minute=1000))
        waiting = await crowd(fetcher, host, ["a"], vouched=False)
        faults = {each.fault for each in await asyncio.gather(*waiting, return_exceptions=True)}
        assert faults == {"timeout", "busy"}


class Stuck(Names):
    """A resolver whose lookups outlast the fetch that wanted them, as a thread of the system's does."""

    def __init__(self) -> None:
        super().__init__()
        self.under_way = 0
        self.end = asyncio.Event()

    async def resolve(self, host: str, port: int) -> list[str]:
        if host == HOST:
            return await super().resolve(host, port)
        self.under_way += 1
        await self.end.wait()
        self.under_way -= 1
        return ["127.0.0.1"]


@pytest.mark.requirement("S-08")
@pytest.mark.timeout(60)
async def test_a_name_server_that_says_nothing_holds_at_most_half_of_the_lookups_for_one_stranger():
    async with listening() as host:
        host.answers["/honest"] = response(b"{}")
        names = Stuck()
        fetcher = local_fetcher(timeout_seconds=0.02, resolver=names)
        for number in range(30):
            assert await fault_of(fetcher, f"https://slow-{number}.example/a", asker="a") in {"timeout", "busy"}
        assert 1 < names.under_way <= AT_ONCE / 2
        fetcher.timeout_seconds = 60
        assert (await fetcher.get(host.url("/honest"), asker="honest")).status == 200
        names.end.set()
        while names.under_way:
            await asyncio.sleep(0)
        assert await fault_of(fetcher, "https://slow-1.example:1/a", asker="a") == "unreachable"
