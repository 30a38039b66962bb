"""Tries at a secret: no more are looked at than are due, honest ones pass, nobody learns what is not noted."""

from __future__ import annotations

import asyncio
from itertools import chain

import pytest
from oauth.given import POLICY, Wrapping

from doorward.authority.authority import Authority
from doorward.authority.dpop_proofs import DpopProofs
from doorward.clock import CountingEntropy, FixedClock
from doorward.errors import Unavailable
from doorward.login import delays as limits
from doorward.login.delays import Delays
from doorward.login.tries import Subject, Tries
from doorward.oauth.errors import TooManyRequests
from doorward.records.accounts import FailedSignIns
from doorward.records.changes import Insert
from doorward.storage.memory import MemoryStore

HERE = Subject("here", Delays(free=5, first_seconds=2, longest_seconds=900), forgives=True)
PATIENCE_SECONDS = 20
EVERYWHERE = Subject("everywhere", Delays(free=50, first_seconds=1, longest_seconds=30))


class Falling(MemoryStore):
    """A store that goes down at the n-th write from now, before it is made or after, until it is put up again."""

    writes_left = 1_000_000
    commits_first = False

    async def apply(self, changes) -> None:
        self.writes_left -= 1
        if self.writes_left < 0 and not self.commits_first:
            raise Unavailable("down")
        await super().apply(changes)
        if self.writes_left < 0:
            raise Unavailable("down, and nobody knows")

    async def get(self, record_type, key):
        if self.writes_left < 0:
            raise Unavailable("down")
        return await super().get(record_type, key)

    def fall(self, *, after_writes: int = 0, commits_first: bool = False) -> None:
        self.writes_left, self.commits_first = after_writes, commits_first

    def rise(self) -> None:
        self.writes_left = 1_000_000


class Door:
    """One process on a store, with somebody who tries."""

    def __init__(self, store: MemoryStore, clock: FixedClock, entropy: CountingEntropy) -> None:
        self.store = store
        self.clock = clock
        proofs = DpopProofs(policy=POLICY, store=store, clock=clock, sealing=Wrapping())
        authority = Authority(POLICY, store, clock, entropy, Wrapping(), proofs, lambda _claims, **_headers: "")
        self.tries = Tries(authority)
        self.looked = 0

    async def tries_once(self, *, right: bool) -> bool | None:
        async def look() -> bool | None:
            self.looked += 1
            await asyncio.sleep(0)
            return True if right else None

        return await self.tries.check(look, HERE, EVERYWHERE)

    async def outcome(self, *, right: bool) -> str:
        try:
            return "right" if await self.tries_once(right=right) else "wrong"
        except TooManyRequests:
            return "slowed"
        except Unavailable:
            return "unavailable"

    async def race(self, count: int, *, right: bool) -> list[str]:
        return list(await asyncio.gather(*[self.outcome(right=right) for _ in range(count)]))

    async def noted(self, subject: Subject = HERE) -> FailedSignIns:
        stored = await self.store.get(FailedSignIns, subject.digest)
        return stored.record if stored else FailedSignIns(subject_digest=subject.digest)

    async def until_settled(self) -> FailedSignIns:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await self.noted()).open_tries or (await self.noted(EVERYWHERE)).open_tries:
                await asyncio.sleep(0)
        return await self.noted()


@pytest.fixture
async def store():
    store = Falling()
    await store.open()
    yield store
    store.rise()
    await store.close()


@pytest.fixture
def door(store):
    return Door(store, FixedClock(), CountingEntropy())


@pytest.fixture
def other_door(door):
    """Another process on the same store."""
    return Door(door.store, door.clock, door.tries.authority.entropy)


async def test_of_wrong_tries_at_one_moment_no_more_are_looked_at_than_are_due(door, other_door):
    outcomes = await asyncio.gather(door.race(20, right=False), other_door.race(20, right=False))
    assert door.looked + other_door.looked == 5
    assert sorted(chain(*outcomes)) == ["slowed"] * 35 + ["wrong"] * 5
    assert (await door.noted()).failures == 5
    assert (await door.noted(EVERYWHERE)).failures == 5


async def test_however_many_right_ones_come_at_one_moment_all_pass(door, other_door):
    outcomes = await asyncio.gather(door.race(20, right=True), other_door.race(20, right=True))
    assert list(chain(*outcomes)) == ["right"] * 40
    record = await door.noted()
    assert (record.failures, record.open_tries, record.succeeded_at) == (0, {}, door.clock.now())
    assert (await door.noted(EVERYWHERE)).failures == 0


