"""Operations on the audit log: read it, and verify that it was not changed."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec

from doorward.administration.listing import Cursor, Limit, Page, page_of
from doorward.administration.operation import (
    Administration,
    Operation,
    Parameters,
    Result,
)
from doorward.audit.chain import (
    CHAIN,
    NUMBER_DIGITS,
    PAGE_ENTRIES,
    Broken,
    Verification,
    entry_id,
    number_of,
)
from doorward.records.audit import AuditEntry, AuditHead
from doorward.storage.port import Place, Store


class EntryView(Result, frozen=True, kw_only=True):
    """One entry."""

    number: int
    at: int
    event: str
    outcome: str
    reason: str
    actor: str
    client_id: str
    grant_id: str
    address: str
    request_id: str
    detail: dict[str, str]
    hash: str


class VerificationView(Result, frozen=True, kw_only=True):
    """Whether the chain is intact."""

    intact: bool
    entries: int
    """How many entries are intact, counted from the first remaining one."""
    removed: int
    """How many earlier entries were purged because they were too old."""
    head: str
    """The hash of the last intact entry; store it elsewhere to notice if the whole log is rewritten."""
    broken_at: int | None = None
    problem: str | None = None


class ListEntries(Parameters, frozen=True, kw_only=True):
    """Which entries to list, oldest first."""

    after: Annotated[int, msgspec.Meta(ge=0, le=10**NUMBER_DIGITS - 1)] = 0
    """Only those with a greater number."""
    limit: Limit = 50
    cursor: Cursor | None = None


class Verify(Parameters, frozen=True, kw_only=True):
    """No parameters."""


async def list_(here: Administration, asked: ListEntries) -> Page[EntryView]:
    """List entries, oldest first, including everything up to now."""
    await here.audit.flush()
    return await page_of(here.store, AuditEntry, _view, asked, after=Place(0, entry_id(asked.after)))


async def verify(here: Administration, asked: Verify) -> VerificationView:
    """Verify the whole chain."""
    del asked
    await here.audit.flush()
    while True:
        first = await _first(here.store)
        verification, broken = await _walk(here.store, first)
        # Another process may have purged the beginning meanwhile.
        if broken is None or first == await _first(here.store):
            break
    return VerificationView(
        intact=broken is None,
        entries=verification.number - verification.removed,
        removed=verification.removed,
        head=verification.hash,
        broken_at=broken.number if broken else None,
        problem=broken.what if broken else None,
    )


async def _walk(store: Store, first: int) -> tuple[Verification, Broken | None]:
    head = await _head(store)
    last = head.number if head else 0
    verification = Verification()
    for low in range(first, last + 1, PAGE_ENTRIES):
        numbers = range(low, min(low + PAGE_ENTRIES - 1, last) + 1)
        # Read by key instead of the number in the entry, so that swapped entries are detected.
        stored = await asyncio.gather(*[store.get(AuditEntry, entry_id(number)) for number in numbers])
        verification.check(each.record for each in stored if each is not None)
    at_anchor = await store.get(AuditEntry, entry_id(verification.anchor[0])) if verification.anchor else None
    broken = verification.finish(head, at_anchor.record if at_anchor else None)
    added = await _added_past(store, last) if broken is None else None
    if added is not None:
        broken = Broken(added, "The entry was added past the end of the log.")
    return verification, broken


async def _first(store: Store) -> int:
    """Return the number of the first remaining entry."""
    start = await store.page(AuditEntry, limit=1)
    return (number_of(start[0].stored.record) if start else None) or 1


async def _added_past(store: Store, last: int) -> int | None:
    """Return the number of an entry that no head has covered, if there is one."""
    behind = await store.page(AuditEntry, limit=PAGE_ENTRIES, after=Place(0, entry_id(last)))
    # Read the head afterwards: it then covers what another process has written meanwhile.
    head = await _head(store)
    numbers = (int(each.stored.record.entry_id) for each in behind)
    return min((number for number in numbers if number > (head.number if head else 0)), default=None)


async def _head(store: Store) -> AuditHead | None:
    stored = await store.get(AuditHead, CHAIN)
    return stored.record if stored else None


def _view(entry: AuditEntry) -> EntryView:
    return EntryView(
        number=int(entry.entry_id),
        at=entry.at,
        event=entry.event,
        outcome=entry.outcome,
        reason=entry.reason,
        actor=entry.actor,
        client_id=entry.client_id,
        grant_id=entry.grant_id,
        address=entry.address,
        request_id=entry.request_id,
        detail=entry.detail,
        hash=entry.hash,
    )


LIST = Operation(
    name="audit.list",
    summary="List entries, oldest first.",
    method="GET",
    path="/audit",
    capability="admin:audit",
    parameters=ListEntries,
    result=Page[EntryView],
    function=list_,
    commands=(("audit", "list"), ("audit", "export")),
)
VERIFY = Operation(
    name="audit.verify",
    summary="Walk the chain and name the first entry that was changed, removed or added.",
    method="GET",
    path="/audit/verification",
    capability="admin:audit",
    parameters=Verify,
    result=VerificationView,
    function=verify,
    commands=(("audit", "verify"),),
)
OPERATIONS = (LIST, VERIFY)
