"""How often one host may be asked, shared out so that nobody uses up what others need.

Anyone who can name a URL can make this server fetch it, so without a budget the server would be an amplifier aimed at
a third party. The room of a host is shared in three ways:

- A URL that somebody vouches for, or that was good before, has room of its own. No stranger can use it up.
- What strangers name counts for the address that asked. An address that has hardly asked gets in even if others have
  used up the room of the host.
- An answer that was good for nothing (404, say) moves to a count of its own, so ten made-up paths take nothing away.

The counts are of this process: with N workers a host sees at most N times as much.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass

from doorward.fetching.errors import FetchError

PER_HOST_AND_MINUTE = 10
"""Fetches that one asker may have of one host, or that one vouched URL may have."""
USELESS_SHARE = 2
"""An asker may have so many times as many answers that were good for nothing."""
HOST_SHARE = 6
"""All strangers together may have so many times as many of one host, and all its vouched URLs too."""
GUARANTEED = 2
"""Fetches of a host that each asker gets although the strangers before have used up the room of that host."""
UTMOST_SHARE = 30
"""All strangers together never have more than so many times as many, whatever is guaranteed."""
AT_ONCE = 16
"""Fetches under way in this process, and lookups of names; more wait. No asker holds more than half of either."""
_MINUTE = 60.0
_SUBJECTS_LIMIT = 16_384

_Subject = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Charge:
    """One fetch that was counted: on whose behalf, and where it counts instead if its answer cannot be used."""

    at: float
    subject: _Subject
    useless: _Subject


class HostBudget:
    """Counts the fetches per host over the last minute."""

    def __init__(self, per_minute: int = PER_HOST_AND_MINUTE) -> None:
        self.per_minute = per_minute
        self._fetches: OrderedDict[_Subject, deque[float]] = OrderedDict()

    def spend(self, host: str, *, url: str = "", vouched: bool = False, asker: str = "") -> Charge | None:
        """Count one fetch of this host; `vouched`: somebody other than a stranger names the URL.

        Raises:
            FetchError: the URL or the asker has had its share of this minute.
        """
        now, most = asyncio.get_running_loop().time(), self.per_minute
        if vouched:
            subject, everybody = (host, "vouched", url), (host, "vouched")
            if self._count(subject, now) >= most or self._count(everybody, now) >= HOST_SHARE * most:
                raise _busy()
            self._add(now, subject, everybody)
            return None
        subject, useless, everybody = (host, "asker", asker), (host, "useless", asker), (host, "strangers")
        good, bad, total = (self._count(each, now) for each in (subject, useless, everybody))
        if good >= most or bad >= USELESS_SHARE * most or total >= UTMOST_SHARE * most:
            raise _busy()
        if total >= HOST_SHARE * most and good + bad >= GUARANTEED:
            raise _busy()
        self._add(now, subject, everybody)
        return Charge(now, subject, useless)

    def useless(self, charge: Charge | None) -> None:
        """Count a fetch among those that were good for nothing; what somebody vouches for keeps its count."""
        if charge is None:
            return
        past = self._fetches.get(charge.subject)
        if past is not None and charge.at in past:
            past.remove(charge.at)
        self._add(charge.at, charge.useless)

    def _count(self, subject: _Subject, now: float) -> int:
        past = self._fetches.get(subject)
        while past and past[0] <= now - _MINUTE:
            past.popleft()
        return len(past) if past else 0

    def _add(self, at: float, *subjects: _Subject) -> None:
        for subject in subjects:
            self._fetches.setdefault(subject, deque()).append(at)
            self._fetches.move_to_end(subject)
        while len(self._fetches) > _SUBJECTS_LIMIT:
            self._fetches.popitem(last=False)


def _busy() -> FetchError:
    return FetchError("busy", "That host was asked often within a minute. Try again in a minute.")
