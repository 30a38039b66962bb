"""Purges old entries from the audit log so that the rest can still be verified.

First an anchor is appended, an entry of the chain with the last number to remove and its hash. Then the entries are
removed, oldest first, so an interrupted purge always leaves the end of the log. Any number of nodes may purge at once.
"""

from __future__ import annotations

import asyncio

from doorward.audit.chain import CHAIN, PAGE_ENTRIES, PURGED, entry_id
from doorward.audit.events import AuditEvent
from doorward.audit.log import AuditLog
from doorward.errors import Conflict
from doorward.records.audit import AuditEntry, AuditHead
from doorward.records.changes import Delete
from doorward.storage.port import Place, Store

DAY_SECONDS = 24 * 3600


async def purge_audit(store: Store, audit: AuditLog, before: int, *, slack_seconds: int = 0) -> int:
    """Remove entries older than `before`; return how many. With slack, wait until the oldest is older by that much.

    Raises:
        Unavailable: the store cannot answer; entries removed so far are covered by their anchor.
    """
    (oldest,) = await store.page(AuditEntry, limit=1) or (None,)
    if oldest is None or oldest.stored.record.at >= before - slack_seconds:
        return 0
    last = await _last_before(store, int(oldest.stored.record.entry_id), before)
    entry = await store.get(AuditEntry, entry_id(last))
    if entry is None:  # another node purges
        return 0
    audit.write(AuditEvent(event=PURGED, detail={"through": str(last), "hash": entry.record.hash}))
    await audit.flush()
    return await _remove_through(store, last)


async def _last_before(store: Store, first: int, before: int) -> int:
    """Return the number of the last entry older than `before`; the first one is. Times hardly ever go backwards."""
    head = await store.get(AuditHead, CHAIN)
    low, high = first, head.record.number if head else first
    while low < high:
        middle = (low + high + 1) // 2
        entry = await store.get(AuditEntry, entry_id(middle))
        if entry is not None and entry.record.at < before:
            low = middle
        else:
            high = middle - 1
    return low


async def _remove_through(store: Store, last: int) -> int:
    removed, until = 0, Place(0, entry_id(last))
    while True:
        rows = [each for each in await store.page(AuditEntry, limit=PAGE_ENTRIES) if each.place <= until]
        if not rows:
            return removed
        try:
            await store.apply([Delete(AuditEntry, each.place.key, each.stored.version) for each in rows])
        except Conflict:  # another node was faster
            continue
        removed += len(rows)
        await asyncio.sleep(0)
