"""The audit log: events are queued during a request and appended in batches by a task, within a second.

Every node and worker appends to one chain. A batch is one transaction that replaces the head, so of concurrent writers
one goes first and the others hash again after it. The queue is bounded: when it is full, the next change first writes
it out, and if that fails nothing is changed. Waiting refusals of one kind become one entry with a count, so that a
flood of them does not fill the disk.

Spec: attack K-01 (no secret is ever written), G-09.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass

import msgspec

from doorward.audit.chain import CHAIN, append
from doorward.audit.events import AuditEvent
from doorward.clock import Clock
from doorward.errors import Conflict, StorageError, Unavailable
from doorward.logs import log, redact
from doorward.records.audit import AuditEntry, AuditHead
from doorward.records.changes import Change, Insert, Replace
from doorward.storage.port import Store
from doorward.upkeep import attempt

LOGGER = logging.getLogger("doorward.audit")

QUEUE_LIMIT = 2000
BATCH_ENTRIES = 200
BATCH_SECONDS = 0.25
RETRY_SECONDS = 2.0
ATTEMPTS = 200
"""Each lost race is another writer's batch; so many in a row mean that the chain is broken."""
_TEXT_LIMIT = 256


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of the current request, and the log that records its events."""

    audit: AuditLog | None = None
    actor: str = ""
    """The known actor, if the events themselves name none: an administrator."""
    address: str = ""
    request_id: str = ""


origin: ContextVar[Origin] = ContextVar("doorward_audit_origin", default=Origin())  # noqa: B039  (frozen)


def note(event: AuditEvent) -> None:
    """Record an event without a change in the log of the current request."""
    audit = origin.get().audit
    if audit is not None:
        audit.write(event)


class AuditLog:
    """The queue of one process, and the task that empties it between `start` and `stop`."""

    def __init__(self, store: Store, clock: Clock, *, queue_limit: int = QUEUE_LIMIT) -> None:
        self._store = store
        self._clock = clock
        self._queue_limit = queue_limit
        self._pending: list[AuditEntry] = []
        self._written = 0
        self.sign_ins: Counter[str] = Counter()
        """Sign-ins since the start, by outcome."""
        self._repeats: dict[tuple[str, ...], tuple[int, int]] = {}
        """For each waiting refusal: its place among all entries of this process, and its count."""
        self._uncertain: tuple[AuditEntry, int] | None = None
        """First entry and size of a batch if the store did not answer whether it was written."""
        self._writing = asyncio.Lock()
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the task that writes batches."""
        self._task = asyncio.create_task(self._run(), name="doorward-audit")

    async def stop(self) -> None:
        """Write the queue and end the task; safe to call twice."""
        self._stopping.set()
        self._wake.set()
        if self._task is not None:
            await self._task
            self._task = None
        try:
            await self.flush()
        except StorageError as error:
            log(LOGGER, logging.ERROR, "audit_lost", entries=len(self._pending), detail=str(error))

    def write(self, event: AuditEvent) -> None:
        """Queue one event."""
        if event.event == "sign_in":
            self.sign_ins[event.outcome] += 1
        here = origin.get()
        detail = {name: _plain(value) for name, value in event.detail.items() if value}
        if event.outcome == "refused" and self._is_repeated(event, detail):
            return
        self._pending.append(
            AuditEntry(
                entry_id="",
                page="",
                at=self._clock.now(),
                event=event.event,
                outcome=event.outcome,
                reason=event.reason,
                actor=_plain(here.actor or event.actor),
                client_id=_plain(event.client_id),
                grant_id=event.grant_id,
                address=here.address,
                request_id=here.request_id,
                detail=detail,
            )
        )
        self._wake.set()

    async def make_room(self) -> None:
        """Write out a full queue; called before anything is changed.

        Raises:
            Unavailable: it cannot be written, so nothing may be changed.
        """
        if len(self._pending) >= self._queue_limit:
            await self.flush()

    async def flush(self) -> None:
        """Write out the whole queue. Cancelling the caller does not cancel the write.

        Raises:
            Unavailable: the store cannot accept it now; nothing is lost.
        """
        if self._pending:
            await asyncio.shield(asyncio.ensure_future(self._flush()))

    async def _flush(self) -> None:
        async with self._writing:
            # Don't wait for an empty queue: under load it is never empty, and each event would be a transaction.
            until = self._written + len(self._pending)
            while self._written < until:
                if self._uncertain is not None and await self._settled(*self._uncertain):
                    continue
                batch = self._batch()
                await self._append(batch)
                self._drop(len(batch))

    def _is_repeated(self, event: AuditEvent, detail: dict[str, str]) -> bool:
        key = (event.event, event.reason, detail.get("endpoint", ""), detail.get("error", ""))
        place, count = self._repeats.get(key, (-1, 0))
        self._repeats[key] = (self._written + len(self._pending), 1) if count == 0 else (place, count + 1)
        return count > 0

    def _batch(self) -> list[AuditEntry]:
        for place, count in self._repeats.values():
            if count > 1:
                first = self._pending[place - self._written]
                counted = msgspec.structs.replace(first, detail={**first.detail, "count": str(count)})
                self._pending[place - self._written] = counted
        self._repeats.clear()
        return self._pending[:BATCH_ENTRIES]

    def _drop(self, size: int) -> None:
        del self._pending[:size]
        self._written += size

    async def _append(self, batch: list[AuditEntry]) -> None:
        for _ in range(ATTEMPTS):
            stored = await self._store.get(AuditHead, CHAIN)
            head, entries = append(stored.record if stored else None, batch)
            changes: list[Change] = [Replace(head, stored.version) if stored else Insert(head)]
            changes += map(Insert, entries)
            self._uncertain = (entries[0], len(batch))
            try:
                await self._store.apply(changes)
            except Conflict:
                self._uncertain = None
                continue
            self._uncertain = None
            return
        raise Unavailable("The audit log cannot be continued. `doorward audit verify` says where it is broken.")

    async def _settled(self, first: AuditEntry, size: int) -> bool:
        """Find out whether a batch was written although its commit got no answer; don't write its entries twice."""
        stored = await self._store.get(AuditEntry, first.entry_id)
        self._uncertain = None
        if stored is None or stored.record.hash != first.hash:
            return False
        self._drop(size)
        return True

    async def _run(self) -> None:
        while not self._stopping.is_set():
            await self._wake.wait()
            await self._pause(BATCH_SECONDS)
            self._wake.clear()
            if not await attempt(self.flush, delayed="audit_delayed"):
                await self._pause(RETRY_SECONDS)
                self._wake.set()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


def _plain(text: str) -> str:
    """Return a client's string in the form that is logged: cut to a length, and without anything like a credential."""
    return _redacted(text) if len(text) <= _TEXT_LIMIT else redact(text[:_TEXT_LIMIT])


# A few clients, users and scopes repeat all the time, and the search costs more than the rest of an event.
_redacted = functools.lru_cache(maxsize=2048)(redact)
