from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator

import pytest
from storage.samples import least

from doorward.errors import Conflict, Unavailable
from doorward.records.accounts import User
from doorward.records.changes import Expect, Insert
from doorward.records.oauth import Client
from doorward.storage.sqlite import SqliteStore


@contextlib.contextmanager
def locked(store: SqliteStore) -> Iterator[sqlite3.Connection]:
    """Hold the write lock as another process would."""
    holder = sqlite3.connect(store.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    yield holder
    holder.close()


@pytest.fixture
async def patient(tmp_path):
    store = SqliteStore(tmp_path / "doorward.sqlite")
    await store.open()
    yield store
    await store.close()


async def queued(*applies) -> list[asyncio.Task]:
    """Start the calls and let each reach the writer's queue."""
    tasks = [asyncio.create_task(each) for each in applies]
    await asyncio.sleep(0)
    return tasks


async def test_what_waits_for_one_commit_shares_the_next(patient):
    with locked(patient):
        tasks = await queued(*[patient.apply([Insert(least(Client, str(number)))]) for number in range(50)])
    await asyncio.gather(*tasks)
    assert len(await patient.find(Client)) == 50
    # The first ones may have been taken while the lock was held; all the others came together.
    assert patient.commits <= 2


async def test_a_conflict_of_one_leaves_the_others_of_its_group(patient):
    await patient.apply([Insert(least(Client, "taken", client_name="first"))])
    with locked(patient):
        tasks = await queued(
            patient.apply([Insert(least(Client, "alone in the first group"))]),
            patient.apply([Insert(least(Client, "a"))]),
            patient.apply([Insert(least(User, "half")), Insert(least(Client, "taken"))]),
            patient.apply([Insert(least(User, "other half")), Expect(User, "absent", 1)]),
            patient.apply([Insert(least(Client, "b"))]),
            patient.apply([Insert(least(Client, "b"))]),
        )
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in outcomes] == [type(None), type(None), Conflict, Conflict, type(None), Conflict]
    assert {each.record.key for each in await patient.find(Client)} == {"taken", "alone in the first group", "a", "b"}
    assert await patient.find(User) == []


@pytest.mark.parametrize("companions", [0, 5])
async def test_a_value_that_sqlite_cannot_hold_fails_its_own_call_only(patient, companions):
    too_large = least(Client, "too large", expires_at=2**63)
    with locked(patient):
        tasks = await queued(
            *[patient.apply([Insert(least(Client, str(number)))]) for number in range(companions)],
            patient.apply([Insert(least(User)), Insert(too_large)]),
        )
    *others, failed = await asyncio.gather(*tasks, return_exceptions=True)
    assert others == [None] * companions
    assert isinstance(failed, OverflowError)
    assert await patient.find(User) == []
    await patient.apply([Insert(least(User))])


async def test_a_call_that_was_cancelled_is_done_all_the_same(patient):
    with locked(patient):
        (task,) = await queued(patient.apply([Insert(least(Client))]))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await patient.apply([Insert(least(Client, "later"))])
    assert await patient.get(Client, "key") is not None


async def test_a_lock_held_too_long_is_unavailable_and_no_conflict(sqlite_store):
    with locked(sqlite_store):
        with pytest.raises(Unavailable, match="SQLITE_BUSY") as caught:
            await sqlite_store.apply([Insert(least(Client))])
        assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
        with pytest.raises(Unavailable):
            await sqlite_store.purge(1)
        assert await sqlite_store.get(Client, "key") is None
    await sqlite_store.apply([Insert(least(Client))])
    assert await sqlite_store.get(Client, "key") is not None


async def test_each_caller_of_a_failed_group_gets_an_error_of_its_own(sqlite_store):
    with locked(sqlite_store):
        tasks = await queued(*[sqlite_store.apply([Insert(least(Client, str(number)))]) for number in range(5)])
        failures = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(each) for each in failures} == {Unavailable}
    assert len({id(each) for each in failures}) == 5
    assert await sqlite_store.find(Client) == []


async def test_reads_go_on_while_another_process_writes(sqlite_store):
    await sqlite_store.apply([Insert(least(Client))])
    with locked(sqlite_store) as holder:
        holder.execute("DELETE FROM record_client")
        assert await sqlite_store.get(Client, "key") is not None


async def test_a_store_that_was_never_used_counts_no_commits(tmp_path):
    assert SqliteStore(tmp_path / "doorward.sqlite").commits == 0


def test_a_loop_that_ended_does_not_stop_the_writer(tmp_path):
    store = SqliteStore(tmp_path / "doorward.sqlite")

    async def leave_a_write_behind() -> None:
        await queued(store.apply([Insert(least(Client))]))

    async def look() -> None:
        await store.apply([Insert(least(Client, "later"))])
        assert await store.get(Client, "key") is not None
        await store.close()

    asyncio.run(store.open())
    with locked(store):
        asyncio.run(leave_a_write_behind())
    # Perhaps in one group with the write that was left behind.
    asyncio.run(look())
