"""Attempts at a guessable secret: stored before they are verified, and settled before the outcome is revealed.

On all nodes together, no more are verified at once than if all of them were wrong; the others wait briefly. No client
learns an outcome that is not stored: not by hanging up, which does not cancel a verification, and not through a store
failure. Does not know what is guessed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from doorward.authority.authority import Authority
from doorward.errors import Unavailable
from doorward.login import delays as limits
from doorward.login import turns as sign_in_turns
from doorward.oauth.errors import Reason, TooManyRequests
from doorward.records.accounts import FailedSignIns
from doorward.records.changes import Change, Decision, Insert, Replace, Stored

Found = TypeVar("Found")

WAIT_SECONDS = 5.0
"""How long an attempt waits for a slot; meanwhile about a hundred correct ones complete."""
ASK_AGAIN_SECONDS = 0.05
SETTLE_AGAIN_SECONDS = 0.25
_TRY_ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose wrong attempts delay whose next attempt, and how."""

    digest: str
    delays: limits.Delays
    forgives: bool = False
    """A correct attempt clears earlier wrong ones; otherwise it just does not count as wrong."""


@dataclass(frozen=True, slots=True)
class _Try:
    """One attempt, noted as open with these subjects."""

    try_id: str
    subjects: tuple[Subject, ...]


_Outcome = Callable[[FailedSignIns | None, Subject, str, int], FailedSignIns]
"""Given a record, a subject, the attempt's id and the time, returns the record with the attempt settled."""


