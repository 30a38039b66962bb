"""Key rotation that invalidates nothing that a key has sealed or signed.

A new key is stored first and becomes active some time later, when every process knows it and caches of the published
keys have expired. The old key stays until everything it made has expired. If several processes rotate at the same time,
one wins, because each would replace the same record.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from doorward.clock import Clock
from doorward.errors import Conflict, StartError, StorageError, Unavailable
from doorward.keys.ring import Keys, ring_order
from doorward.logs import log
from doorward.oauth.policy import Policy
from doorward.records.changes import Change, Insert, Replace, Stored
from doorward.records.keys import KeyRecord, KeyUse
from doorward.storage.port import Store
from doorward.upkeep import every

REFRESH_SECONDS = 5.0
"""How often each process looks for keys that other processes created."""
LEAD_SECONDS: Mapping[KeyUse, int] = {"encryption": 60, "signing": 600}
"""How long a key is known before it is used: processes look often, but published key sets are cached for minutes."""
_DAY = 86_400
_ATTEMPTS = 5
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rotation:
    """The dependencies of a rotation: the ring, its store, and the lifetimes of what its keys make."""

    store: Store
    keys: Keys
    clock: Clock
    policy: Policy

    async def rotate(self, use: KeyUse, *, at_once: bool = False) -> KeyRecord:
        """Create a key of this use and return its record; with `at_once` it is active immediately.

        If a key is waiting to become active, no second one is created.

        Raises:
            Unavailable: the store cannot answer, or other processes keep rotating.
        """
        for _ in range(_ATTEMPTS):
            now = self.clock.now()
            newest = await self._newest(use)
            record, changes = self._decide(use, newest, now, at_once=at_once)
            try:
                await self.store.apply(changes)
            except Conflict:
                continue
            await self.keys.refresh()
            return record
        raise Unavailable("too many processes rotate keys at once")

    async def rotate_when_old(self, use: KeyUse, days: int) -> None:
        """Create a new key if the newest one is this old. Raises `Unavailable`."""
        newest = (await self._newest(use)).record
        if days and self.clock.now() >= newest.active_at + days * _DAY:
            record = await self.rotate(use)
            log(_logger, logging.INFO, "key_rotated", use=use, kid=record.kid, active_at=record.active_at)

    async def run(self, days: int) -> None:
        """Load new keys, and create due ones, until cancelled."""

        async def refresh() -> None:
            await self.keys.refresh()
            await self.rotate_when_old("signing", days)

        expected = (StorageError, StartError)
        await every(REFRESH_SECONDS, refresh, delayed="keys_not_refreshed", expected=expected, at_once=True)

    async def _newest(self, use: KeyUse) -> Stored[KeyRecord]:
        stored = {each.record.kid: each for each in await self.store.find(KeyRecord)}
        ring = ring_order([each.record for each in stored.values()], use, self.clock.now())
        return stored[max(ring, key=lambda record: record.active_at).kid]

    def _decide(
        self, use: KeyUse, newest: Stored[KeyRecord], now: int, *, at_once: bool
    ) -> tuple[KeyRecord, tuple[Change, ...]]:
        if newest.record.active_at > now:
            if not at_once:
                return newest.record, ()
            hurried = msgspec.structs.replace(newest.record, active_at=now)
            return hurried, (Replace(hurried, newest.version),)
        # Later than the previous key even within one second, because the order of keys depends on it.
        active_at = max(now if at_once else now + LEAD_SECONDS[use], newest.record.active_at + 1)
        record = self.keys.new_record(use, active_at=active_at)
        ends = msgspec.structs.replace(newest.record, expires_at=record.active_at + self._overlap_seconds(use))
        return record, (Insert(record), Replace(ends, newest.version))

    def _overlap_seconds(self, use: KeyUse) -> int:
        """Return how long a key is needed after its last use, in seconds, with a day for clocks and caches."""
        longest = self.policy.access_token_seconds if use == "signing" else self.policy.grant_absolute_seconds
        return longest + _DAY
