from __future__ import annotations

import asyncio

import pytest
from storage.samples import least

from doorward.authority.last_used import EVERY_SECONDS, LastUsed
from doorward.errors import Unavailable
from doorward.records.accounts import HeaderToken
from doorward.records.changes import Delete, Insert, Replace

NOW = 1_800_000_000


async def load(store, key="key"):
    return await store.get(HeaderToken, key)


async def test_uses_are_written_together_and_the_last_one_counts(store):
    tokens = [least(HeaderToken, str(number)) for number in range(250)]
    await store.apply([Insert(each) for each in tokens])
    seen = LastUsed(store)
    for each in tokens:
        seen.note(each, NOW)
        seen.note(each, NOW + 5)
    assert (await load(store, "7")).record.last_used_at is None
    await seen.write()
    assert {each.record.last_used_at for each in await store.find(HeaderToken)} == {NOW + 5}


async def test_a_token_is_written_once_a_minute_at_most(store):
    await store.apply([Insert(least(HeaderToken, last_used_at=NOW))])
    seen = LastUsed(store)
    version = (await load(store)).version
    seen.note((await load(store)).record, NOW + EVERY_SECONDS - 1)
    await seen.write()
    assert (await load(store)).version == version
    seen.note((await load(store)).record, NOW + EVERY_SECONDS)
    await seen.write()
    assert (await load(store)).record.last_used_at == NOW + EVERY_SECONDS


async def test_a_token_that_was_revoked_meanwhile_stays_revoked(store):
    token = least(HeaderToken)
    await store.apply([Insert(token)])
    seen = LastUsed(store)
    seen.note(token, NOW)
    await store.apply([Delete(HeaderToken, "key", (await load(store)).version)])
    await seen.write()
    assert await load(store) is None


async def test_an_older_use_does_not_take_back_a_newer_one_of_another_process(store):
    token = least(HeaderToken)
    await store.apply([Insert(token)])
    one, two = LastUsed(store), LastUsed(store)
    one.note(token, NOW)
    two.note(token, NOW + 30)
    await asyncio.gather(two.write(), one.write())
    await one.write()
    assert (await load(store)).record.last_used_at in {NOW, NOW + 30}
    await store.apply([Replace(least(HeaderToken, last_used_at=NOW + 90), (await load(store)).version)])
    one.note(token, NOW + 60)
    await one.write()
    assert (await load(store)).record.last_used_at == NOW + 90


async def test_what_the_store_cannot_take_now_is_written_later(store):
    token = least(HeaderToken)
    await store.apply([Insert(token)])

    class Away:
        get = store.get

        async def apply(self, changes):
            raise Unavailable("gone")

    seen = LastUsed(Away())
    seen.note(token, NOW)
    with pytest.raises(Unavailable):
        await seen.write()
    await seen.try_to_write()
    seen._store = store
    await seen.write()
    assert (await load(store)).record.last_used_at == NOW
