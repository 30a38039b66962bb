"""A rate limiter: one number per subject, a bounded number of subjects, in one process.

Hosted clients share addresses. So limits mainly apply to the client, the content or the credential, and to an address
alone only with a high limit. Does not know HTTP or stores.
"""

from __future__ import annotations

import math

from doorward.oauth.errors import TooManyRequests

_MINUTE = 60


class Meter:
    """Admits a number of attempts per subject and minute, as a burst if necessary, then one at a time as slots free up.

    It stores one number per subject, the instant at which its whole burst is free again (generic cell rate algorithm).
    """

    def __init__(self, per_minute: int, *, subjects_limit: int = 20_000) -> None:
        self._interval_seconds = _MINUTE / per_minute if per_minute else 0.0
        self._tolerance_seconds = _MINUTE - self._interval_seconds
        self._subjects_limit = subjects_limit
        self._at_rest_at: dict[str, float] = {}

    def __len__(self) -> int:
        """Return the number of remembered subjects."""
        return len(self._at_rest_at)

    def wait_seconds(self, subject: str, now: int) -> int:
        """Return how long the subject must wait, in seconds; 0 if it may try now."""
        ahead = self._at_rest_at.get(subject, 0.0) - now - self._tolerance_seconds
        return math.ceil(round(ahead, 6)) if self._interval_seconds and ahead > 0 else 0

    def count(self, subject: str, now: int) -> None:
        """Count one attempt."""
        if not self._interval_seconds:
            return
        at_rest_at = max(self._at_rest_at.pop(subject, 0.0), now) + self._interval_seconds
        # A client that keeps trying waits at most a minute after its last attempt.
        self._at_rest_at[subject] = min(at_rest_at, now + self._tolerance_seconds + self._interval_seconds)
        if len(self._at_rest_at) > self._subjects_limit:
            self._forget(now)

    def admit(self, subject: str, now: int) -> None:
        """Count one attempt, or refuse it.

        Raises:
            TooManyRequests: includes the time to wait.
        """
        wait = self.wait_seconds(subject, now)
        if wait:
            raise TooManyRequests(wait)
        self.count(subject, now)

    def _forget(self, now: int) -> None:
        self._at_rest_at = {subject: at for subject, at in self._at_rest_at.items() if at > now}
        # Evict the least recently used subjects first; a flood of new subjects loses its own history, not our memory.
        surplus = len(self._at_rest_at) - self._subjects_limit * 9 // 10
        for subject in list(self._at_rest_at)[: max(0, surplus)]:
            del self._at_rest_at[subject]
