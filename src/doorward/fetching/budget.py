"""How often one host may be asked, and that nobody asks the same URL twice at once.

Whoever can name a URL can make this server fetch it, so without a budget the server would be an amplifier aimed at a
third party. The counts are of this process: with N workers a host sees at most N times as much.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque

from doorward.fetching.errors import FetchError

PER_HOST_AND_MINUTE = 10
AT_ONCE = 16
"""Fetches under way in this process; more wait, within their own time limit."""
_MINUTE = 60.0
_HOSTS_LIMIT = 4096


class HostBudget:
    """Counts the fetches per host over the last minute."""

    def __init__(self, per_minute: int = PER_HOST_AND_MINUTE) -> None:
        self.per_minute = per_minute
        self._fetches: OrderedDict[tuple[str, bool], deque[float]] = OrderedDict()

    def spend(self, host: str, *, vouched: bool = False) -> None:
        """Count one fetch of this host; what somebody has vouched for has a budget that strangers cannot use up.

        Raises:
            FetchError: it has had its share of this minute.
        """
        now = asyncio.get_running_loop().time()
        key = (host, vouched)
        past = self._fetches.setdefault(key, deque())
        self._fetches.move_to_end(key)
        while past and past[0] <= now - _MINUTE:
            past.popleft()
        if len(past) >= self.per_minute:
            raise FetchError("busy", "That host was asked often within a minute. Try again in a minute.")
        past.append(now)
        while len(self._fetches) > _HOSTS_LIMIT:
            self._fetches.popitem(last=False)
