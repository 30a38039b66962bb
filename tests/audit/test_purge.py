"""What a purge takes out of the audit log, and that what is left is still proved, wherever it was cut off."""

from __future__ import annotations

import asyncio

import pytest

from doorward.administration import audit as operations
from doorward.audit.chain import CHAIN, PAGE_ENTRIES, PURGED
from doorward.audit.events import AuditEvent
from doorward.audit.log import AuditLog
from doorward.audit.purge import DAY_SECONDS, purge_audit
from doorward.clock import FixedClock
from doorward.errors import Unavailable
from doorward.records.audit import AuditEntry, AuditHead
from doorward.records.changes import Delete


class Here:
    """As much of an administration as the operations on the audit log look at."""

    def __init__(self, store, audit) -> None:
        self.store, self.audit = store, audit


async def write(audit: AuditLog, clock: FixedClock, count: int) -> None:
    """Write entries, one a second."""
    for _ in range(count):
        audit.write(AuditEvent(event="test"))
        clock.advance(1)
    await audit.flush()


async def verified(store, audit):
    return await operations.verify(Here(store, audit), operations.Verify())


async def numbers(store) -> list[int]:
    return sorted(int(each.record.entry_id) for each in await store.find(AuditEntry))


async def test_old_entries_go_and_the_rest_is_proved(store):
    clock = FixedClock()
    audit = AuditLog(store, clock)
    begun = clock.now()
    await write(audit, clock, 30)
    assert await purge_audit(store, audit, begun + 10) == 10
    assert await numbers(store) == [*range(11, 32)]
    seen = await verified(store, audit)
    assert (seen.intact, seen.removed, seen.entries) == (True, 10, 21)
    last = (await store.get(AuditEntry, f"{31:016}")).record
    assert (last.event, last.detail["through"]) == (PURGED, "10")
    # Again, with a further anchor; and once more, when nothing is old enough.
    assert await purge_audit(store, audit, begun + 20) == 10
    assert await purge_audit(store, audit, begun + 20) == 0
    assert await numbers(store) == [*range(21, 33)]
    await write(audit, clock, 5)
    assert (await verified(store, audit)).intact


async def test_everything_may_be_old(store):
    clock = FixedClock()
    audit = AuditLog(store, clock)
    await write(audit, clock, 2 * PAGE_ENTRIES + 3)
    assert await purge_audit(store, audit, clock.now() + 1) == 2 * PAGE_ENTRIES + 3
    assert len(await numbers(store)) == 1
    assert (await verified(store, audit)).intact
    listed = await operations.list_(Here(store, audit), operations.ListEntries())
    assert [each.event for each in listed.items] == [PURGED]


async def test_an_empty_log_is_left_alone(store):
    audit = AuditLog(store, FixedClock())
    assert await purge_audit(store, audit, 2**40) == 0
    assert await store.get(AuditHead, CHAIN) is None


async def test_with_slack_it_waits_until_there_is_enough_to_do(store):
    clock = FixedClock()
    audit = AuditLog(store, clock)
    begun = clock.now()
    await write(audit, clock, 10)
    assert await purge_audit(store, audit, begun + DAY_SECONDS, slack_seconds=DAY_SECONDS) == 0
    assert await purge_audit(store, audit, begun + DAY_SECONDS + 1, slack_seconds=DAY_SECONDS) == 10


@pytest.mark.parametrize(("number", "broken_at"), [(25, 25), (11, 1)], ids=["in the middle", "the first one left"])
async def test_an_entry_that_goes_without_a_word_is_missed(store, number, broken_at):
    clock = FixedClock()
    audit = AuditLog(store, clock)
    begun = clock.now()
    await write(audit, clock, 30)
    await purge_audit(store, audit, begun + 10)
    stored = await store.get(AuditEntry, f"{number:016}")
    await store.apply([Delete(AuditEntry, stored.record.key, stored.version)])
    seen = await verified(store, audit)
    assert (seen.intact, seen.broken_at) == (False, broken_at)


class Failing:
    """A store that cannot remove entries any more after some batches."""

    def __init__(self, store, batches: int) -> None:
        self.store, self.left = store, batches
        self.get, self.find, self.page = store.get, store.find, store.page

    async def apply(self, changes):
        if any(isinstance(change, Delete) for change in changes):
            if not self.left:
                raise Unavailable("gone")
            self.left -= 1
        await self.store.apply(changes)


@pytest.mark.parametrize("batches", [0, 1])
async def test_a_purge_that_is_cut_off_leaves_a_log_that_is_proved_and_is_finished_later(store, batches):
    clock = FixedClock()
    audit = AuditLog(store, clock)
    await write(audit, clock, 2 * PAGE_ENTRIES)
    with pytest.raises(Unavailable):
        await purge_audit(Failing(store, batches), audit, clock.now())
    seen = await verified(store, audit)
    assert (seen.intact, seen.removed) == (True, batches * PAGE_ENTRIES)
    assert await purge_audit(store, audit, clock.now()) == (2 - batches) * PAGE_ENTRIES
    assert (await verified(store, audit)).intact


async def test_several_nodes_may_purge_at_once_while_others_write(store):
    clock = FixedClock()
    audits = [AuditLog(store, clock) for _ in range(3)]
    begun = clock.now()
    await write(audits[0], clock, 700)

    async def busy() -> None:
        for _ in range(20):
            audits[2].write(AuditEvent(event="meanwhile"))
            await audits[2].flush()

    removed = await asyncio.gather(
        purge_audit(store, audits[0], begun + 600), purge_audit(store, audits[1], begun + 650), busy()
    )
    assert sum(removed[:2]) == 650
    seen = await verified(store, audits[0])
    assert (seen.intact, seen.removed) == (True, 650)
