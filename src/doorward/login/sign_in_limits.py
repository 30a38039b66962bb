"""Wrong passwords, counted in the store for each account and address, and for each account in all.

The try is counted before the password is checked and taken back when it was right: of any number of tries at one
moment, on whichever nodes, no more are checked than were due, and hashing starts only for those.
"""

from __future__ import annotations

from doorward.oauth import limits
from doorward.oauth.changes import Change, Decision, Insert, Replace, Stored
from doorward.oauth.records import FailedSignIns
from doorward.oauth.tokens import digest
from doorward.storage.authority import Authority


class SignInLimits:
    """The delays of one authorization server."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority

    async def begin(self, name: str, address: str) -> None:
        """Count a try.

        Raises:
            TooManyRequests: too many wrong ones before it.
            Unavailable: the store cannot tell.
        """
        await self.authority.decide(lambda: self._begin(name, address))

    async def succeed(self, name: str, address: str) -> None:
        """Take the try back: the password was right."""
        await self.authority.decide(lambda: self._succeed(name, address))

    async def _begin(self, name: str, address: str) -> Decision[None]:
        now = self.authority.clock.now()
        pair_key, all_key = _pair(name, address), _all(name)
        pair, everywhere = await self._get(pair_key), await self._get(all_key)
        counted = limits.trying(_record(pair), pair_key, now=now, delays=limits.FROM_ONE_ADDRESS)
        changes = [_put(counted, pair)]
        if not limits.is_trusted(_record(pair), now=now):
            counted = limits.trying(_record(everywhere), all_key, now=now, delays=limits.IN_ALL)
            changes.append(_put(counted, everywhere))
        return Decision(None, tuple(changes))

    async def _succeed(self, name: str, address: str) -> Decision[None]:
        now = self.authority.clock.now()
        pair, everywhere = await self._get(_pair(name, address)), await self._get(_all(name))
        changes: list[Change] = []
        if everywhere is not None and not limits.is_trusted(_record(pair), now=now):
            changes.append(_put(limits.taken_back(everywhere.record, delays=limits.IN_ALL), everywhere))
        if pair is not None:
            changes.append(_put(limits.succeeded(pair.record, now=now), pair))
        return Decision(None, tuple(changes))

    async def _get(self, key: str) -> Stored[FailedSignIns] | None:
        return await self.authority.store.get(FailedSignIns, key)


def _pair(name: str, address: str) -> str:
    return digest(f"sign-in\n{address}\n{name}")


def _all(name: str) -> str:
    return digest(f"sign-in\n\n{name}")


def _record(stored: Stored[FailedSignIns] | None) -> FailedSignIns | None:
    return None if stored is None else stored.record


def _put(record: FailedSignIns, before: Stored[FailedSignIns] | None) -> Change:
    return Insert(record) if before is None else Replace(record, before.version)
