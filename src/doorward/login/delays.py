"""Growing delays after wrong passwords, counted in records, so that all processes and nodes share the count.

Hosted clients share addresses. So the count is mainly per credential, and per address only with a high limit. Pure: the
caller loads and stores the records.

Implements the throttling of RFC 6819 s5.1.4.2.3 and NIST SP 800-63B s5.2.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from doorward.oauth.errors import Reason, TooManyRequests
from doorward.records.accounts import FailedSignIns

_MINUTE = 60
_DAY = 86_400
TRUSTED_SECONDS = 30 * _DAY
"""For this long after a sign-in, failures from other addresses don't slow this address down."""
OPEN_SECONDS = 30
"""For this long an attempt without a noted outcome counts as wrong: many times the duration of a check."""
REMEMBERED_SECONDS = 3600
"""After this long without another wrong password, all failures are forgotten."""
AT_WORK_SECONDS = 2
"""Attempts younger than this are probably still being verified; older ones may be orphans of a crash."""


@dataclass(frozen=True, slots=True)
class Delays:
    """How wrong passwords delay the next attempt: not at all at first, then twice as long each time, up to a limit."""

    free: int
    first_seconds: int
    longest_seconds: int
    window_seconds: int = REMEMBERED_SECONDS

    def after(self, failures: int) -> int:
        """Return the delay in seconds after this many wrong passwords."""
        if failures < self.free:
            return 0
        doublings = min(failures - self.free, 20)
        return min(self.first_seconds << doublings, self.longest_seconds)


FROM_ONE_ADDRESS = Delays(free=5, first_seconds=2, longest_seconds=900)
IN_ALL = Delays(free=50, first_seconds=1, longest_seconds=30)
"""Short even under many attempts. `turns` lets in addresses without a wrong password."""


class TriesUnderWay(TooManyRequests):
    """As many attempts as allowed are being verified now; their outcomes free slots, or block further ones."""


def begun(record: FailedSignIns | None, subject_digest: str, *, try_id: str, now: int, delays: Delays) -> FailedSignIns:
    """Note an attempt before it is verified; until its outcome is noted it counts as a wrong password.

    So of any number of concurrent attempts, no more are verified than if all of them were wrong. An attempt whose
    outcome is never noted, because the process died, frees its slot after `OPEN_SECONDS`. A guesser gains nothing from
    that, because an outcome is never revealed before it is noted.

    Raises:
        TriesUnderWay: no slot, but a recent attempt may free one soon: worth waiting for.
        TooManyRequests: too soon after a wrong password, or no slot.
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
    """Note that an attempt was wrong, however long the verification took."""
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
    """Clear the wrong passwords of an address that just sent the right one, and remember its success."""
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
    """Forget an attempt that was not wrong, or was not verified; earlier failures stay."""
    return msgspec.structs.replace(record, open_tries=_without(record, try_id))


def is_open(begun_at: int, now: int) -> bool:
    """Return whether an attempt that began then and has no outcome still counts as wrong."""
    return abs(now - begun_at) < OPEN_SECONDS


def known_now(record: FailedSignIns | None, subject_digest: str, *, now: int) -> FailedSignIns:
    """Return the part of a record that is still remembered."""
    if record is None or (record.expires_at or 0) <= now:
        return FailedSignIns(subject_digest=subject_digest)
    return record


def _without(record: FailedSignIns, try_id: str) -> dict[str, int]:
    return {each: at for each, at in record.open_tries.items() if each != try_id}


def _kept(record: FailedSignIns, *, now: int, delays: Delays) -> FailedSignIns:
    """Return the record with its expiry set."""
    kept_until = max(now, record.blocked_until) + delays.window_seconds
    if record.succeeded_at is not None:
        kept_until = max(kept_until, record.succeeded_at + TRUSTED_SECONDS)
    return msgspec.structs.replace(record, expires_at=kept_until)


def is_trusted(record: FailedSignIns | None, *, now: int) -> bool:
    """Return whether this address signed in to the account recently."""
    return record is not None and record.succeeded_at is not None and record.succeeded_at + TRUSTED_SECONDS > now