class Tries:
    """The attempts of one authorization server."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._running: set[asyncio.Task[Any]] = set()

    async def check(
        self, look: Callable[[], Awaitable[Found | None]], subject: Subject, *others: Subject, network: str = ""
    ) -> Found | None:
        """Return what `look` finds; None counts as a wrong attempt.

        The other subjects count only if the first has not succeeded recently. With a `network`, the first gets turns
        while the last subject is slowed down (`turns`).

        Raises:
            TooManyRequests: too many wrong attempts before, or too many at once; nothing was verified.
            Unavailable: the store cannot answer; no outcome is revealed.
        """
        # A client that hangs up before its outcome is noted must not get a free attempt.
        return await asyncio.shield(self._keep(self._check(look, (subject, *others), network)))

    async def _check(
        self, look: Callable[[], Awaitable[Found | None]], subjects: tuple[Subject, ...], network: str
    ) -> Found | None:
        this = await self._begin(subjects, network)
        try:
            found = await look()
        except Unavailable:  # nothing was looked at
            self._settle_later(this, _taken_back)
            raise
        settled = _failed if found is None else _succeeded
        try:
            await self._settle(this, settled)
        except Unavailable:
            self._settle_later(this, settled)
            raise
        return found

    async def _begin(self, subjects: tuple[Subject, ...], network: str) -> _Try:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + WAIT_SECONDS
        try:
            return await self._begin_now(subjects, network)
        except limits.TriesUnderWay as refused:
            no_room = refused
        # Per subject, one waiting attempt of this process asks the store; those queued behind it have later deadlines.
        turn = self._turns.setdefault(subjects[0].digest, asyncio.Lock())
        async with turn:
            while loop.time() < deadline:
                with contextlib.suppress(limits.TriesUnderWay):
                    return await self._begin_now(subjects, network)
                await asyncio.sleep(ASK_AGAIN_SECONDS)
        raise no_room

    async def _begin_now(self, subjects: tuple[Subject, ...], network: str) -> _Try:
        try_id = self.authority.entropy.random_bytes(_TRY_ID_BYTES).hex()

        async def attempt() -> Decision[_Try | TooManyRequests]:
            now = self.authority.clock.now()
            first = await self._get(subjects[0])
            noted = subjects[:1] if limits.is_trusted(_record(first), now=now) else subjects
            changes = []
            for each in noted:
                stored = await self._get(each)
                try:
                    open_now = limits.begun(_record(stored), each.digest, try_id=try_id, now=now, delays=each.delays)
                except TooManyRequests as refused:
                    if network and each is not subjects[0]:
                        return await self._by_turn(_Try(try_id, subjects), network, now, refused)
                    raise
                changes.append(_put(open_now, stored))
            return Decision(_Try(try_id, noted), tuple(changes))

        try:
            begun = await self.authority.decide(attempt)
        except Unavailable:  # it may be noted all the same
            self._settle_later(_Try(try_id, subjects), _taken_back)
            raise
        if isinstance(begun, TooManyRequests):
            raise begun
        return begun

    async def _by_turn(
        self, this: _Try, network: str, now: int, refused: TooManyRequests
    ) -> Decision[_Try | TooManyRequests]:
        """Decide about an attempt that other addresses' attempts delay.

        Raises:
            TooManyRequests: it has no turn yet.
        """
        here, everywhere = this.subjects[0], this.subjects[-1]
        digests = (everywhere.digest, here.digest, network)
        stored = [await self.authority.store.get(FailedSignIns, each) for each in digests]
        known = [limits.known_now(_record(each), digest, now=now) for each, digest in zip(stored, digests, strict=True)]
        if known[0].failures < everywhere.delays.free:
            raise refused  # several right ones at one moment: there is room in a moment
        turn = sign_in_turns.turn_of(sign_in_turns.Line(*known), try_id=this.try_id, now=now)
        if turn is None:
            raise refused
        changes = tuple(
            _put(after, before)
            for before, after in zip(stored, turn.line, strict=True)
            if before is None or before.record != after
        )
        if turn.wait_seconds:
            return Decision(TooManyRequests(turn.wait_seconds, reason=Reason.SIGN_IN_SLOWED), changes)
        return Decision(this, changes)

    async def _settle(self, this: _Try, outcome: _Outcome, *, only_open: bool = False) -> None:
        async def attempt() -> Decision[None]:
            now, changes = self.authority.clock.now(), []
            for each in this.subjects:
                stored = await self._get(each)
                if not only_open or (stored is not None and this.try_id in stored.record.open_tries):
                    changes.append(_put(outcome(_record(stored), each, this.try_id, now), stored))
            return Decision(None, tuple(changes))

        await self.authority.decide(attempt)

    def _settle_later(self, this: _Try, outcome: _Outcome) -> None:
        """Settle once the store is back, so that honest attempts cut off by its outage don't block their own user."""

        async def settle() -> None:
            for _ in range(int(limits.OPEN_SECONDS / SETTLE_AGAIN_SECONDS)):
                await asyncio.sleep(SETTLE_AGAIN_SECONDS)
                with contextlib.suppress(Unavailable):
                    # If it was noted although the store did not confirm, don't note it twice.
                    await self._settle(this, outcome, only_open=True)
                    return

        self._keep(settle())

    def _keep(self, work: Coroutine[Any, Any, Found]) -> asyncio.Task[Found]:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # the caller has it, or has hung up

    async def _get(self, subject: Subject) -> Stored[FailedSignIns] | None:
        return await self.authority.store.get(FailedSignIns, subject.digest)


def _failed(record: FailedSignIns | None, subject: Subject, try_id: str, now: int) -> FailedSignIns:
    return limits.failed(record, subject.digest, try_id=try_id, now=now, delays=subject.delays)


def _succeeded(record: FailedSignIns | None, subject: Subject, try_id: str, now: int) -> FailedSignIns:
    if subject.forgives:
        return limits.succeeded(record, subject.digest, try_id=try_id, now=now)
    return _taken_back(record, subject, try_id, now)


def _taken_back(record: FailedSignIns | None, subject: Subject, try_id: str, _now: int) -> FailedSignIns:
    return limits.taken_back(record or FailedSignIns(subject_digest=subject.digest), try_id=try_id)


def _record(stored: Stored[FailedSignIns] | None) -> FailedSignIns | None:
    return None if stored is None else stored.record


def _put(record: FailedSignIns, before: Stored[FailedSignIns] | None) -> Change:
    return Insert(record) if before is None else Replace(record, before.version)
