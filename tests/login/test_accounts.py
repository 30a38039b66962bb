"""What the command line leaves untested: two administrators at once."""

import asyncio

import pytest

from doorward.clock import FixedClock
from doorward.errors import ConfigError, Unavailable
from doorward.login.accounts import add_user, disable_user, enable_user, load_user, remove_user, settle
from doorward.oauth.changes import Insert, Replace
from doorward.oauth.records import User
from doorward.storage.memory import MemoryStore

CLOCK = FixedClock()


@pytest.fixture
async def store():
    store = MemoryStore()
    await store.open()
    await add_user(store, CLOCK, "ann", kind="person", password=None)
    yield store
    await store.close()


async def test_of_many_who_add_one_name_exactly_one_does(store):
    attempts = [add_user(store, CLOCK, "bob", kind="person", password=None) for _ in range(5)]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["ConfigError"] * 4 + ["User"]


async def test_a_lost_race_is_decided_again_on_what_is_true_now(store):
    seen = []

    async def attempt():
        stored = await load_user(store, "ann")
        seen.append(stored.version)
        if len(seen) == 1:
            await disable_user(store, CLOCK, "ann")
        return [Replace(stored.record, stored.version)]

    await settle(store, attempt)
    assert len(set(seen)) == 2


async def test_a_race_that_is_always_lost_is_unavailable_and_writes_nothing(store):
    async def attempt():
        return [Insert(User(user_id="zoe", created_at=0)), Insert(User(user_id="ann", created_at=0))]

    with pytest.raises(Unavailable):
        await settle(store, attempt)
    assert await store.get(User, "zoe") is None


async def test_an_account_disabled_twice_keeps_its_first_date(store):
    clock = FixedClock(1_000)
    await disable_user(store, clock, "ann")
    clock.advance(50)
    await disable_user(store, clock, "ann")
    assert (await load_user(store, "ann")).record.disabled_at == 1_000
    await enable_user(store, "ann")
    assert (await load_user(store, "ann")).record.disabled_at is None


async def test_removing_twice_is_told(store):
    await remove_user(store, CLOCK, "ann")
    with pytest.raises(ConfigError):
        await remove_user(store, CLOCK, "ann")
