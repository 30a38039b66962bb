"""How often something may be asked: one number for each subject, bounded in all, in one process.

Hosted clients share addresses. So what is counted is first of all the client, the content or the credential, and the
address alone only with a high bound. Knows neither HTTP nor stores.
"""

from __future__ import annotations

import math

from doorward.oauth.errors import TooManyRequests

_MINUTE = 60


class Meter:
    """Admits so many tries of a subject in a minute, all at once if need be, and then one at a time as they come free.

    One number a subject: when it would be back at rest (the generic cell rate algorithm).
    """

    def __init__(self, per_minute: int, *, subjects_limit: int = 20_000) -> None:
        self._interval_seconds = _MINUTE / per_minute if per_minute else 0.0
        self._tolerance_seconds = _MINUTE - self._interval_seconds
        self._subjects_limit = subjects_limit
        self._at_rest_at: dict[str, float] = {}

    def __len__(self) -> int:
        """Return how many subjects are remembered."""
        return len(self._at_rest_at)

    def wait_seconds(self, subject: str, now: int) -> int:
        """Return how long the subject has to wait; 0 when it may try now."""
        ahead = self._at_rest_at.get(subject, 0.0) - now - self._tolerance_seconds
        return math.ceil(round(ahead, 6)) if self._interval_seconds and ahead > 0 else 0

    def count(self, subject: str, now: int) -> None:
        """Count one try."""
        if not self._interval_seconds:
            return
        at_rest_at = max(self._at_rest_at.pop(subject, 0.0), now) + self._interval_seconds
        # A client that keeps trying has to wait for at most a minute after its last try.
        self._at_rest_at[subject] = min(at_rest_at, now + self._tolerance_seconds + self._interval_seconds)
        if len(self._at_rest_at) > self._subjects_limit:
            self._forget(now)

    def admit(self, subject: str, now: int) -> None:
        """Count one try, or refuse it.

        Raises:
            TooManyRequests: with the time to wait.
        """
        wait = self.wait_seconds(subject, now)
        if wait:
            raise TooManyRequests(wait)
        self.count(subject, now)

    def _forget(self, now: int) -> None:
        self._at_rest_at = {subject: at for subject, at in self._at_rest_at.items() if at > now}
        # The ones tried least recently are first; a flood of new subjects costs them their memory, not ours.
        surplus = len(self._at_rest_at) - self._subjects_limit * 9 // 10
        for subject in list(self._at_rest_at)[: max(0, surplus)]:
            del self._at_rest_at[subject]
