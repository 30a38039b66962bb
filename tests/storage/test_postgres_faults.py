"""PostgreSQL killed, frozen and cut off: `Unavailable` in time, nothing lost, nothing done twice, and it heals."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator

import pytest
from postgres_server import running_server
from storage.cutting_proxy import cutting_proxy
from storage.samples import least

from doorward.errors import Conflict, Unavailable
from doorward.records.changes import DeleteAll, Expect, Insert, Replace
from doorward.records.oauth import AccessToken, Client, Grant, RefreshToken
from doorward.storage.postgres import PostgresStore
from doorward.storage.postgres_connection import MOST_WAITING

KILLS = 5
PROMISED_SECONDS = 10
"""However the database stalls, a caller is answered within this time."""


@pytest.fixture(scope="module")
def server():
    """A server of this module's own, which it may kill and freeze; it syncs to disk as a real one does."""
    with running_server(fsync=True) as server:
        yield server


@pytest.fixture
async def store(server) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(server.url(server.new_database()), connections=4)
    await store.open()
    yield store
    await store.close()


async def healed(store: PostgresStore) -> None:
    """Ask until the store answers."""
    while True:
        try:
            await store.get(Client, "key")
            return
        except Unavailable:
            await asyncio.sleep(0)


async def write_until(stop: asyncio.Event, store: PostgresStore, acknowledged: set[str], numbers) -> None:
    while not stop.is_set():
        key = str(next(numbers))
        try:
            await store.apply([Insert(least(Grant, key)), Insert(least(AccessToken, key, grant_id=key))])
        except Unavailable:
            await asyncio.sleep(0)
        else:
            acknowledged.add(key)


async def test_a_database_killed_under_load_keeps_what_was_acknowledged_and_the_pool_heals(server, store):
    acknowledged: set[str] = set()
    numbers = itertools.count()
    for _ in range(KILLS):
        stop = asyncio.Event()
        writers = [asyncio.create_task(write_until(stop, store, acknowledged, numbers)) for _ in range(8)]
        enough = len(acknowledged) + random.randint(1, 50)
        while len(acknowledged) < enough:
            await asyncio.sleep(0)
        server.kill()
        await asyncio.to_thread(server.start)
        await healed(store)
        stop.set()
        await asyncio.gather(*writers)
    grants = {each.record.key for each in await store.find(Grant)}
    tokens = {each.record.key for each in await store.find(AccessToken)}
    assert acknowledged <= grants
    assert grants == tokens


async def test_a_database_that_is_away_is_unavailable_and_gives_no_verdict(server, store):
    await store.apply([Insert(least(Client))])
    server.kill()
    try:
        for _ in range(3):
            with pytest.raises(Unavailable):
                await store.get(Client, "key")
            with pytest.raises(Unavailable):
                await store.find(Client, source="dynamic")
            with pytest.raises(Unavailable):
                await store.apply([Insert(least(Client, "other"))])
            with pytest.raises(Unavailable):
                await store.purge(1)
    finally:
        await asyncio.to_thread(server.start)
    assert await store.get(Client, "key") is not None


async def test_an_idle_pool_survives_a_restart_without_failing_a_read(server, store):
    await store.apply([Insert(least(Client))])
    await asyncio.gather(*[store.get(Client, "key") for _ in range(8)])
    server.kill()
    await asyncio.to_thread(server.start)
    assert await store.get(Client, "key") is not None


async def test_a_frozen_database_is_unavailable_in_time_and_then_goes_on(server, store):
    await store.apply([Insert(least(Client))])
    stored = await store.get(Client, "key")
    server.freeze()
    try:
        async with asyncio.timeout(PROMISED_SECONDS):
            outcomes = await asyncio.gather(
                store.get(Client, "key"),
                store.apply([Replace(least(Client, client_name="perhaps"), stored.version)]),
                *[store.get(Client, "key") for _ in range(20)],
                store.find(Client),
                return_exceptions=True,
            )
    finally:
        server.resume()
    assert {isinstance(each, Unavailable) for each in outcomes} == {True}
    await healed(store)
    assert (await store.get(Client, "key")).version in {stored.version, stored.version + 1}
    await store.apply([Insert(least(Client, "later"))])