async def test_after_the_free_ones_a_guesser_gets_one_try_at_a_time(door):
    assert await door.race(9, right=False) == ["wrong"] * 5 + ["slowed"] * 4
    door.clock.advance(2)
    assert sorted(await door.race(9, right=False)) == ["slowed"] * 8 + ["wrong"]
    door.clock.advance(3)
    assert set(await door.race(9, right=False)) == {"slowed"}
    door.clock.advance(1)
    assert sorted(await door.race(9, right=False)) == ["slowed"] * 8 + ["wrong"]


async def test_whoever_hangs_up_is_counted_all_the_same(door):
    for _ in range(5):
        looking, go_on = asyncio.Event(), asyncio.Event()

        async def look(looking=looking, go_on=go_on) -> None:
            looking.set()
            await go_on.wait()

        caller = asyncio.ensure_future(door.tries.check(look, HERE, EVERYWHERE))
        await looking.wait()
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        go_on.set()
        await door.until_settled()
    assert (await door.noted()).failures == 5
    assert await door.outcome(right=True) == "slowed"
    assert door.looked == 0


@pytest.mark.parametrize("right", [True, False])
async def test_nobody_learns_an_outcome_that_could_not_be_noted(store, door, right):
    store.fall(after_writes=1)
    assert await door.outcome(right=right) == "unavailable"
    assert door.looked == 1
    store.rise()
    assert (await door.until_settled()).failures == (0 if right else 1)


async def test_an_outcome_that_was_noted_though_the_store_could_not_say_so_is_noted_once(store, door):
    store.fall(after_writes=1, commits_first=True)
    assert await door.outcome(right=False) == "unavailable"
    store.fall(after_writes=1)
    assert await door.outcome(right=False) == "unavailable"
    store.rise()
    # The second one is settled after the first has been looked at again.
    assert (await door.until_settled()).failures == 2


@pytest.mark.parametrize("commits_first", [True, False])
@pytest.mark.parametrize("after_writes", range(6))
async def test_right_tries_that_a_falling_store_cut_off_pass_as_soon_as_it_is_back(
    store, door, after_writes, commits_first
):
    store.fall(after_writes=after_writes, commits_first=commits_first)
    assert "unavailable" in await door.race(12, right=True)
    store.rise()
    assert await door.race(12, right=True) == ["right"] * 12
    assert (await door.until_settled()).failures == 0


async def test_what_could_not_be_looked_at_is_no_wrong_try(door):
    async def look() -> None:
        raise Unavailable("the account could not be read")

    for _ in range(6):
        with pytest.raises(Unavailable):
            await door.tries.check(look, HERE, EVERYWHERE)
        await door.until_settled()
    assert await door.outcome(right=True) == "right"


async def test_tries_of_a_process_that_died_make_room_by_themselves(door):
    record = None
    for number in range(5):
        record = limits.begun(record, HERE.digest, try_id=f"{number}", now=door.clock.now(), delays=HERE.delays)
    await door.store.apply([Insert(record)])
    door.clock.advance(limits.AT_WORK_SECONDS)
    with pytest.raises(TooManyRequests) as refused:
        await door.tries_once(right=True)
    assert refused.value.retry_after_seconds == limits.OPEN_SECONDS - limits.AT_WORK_SECONDS
    door.clock.advance(refused.value.retry_after_seconds)
    assert await door.outcome(right=True) == "right"
    assert (await door.noted()).open_tries == {}


async def test_guesses_from_elsewhere_do_not_keep_out_an_address_that_has_made_none(door):
    async def wrong() -> None:
        return None

    async def right() -> bool:
        return True

    for number in range(EVERYWHERE.delays.free):
        guesser = Subject(f"guesser {number}", HERE.delays, forgives=True)
        assert await door.tries.check(wrong, guesser, EVERYWHERE, network=f"net {number}") is None
    with pytest.raises(TooManyRequests):
        await door.tries.check(right, Subject("guesser 1", HERE.delays), EVERYWHERE, network="net 1")
    with pytest.raises(TooManyRequests):
        await door.tries.check(right, HERE, EVERYWHERE)
    assert await door.tries.check(right, HERE, EVERYWHERE, network="a network without guesses") is True
