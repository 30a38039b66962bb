"""The audit log: one chain for all writers, nothing lost, nothing twice, and no request that waits for it."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from storage.samples import least

from doorward.audit import log
from doorward.audit.audited_store import AuditedStore
from doorward.audit.chain import CHAIN, Verification
from doorward.audit.events import AuditEvent
from doorward.audit.log import AuditLog
from doorward.clock import FixedClock
from doorward.errors import Unavailable
from doorward.records.audit import AuditEntry, AuditHead
from doorward.records.changes import Insert
from doorward.records.oauth import Client
from doorward.storage.sqlite import SqliteStore

CLOCK = FixedClock()
PROGRAM = Path(__file__).parent / "programs" / "audit_until_killed.py"
WRITERS = 4
EVENTS = 60


def event(number: int) -> AuditEvent:
    return AuditEvent(event="test", detail={"id": str(number)})


def refusal(reason: str = "unknown_code", endpoint: str = "/token") -> AuditEvent:
    return AuditEvent(event="refused", outcome="refused", reason=reason, detail={"endpoint": endpoint})


async def entries(store) -> list[AuditEntry]:
    found = [stored.record for stored in await store.find(AuditEntry)]
    return sorted(found, key=lambda each: each.entry_id)


async def checked(store) -> list[AuditEntry]:
    """Return the entries of a chain that holds."""
    found = await entries(store)
    head = await store.get(AuditHead, CHAIN)
    verification = Verification()
    verification.check(found)
    assert verification.finish(head.record if head else None) is None
    return found


class Faulty:
    """A store whose writes of entries fail as told: before they are done, after, or by a bug."""

    def __init__(self, store, *faults: str) -> None:
        self.store = store
        self.faults = list(faults)
        self.get, self.find = store.get, store.find

    async def apply(self, changes):
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "bug":
            raise TypeError(fault)
        if fault != "before":
            await self.store.apply(changes)
        if fault:
            raise Unavailable(fault)


async def test_events_are_written_in_their_order_with_time_and_number(store):
    audit = AuditLog(store, CLOCK)
    for number in range(450):
        audit.write(event(number))
    await audit.flush()
    found = await checked(store)
    assert [each.detail["id"] for each in found] == [str(number) for number in range(450)]
    assert {each.at for each in found} == {CLOCK.now()}


async def test_writers_on_one_store_share_one_chain(backend):
    stores = [backend() for _ in range(WRITERS)]
    for each in stores:
        await each.open()
    logs = [AuditLog(each, CLOCK) for each in stores]

    async def write(audit: AuditLog, writer: int) -> None:
        for number in range(EVENTS):
            audit.write(event(writer * EVENTS + number))
            if number % 5 == 0:
                await audit.flush()
        await audit.flush()

    await asyncio.gather(*itertools.starmap(write, zip(logs, range(WRITERS), strict=True)))
    found = await checked(stores[0])
    assert sorted(int(each.detail["id"]) for each in found) == list(range(WRITERS * EVENTS))
    for each in stores:
        await each.close()


async def test_a_bug_while_writing_is_logged_and_the_entries_are_written_later(sqlite_store, monkeypatch, caplog):
    monkeypatch.setattr(log, "RETRY_SECONDS", 0)
    faulty = Faulty(sqlite_store, "bug")
    audit = AuditLog(faulty, CLOCK)
    audit.start()
    audit.write(event(1))
    while not await entries(sqlite_store):
        await asyncio.sleep(0.005)
    assert "bug" in caplog.messages
    await audit.stop()
    assert len(await checked(sqlite_store)) == 1


async def test_the_task_writes_by_itself_and_stopping_writes_the_rest(sqlite_store):
    audit = AuditLog(sqlite_store, CLOCK)
    audit.start()
    audit.write(event(1))
    while not await entries(sqlite_store):
        await asyncio.sleep(0.005)
    audit.write(event(2))
    await audit.stop()
    assert len(await checked(sqlite_store)) == 2


@pytest.mark.requirement("AUD-03")
@pytest.mark.parametrize("faults", [("before",), ("after",), ("before", "after"), ("after", "after", "before")])
async def test_a_batch_whose_commit_is_in_doubt_is_written_once(sqlite_store, faults):
    audit = AuditLog(Faulty(sqlite_store, *faults), CLOCK)
    audit.write(event(1))
    for _ in faults:
        with pytest.raises(Unavailable):
            await audit.flush()
        audit.write(event(2))
    await audit.flush()
    ids = [each.detail["id"] for each in await checked(sqlite_store)]
    assert ids == ["1", *(["2"] * len(faults))]


async def test_a_batch_in_doubt_that_was_not_written_goes_behind_what_others_wrote_meanwhile(sqlite_store):
    audit = AuditLog(Faulty(sqlite_store, "before"), CLOCK)
    audit.write(event(1))
    with pytest.raises(Unavailable):
        await audit.flush()
    other = AuditLog(sqlite_store, CLOCK)
    other.write(event(2))
    await other.flush()
    await audit.flush()
    assert [each.detail["id"] for each in await checked(sqlite_store)] == ["2", "1"]


async def test_nothing_is_changed_while_the_log_is_full_and_cannot_be_written(sqlite_store):
    audit = AuditLog(Faulty(sqlite_store, "before"), CLOCK, queue_limit=2)
    store = AuditedStore(sqlite_store, audit, lambda _: "")
    await store.apply([Insert(least(Client, "a"))])
    await store.apply([Insert(least(Client, "b"))])
    with pytest.raises(Unavailable):
        await store.apply([Insert(least(Client, "c"))])
    assert await store.get(Client, "c") is None
    await store.apply([Insert(least(Client, "c"))])
    assert [each.client_id for each in await checked(sqlite_store)] == ["a", "b"]
    await audit.flush()
    assert [each.client_id for each in await checked(sqlite_store)] == ["a", "b", "c"]


async def test_a_flood_of_refusals_is_one_entry_with_a_count(sqlite_store):
    audit = AuditLog(sqlite_store, CLOCK)
    for _ in range(1000):
        audit.write(refusal())
        audit.write(refusal("wrong_verifier"))
    audit.write(event(1))
    await audit.flush()
    audit.write(refusal())
    await audit.flush()
    found = await checked(sqlite_store)
    assert [(each.event, each.reason, each.detail.get("count")) for each in found] == [
        ("refused", "unknown_code", "1000"),
        ("refused", "wrong_verifier", "1000"),
        ("test", "", None),
        ("refused", "unknown_code", None),
    ]


async def test_refusals_that_come_while_a_batch_is_written_are_counted_in_the_next(sqlite_store):
    class Slow(Faulty):
        async def apply(self, changes):
            for _ in range(3):
                audit.write(refusal())
            await super().apply(changes)

    slow = Slow(sqlite_store)
    audit = AuditLog(slow, CLOCK)
    audit.write(event(1))
    audit.write(refusal())
    flushing = asyncio.ensure_future(audit.flush())
    while not await entries(sqlite_store):
        await asyncio.sleep(0)
    slow.apply = sqlite_store.apply
    await flushing
    await audit.flush()
    counts = [int(each.detail.get("count", "1")) for each in await checked(sqlite_store) if each.event == "refused"]
    assert sum(counts) == 1 + 3
    assert len(counts) == 2


@pytest.mark.requirement("K-01")
async def test_what_looks_like_a_credential_is_masked_and_long_text_cut(sqlite_store):
    audit = AuditLog(sqlite_store, CLOCK)
    secret = "dwk_" + "A" * 48
    audit.write(AuditEvent(event="test", client_id=secret, detail={"name": f"Bearer {secret}", "long": "y" * 5000}))
    await audit.flush()
    (found,) = await checked(sqlite_store)
    assert secret not in repr(found)
    assert len(found.detail["long"]) == 256


def start(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, PROGRAM, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def say(process: subprocess.Popen[str], line: str) -> None:
    process.stdin.write(line)
    process.stdin.flush()


async def test_two_processes_with_four_tasks_each_write_one_chain(tmp_path):
    path = tmp_path / "doorward.sqlite"
    processes = [start(path), start(path)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        say(process, "40\n")
    for process in processes:
        assert process.communicate("\n")[0] == "written\n"
    store = SqliteStore(path)
    await store.open()
    found = await checked(store)
    assert len({each.detail["id"] for each in found}) == len(found) == 2 * (4 * 40 + 1)
    await store.close()


@pytest.mark.requirement("AUD-03")
async def test_a_process_that_is_killed_has_lost_nothing_of_what_it_had_written_out(tmp_path):
    path = tmp_path / "doorward.sqlite"
    process = start(path)
    assert process.stdout.readline() == "ready\n"
    say(process, "50\n")
    assert process.stdout.readline() == "written\n"
    store = SqliteStore(path)
    await store.open()
    # The task of the process writes the last event by itself, with nobody asking for it.
    while not any(each.event == "last" for each in await entries(store)):
        await asyncio.sleep(0.01)
    process.kill()
    process.communicate()
    assert len(await checked(store)) == 4 * 50 + 1
    await store.close()


async def test_events_that_come_while_a_batch_is_written_wait_for_the_next_one(sqlite_store):
    class Busy(Faulty):
        batches = 0

        async def apply(self, changes):
            self.batches += 1
            audit.write(event(self.batches))
            await super().apply(changes)

    busy = Busy(sqlite_store)
    audit = AuditLog(busy, CLOCK)
    audit.write(event(0))
    await audit.flush()
    assert busy.batches == 1
    assert [each.detail["id"] for each in await checked(sqlite_store)] == ["0"]