async def test_more_callers_than_can_ever_be_served_are_refused_at_once(server, store):
    server.freeze()
    try:
        calls = [asyncio.create_task(store.get(Client, "key")) for _ in range(MOST_WAITING + 10)]
        done, pending = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        assert {"Too many" in str(each.exception()) for each in done} == {True}
        assert len(pending) >= MOST_WAITING
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    finally:
        server.resume()
    assert all(isinstance(each, Unavailable) for each in outcomes)


async def test_a_caller_that_is_cancelled_leaves_a_store_that_works(store):
    for _ in range(5):
        call = asyncio.create_task(store.apply([Insert(least(Client))]))
        reads = [asyncio.create_task(store.get(Client, "key")) for _ in range(10)]
        await asyncio.sleep(0)
        for each in (call, *reads):
            each.cancel()
        await asyncio.gather(call, *reads, return_exceptions=True)
    await asyncio.gather(*[store.get(Client, "key") for _ in range(20)])


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_decision_cut_off_is_unknown_and_never_a_conflict(server, moment):
    """Whoever comes back with the same input finds either nothing of it, or all of it."""
    database = server.new_database()
    async with cutting_proxy(server.port) as proxy:
        store = PostgresStore(server.url(database, port=proxy.port), connections=1)
        await store.open()
        await store.apply([Insert(least(RefreshToken))])
        stored = await store.get(RefreshToken, "key")
        rotation = [
            Replace(least(RefreshToken, rotated_at=1), stored.version),
            Insert(least(RefreshToken, "successor")),
        ]
        proxy.cut = lambda chunk: moment if b"successor" in chunk else None
        with pytest.raises(Unavailable):
            await store.apply(rotation)
        proxy.cut = lambda _chunk: None
        token = await store.get(RefreshToken, "key")
        successor = await store.get(RefreshToken, "successor")
        assert (token.record.rotated_at == 1) == (successor is not None) == (moment == "after")
        if moment == "before":
            await store.apply(rotation)
        else:
            with pytest.raises(Conflict):
                await store.apply(rotation)
        await store.close()
        assert proxy.cuts == 1


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_transaction_cut_off_at_commit_is_unknown_and_whole(server, moment):
    database = server.new_database()
    async with cutting_proxy(server.port) as proxy:
        store = PostgresStore(server.url(database, port=proxy.port), connections=1)
        await store.open()
        await store.apply([Insert(least(Grant)), Insert(least(AccessToken, grant_id="key"))])
        stored = await store.get(Grant, "key")
        end = [Replace(least(Grant, revoked_at=1), stored.version), DeleteAll(AccessToken, "grant_id", "key")]
        proxy.cut = lambda chunk: moment if b"COMMIT" in chunk else None
        with pytest.raises(Unavailable):
            await store.apply(end)
        proxy.cut = lambda _chunk: None
        ended = (await store.get(Grant, "key")).record.revoked_at == 1
        assert ended == (await store.get(AccessToken, "key") is None) == (moment == "after")
        await store.close()
        assert proxy.cuts == 1


async def test_a_read_whose_connection_is_cut_is_read_again(server):
    database = server.new_database()
    async with cutting_proxy(server.port) as proxy:
        store = PostgresStore(server.url(database, port=proxy.port), connections=2)
        await store.open()
        await store.apply([Insert(least(Client, "wanted"))])
        left = iter(["before"])
        proxy.cut = lambda chunk: next(left, None) if b"wanted" in chunk else None
        assert await store.get(Client, "wanted") is not None
        assert proxy.cuts == 1
        await store.close()


async def test_expectations_and_locks_of_a_vanished_node_do_not_hold_up_the_others(server):
    """The transaction of a node that disappeared half-way is undone as soon as its connection is gone."""
    database = server.new_database()
    async with cutting_proxy(server.port) as proxy:
        lost = PostgresStore(server.url(database, port=proxy.port), connections=1)
        kept = PostgresStore(server.url(database))
        await asyncio.gather(lost.open(), kept.open())
        await kept.apply([Insert(least(Grant))])
        stored = await kept.get(Grant, "key")
        proxy.cut = lambda chunk: "before" if b"COMMIT" in chunk else None
        with pytest.raises(Unavailable):
            await lost.apply(
                [Replace(least(Grant, revoked_at=1), stored.version), DeleteAll(AccessToken, "grant_id", "key")]
            )
        await kept.apply([Expect(Grant, "key", stored.version), Insert(least(AccessToken, grant_id="key"))])
        await asyncio.gather(lost.close(), kept.close())
