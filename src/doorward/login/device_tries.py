"""How often one person may guess at the codes of devices: counted in the store, for all nodes together.

A try is counted before the code is looked up, and taken back when something waits under it; so having devices of one's
own does not buy further guesses.

Spec: RFC 8628 s5.1.
"""

from __future__ import annotations

from doorward.oauth import limits
from doorward.oauth.changes import Change, Decision, Insert, Replace
from doorward.oauth.records import FailedSignIns
from doorward.oauth.tokens import digest
from doorward.storage.authority import Authority

DELAYS = limits.Delays(free=5, first_seconds=30, longest_seconds=3600)
"""Some ten wrong codes within their ten minutes, of 25,600,000,000."""


class DeviceTries:
    """The counters of one authorization server."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority

    async def begin(self, user_id: str) -> None:
        """Count a try.

        Raises:
            TooManyRequests: too many wrong ones before it.
        """

        async def attempt() -> Decision[None]:
            stored = await self.authority.store.get(FailedSignIns, _key(user_id))
            before = stored.record if stored else None
            counted = limits.trying(before, _key(user_id), now=self.authority.clock.now(), delays=DELAYS)
            change: Change = Insert(counted) if stored is None else Replace(counted, stored.version)
            return Decision(None, (change,))

        await self.authority.decide(attempt)

    async def was_right(self, user_id: str) -> None:
        """Take a try back."""

        async def attempt() -> Decision[None]:
            stored = await self.authority.store.get(FailedSignIns, _key(user_id))
            if stored is None:
                return Decision(None)
            return Decision(None, (Replace(limits.taken_back(stored.record, delays=DELAYS), stored.version),))

        await self.authority.decide(attempt)


def _key(user_id: str) -> str:
    return digest(f"device code\n{user_id}")
