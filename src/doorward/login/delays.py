"""A growing delay after wrong passwords, counted in a record, so that all processes and nodes count together.

Hosted clients share addresses. So what is counted is first of all the credential, and the address alone only with a
high bound. Pure: the caller loads and stores the records.

Implements the slowing down of RFC 6819 s5.1.4.2.3 and NIST SP 800-63B s5.2.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from doorward.oauth.errors import Reason, TooManyRequests
from doorward.records.accounts import FailedSignIns

_MINUTE = 60
_DAY = 86_400
TRUSTED_SECONDS = 30 * _DAY
"""For this long an address that has signed in is not slowed down by strangers elsewhere."""
OPEN_SECONDS = 30
"""For this long a try whose outcome nobody has noted counts like a wrong one: many times what a check takes."""
REMEMBERED_SECONDS = 3600
"""Without another wrong password for this long, all is forgotten."""
AT_WORK_SECONDS = 2
"""A younger one is most likely being checked now, so that waiting is worth it; an older one's process may have died."""


@dataclass(frozen=True, slots=True)
class Delays:
    """How wrong passwords slow the next try down: not at all, then twice as long each time, up to a bound."""

    free: int
    first_seconds: int
    longest_seconds: int
    window_seconds: int = REMEMBERED_SECONDS

    def after(self, failures: int) -> int:
        """Return how long to wait after so many wrong passwords."""
        if failures < self.free:
            return 0
        doublings = min(failures - self.free, 20)
        return min(self.first_seconds << doublings, self.longest_seconds)


FROM_ONE_ADDRESS = Delays(free=5, first_seconds=2, longest_seconds=900)
IN_ALL = Delays(free=50, first_seconds=1, longest_seconds=30)
"""Short even when many try. `sign_in_turns` lets an address without a wrong password in between."""


class TriesUnderWay(TooManyRequests):
    """As many tries as are due are being checked at this moment; their answers make room, or shut the door."""


def begun(record: FailedSignIns | None, subject_digest: str, *, try_id: str, now: int, delays: Delays) -> FailedSignIns:
    """Note a try before it is checked: while its outcome is open it takes the place of a wrong one.

    So of any number of tries at one moment no more are checked than would be due if all of them were wrong. One whose
    outcome is never noted, because the process died, makes room again after `OPEN_SECONDS`. That gains a guesser
    nothing, because nobody is told an outcome that is not noted.

    Raises:
        TriesUnderWay: no room, and lately somebody took some: worth waiting for.
        TooManyRequests: too soon after a wrong one, or no room.
    """
    known = known_now(record, subject_digest, now=now)
    if known.blocked_until > now:
        raise TooManyRequests(known.blocked_until - now, reason=Reason.SIGN_IN_SLOWED)
    still_open = {each: at for each, at in known.open_tries.items() if is_open(at, now)}
    room = max(delays.free - known.failures, 1)
    if len(still_open) >= room:
        free_at = sorted(still_open.values())[len(still_open) - room] + OPEN_SECONDS
        refused = TriesUnderWay if max(still_open.values()) + AT_WORK_SECONDS > now else TooManyRequests
        raise refused(free_at - now)
    after = msgspec.structs.replace(known, open_tries={**still_open, try_id: now})
    return _kept(after, now=now, delays=delays)


def failed(
    record: FailedSignIns | None, subject_digest: str, *, try_id: str, now: int, delays: Delays
) -> FailedSignIns:
    """Note that a try was wrong, however long the answer took."""
    known = known_now(record, subject_digest, now=now)
    failures = known.failures + 1
    wait = delays.after(failures)
    after = msgspec.structs.replace(
        known,
        failures=failures,
        blocked_until=max(known.blocked_until, now + wait) if wait else known.blocked_until,
        open_tries=_without(known, try_id),
    )
    return _kept(after, now=now, delays=delays)


def succeeded(record: FailedSignIns | None, subject_digest: str, *, try_id: str, now: int) -> FailedSignIns:
    """Forget the wrong passwords from an address that has now sent the right one, and remember that it did."""
    known = known_now(record, subject_digest, now=now)
    return msgspec.structs.replace(
        known,
        failures=0,
        blocked_until=0,
        succeeded_at=now,
        open_tries=_without(known, try_id),
        expires_at=now + TRUSTED_SECONDS,
    )


def taken_back(record: FailedSignIns, *, try_id: str) -> FailedSignIns:
    """Forget a try that was not a wrong one, or was not looked at; what was wrong before it stays."""
    return msgspec.structs.replace(record, open_tries=_without(record, try_id))


def is_open(begun_at: int, now: int) -> bool:
    """Return whether a try that began then and was not settled still counts like a wrong one."""
    return abs(now - begun_at) < OPEN_SECONDS


def known_now(record: FailedSignIns | None, subject_digest: str, *, now: int) -> FailedSignIns:
    """Return what is still remembered of a subject."""
    if record is None or (record.expires_at or 0) <= now:
        return FailedSignIns(subject_digest=subject_digest)
    return record


def _without(record: FailedSignIns, try_id: str) -> dict[str, int]:
    return {each: at for each, at in record.open_tries.items() if each != try_id}


def _kept(record: FailedSignIns, *, now: int, delays: Delays) -> FailedSignIns:
    """Return the record with the time for which it must be kept."""
    kept_until = max(now, record.blocked_until) + delays.window_seconds
    if record.succeeded_at is not None:
        kept_until = max(kept_until, record.succeeded_at + TRUSTED_SECONDS)
    return msgspec.structs.replace(record, expires_at=kept_until)


def is_trusted(record: FailedSignIns | None, *, now: int) -> bool:
    """Return whether the account was signed in to from this address lately."""
    return record is not None and record.succeeded_at is not None and record.succeeded_at + TRUSTED_SECONDS > now
