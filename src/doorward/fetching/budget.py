"""Rate limits per host for outgoing requests, shared so that no one can starve the others.

Anyone who can name a URL can make this server fetch it, so without a budget the server would amplify attacks on third
parties. A host's budget is shared in three ways:

- A vouched URL (named by an operator, or valid before) has a budget of its own, which unknown clients can't use up.
- Other URLs count for the address that asked. An address that has asked little is served even if others have used up
  the host's budget.
- A useless answer (a 404, say) counts separately, so ten invented paths take nothing from the budget.

Each process counts for itself: with N workers a host gets at most N times as much.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass

from doorward.fetching.errors import FetchError

PER_HOST_AND_MINUTE = 10
"""Fetches a minute for one asker of one host, or for one vouched URL."""
USELESS_SHARE = 2
"""How many times as many useless answers an asker may have."""
HOST_SHARE = 6
"""How many times as much all unknown askers of one host may have together, and all its vouched URLs."""
GUARANTEED = 2
"""Fetches of a host that each asker gets even if unknown askers have used up the host's budget."""
UTMOST_SHARE = 30
"""How many times as much all unknown askers together may ever have, guarantees included."""
AT_ONCE = 16
"""Concurrent fetches, and concurrent lookups, of this process; more wait. No asker gets more than half of either."""
_MINUTE = 60.0
_SUBJECTS_LIMIT = 16_384

_Subject = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Charge:
    """One counted fetch: who it counts for, and where it counts instead if its answer is useless."""

    at: float
    subject: _Subject
    useless: _Subject


class HostBudget:
    """Counts the fetches per host over the last minute."""

    def __init__(self, per_minute: int = PER_HOST_AND_MINUTE) -> None:
        self.per_minute = per_minute
        self._fetches: OrderedDict[_Subject, deque[float]] = OrderedDict()

    def spend(self, host: str, *, url: str = "", vouched: bool = False, asker: str = "") -> Charge | None:
        """Count one fetch of this host; `vouched`: an operator or an earlier valid document names the URL.

        Raises:
            FetchError: the URL or the asker has used up its share of this minute.
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
        """Count a fetch as useless instead; a vouched one keeps its count."""
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
    return FetchError("busy", "This server sent that host too many requests. Try again in a minute.")
