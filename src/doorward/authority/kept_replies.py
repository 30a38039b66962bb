"""The sealed replies that are kept for an honest retry, and their removal when the retry window closes.

A reply holds live tokens. It is sealed, but a copy of the data directory has the key too, so no reply is kept longer
than its window. Each process wipes its own replies seconds after their window. `wipe_all` finds those of processes that
died before, by the index `keeps_reply`.

Does not know how a reply is sealed.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from contextlib import suppress

import msgspec

from doorward.clock import Clock
from doorward.errors import Conflict, StorageError
from doorward.oauth.policy import Policy
from doorward.oauth.tokens.reply import Source, reply_window_ends_at
from doorward.records.changes import Change, Replace, Stored
from doorward.records.oauth import AuthorizationCode, DeviceAuthorization, RefreshToken
from doorward.records.record import KEEPS_REPLY
from doorward.storage.port import Store
from doorward.upkeep import every

SLACK_SECONDS = 2
"""Added to the window, so that nodes whose clocks differ by less never wipe a reply too early."""
_EVERY_SECONDS = 1.0
_AT_ONCE = 100
_NOTED_LIMIT = 200_000
"""The most replies noted in this process. `wipe_all` finds the rest."""
_SOURCES: tuple[type[Source], ...] = (AuthorizationCode, RefreshToken, DeviceAuthorization)


class KeptReplies:
    """The replies of this process that are still in the store."""

    def __init__(self) -> None:
        self._due: list[tuple[int, int, str]] = []
        """A heap of (end of the window, index of the kind in `_SOURCES`, key)."""

    def __len__(self) -> int:
        """Return how many replies are noted."""
        return len(self._due)

    def note(self, changes: Iterable[Change], policy: Policy) -> None:
        """Note the replies that a decision keeps; harmless if the decision is not applied."""
        for change in changes:
            record = change.record if isinstance(change, Replace) else None
            if isinstance(record, _SOURCES) and record.sealed_reply is not None and len(self._due) < _NOTED_LIMIT:
                ends_at = reply_window_ends_at(record, policy=policy) + SLACK_SECONDS
                heapq.heappush(self._due, (ends_at, _SOURCES.index(type(record)), record.key))

    async def wipe_due(self, store: Store, now: int) -> None:
        """Wipe the noted replies whose window is over. Raises `Unavailable`; the notes are kept then."""
        while self._due and self._due[0][0] <= now:
            some = [heapq.heappop(self._due) for _ in range(min(len(self._due), _AT_ONCE)) if self._due[0][0] <= now]
            try:
                found = [await store.get(_SOURCES[kind], key) for _, kind, key in some]
                await _wipe(store, [each for each in found if each is not None])
            except StorageError:
                for each in some:
                    heapq.heappush(self._due, each)
                raise

    async def run(self, store: Store, clock: Clock) -> None:
        """Wipe due replies every second, until cancelled."""
        await every(_EVERY_SECONDS, lambda: self.wipe_due(store, clock.now()), delayed="replies_not_wiped")


async def wipe_all(store: Store, policy: Policy, now: int) -> int:
    """Wipe every reply whose window is over, from any process; return how many. Raises `Unavailable`."""
    wiped = 0
    for kind in _SOURCES:
        found: Sequence[Stored[Source]] = await store.find(kind, keeps_reply=KEEPS_REPLY)
        over = [each for each in found if reply_window_ends_at(each.record, policy=policy) + SLACK_SECONDS <= now]
        for start in range(0, len(over), _AT_ONCE):
            await _wipe(store, over[start : start + _AT_ONCE])
        wiped += len(over)
    return wiped


async def _wipe(store: Store, found: Iterable[Stored[Source]]) -> None:
    changes = [
        Replace(msgspec.structs.replace(each.record, sealed_reply=None), each.version)
        for each in found
        if each.record.sealed_reply is not None
    ]
    try:
        await store.apply(changes)
    except Conflict:
        for change in changes:
            # A record that changed meanwhile was wiped by that change, or was removed, or the next purge finds it.
            with suppress(Conflict):
                await store.apply([change])
