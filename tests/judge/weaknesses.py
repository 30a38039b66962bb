"""Planted bugs: doors that are wrong in one way each, so that the judge can prove that it would notice.

Each is a store around the real one, or a decision put in place of the real one, in a process of its own. The names
are those of mistakes that real authorization servers have made.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from judge.stores import Passing

from doorward.app import Door
from doorward.clock import Clock
from doorward.endpoints import token
from doorward.endpoints.grants import refresh_token
from doorward.errors import Conflict, Unavailable
from doorward.oauth.tokens.reply import TokenReply
from doorward.records.accounts import User
from doorward.records.changes import Change, Decision, Delete, DeleteAll, Expect, Insert, Replace, Stored
from doorward.records.oauth import (
    AccessToken,
    AuthorizationCode,
    Client,
    DeviceAuthorization,
    Grant,
    RefreshToken,
    SeenAssertion,
)
from doorward.records.record import Record
from doorward.storage.port import Store

LATE_SECONDS = 0.05
VERY_LATE_SECONDS = 0.3


@dataclass(frozen=True)
class Weakness:
    """One planted bug: which run must catch it, and by which invariant."""

    caught_by: str
    invariant: int
    plant: Callable[[Door], None]
    count: int = 8
    where: str = ""
    """Which of the fixed points is enough to show it."""
    patience_seconds: float = 15


def _around(store: type[Passing]) -> Callable[[Door], None]:
    def plant(door: Door) -> None:
        door.store = store(door.store)

    return plant


def _changes(changes: Sequence[Change], kind: type[Change], record_type: type[Record]) -> bool:
    return any(isinstance(each, kind) and _type_of(each) is record_type for each in changes)


def _type_of(change: Change) -> type[Record]:
    return type(change.record) if isinstance(change, Insert | Replace) else change.record_type


def _later(work: Any) -> None:
    async def wait_and_work() -> None:
        await asyncio.sleep(LATE_SECONDS)
        await work

    task = asyncio.ensure_future(wait_and_work())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


_tasks: set[asyncio.Future[None]] = set()


class DeletesThenInserts(Passing):
    """Rotation in two transactions: a crash between them leaves nothing."""

    async def apply(self, changes: Sequence[Change]) -> None:
        spent = [each for each in changes if isinstance(each, Replace) and isinstance(each.record, RefreshToken)]
        if not spent:
            await self.inner.apply(changes)
            return
        await self.inner.apply([Delete(RefreshToken, each.record.key, each.version) for each in spent])
        await self.inner.apply([Insert(each.record) if each in spent else each for each in changes])


class AnswersBeforeCommit(Passing):
    """The reply goes out while the commit is still to come."""

    async def apply(self, changes: Sequence[Change]) -> None:
        _later(self.inner.apply(changes))


class CachesAccessTokens(Passing):
    """A token that was valid once stays valid forever in this process."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.cache: dict[str, Stored[Any]] = {}

    async def get(self, record_type: type[Any], key: str) -> Stored[Any] | None:
        if record_type is not AccessToken:
            return await self.inner.get(record_type, key)
        found = self.cache.get(key) or await self.inner.get(record_type, key)
        if found is not None:
            self.cache[key] = found
        return found


class ForgetsTheUserInTheKey(CachesAccessTokens):
    """The identity of a call is cached by client alone."""

    async def get(self, record_type: type[Any], key: str) -> Stored[Any] | None:
        found = await self.inner.get(record_type, key)
        if record_type is not AccessToken or found is None:
            return found
        cached = self.cache.setdefault(found.record.client_id, found).record
        return Stored(msgspec.structs.replace(found.record, user_id=cached.user_id), found.version)


def _fail_open(door: Door) -> None:
    protected, clock = door.policy.default_resource, door.clock

    class FailsOpen(Passing):
        async def get(self, record_type: type[Any], key: str) -> Stored[Any] | None:
            try:
                return await self.inner.get(record_type, key)
            except Unavailable:
                if record_type is not AccessToken:
                    raise
                return Stored(_anybody(key, protected.uri, protected.scopes, clock), 1)

    door.store = FailsOpen(door.store)


def _anybody(key: str, resource: str, scopes: tuple[str, ...], clock: Clock) -> AccessToken:
    return AccessToken(
        access_digest=key,
        grant_id="",
        client_id="",
        user_id="owner",
        scopes=scopes,
        resource=resource,
        created_at=clock.now(),
    )


class _Overwrites(Passing):
    """Writes a spent record whatever its version is by now."""

    record_type: type[Record]

    async def apply(self, changes: Sequence[Change]) -> None:
        if not _changes(changes, Replace, self.record_type):
            await self.inner.apply(changes)
            return
        while True:
            blind = [await self._blind(each) for each in changes]
            try:
                await self.inner.apply(blind)
            except Conflict:
                continue
            return

    async def _blind(self, change: Change) -> Change:
        if not isinstance(change, Replace) or _type_of(change) is not self.record_type:
            return change
        now = await self.inner.get(self.record_type, change.record.key)
        return replace(change, version=now.version) if now else change


class OverwritesRefreshTokens(_Overwrites):
    record_type = RefreshToken


class OverwritesCodes(_Overwrites):
    record_type = AuthorizationCode


class OverwritesDevices(_Overwrites):
    record_type = DeviceAuthorization


class LeavesAccessTokens(Passing):
    """Ending a grant deletes its refresh tokens only."""

    async def apply(self, changes: Sequence[Change]) -> None:
        await self.inner.apply(
            [each for each in changes if not (isinstance(each, DeleteAll) and each.record_type is AccessToken)]
        )


class LeavesExchangedTokens(Passing):
    """Ending a grant deletes what was issued for it, and not what was made of that for others."""

    async def apply(self, changes: Sequence[Change]) -> None:
        kept: list[Change] = []
        for each in changes:
            if isinstance(each, DeleteAll) and each.record_type is AccessToken:
                found = await self.inner.find(AccessToken, **{each.index: each.value})
                own = [stored for stored in found if not stored.record.act]
                kept.extend(Delete(AccessToken, stored.record.key, stored.version) for stored in own)
            else:
                kept.append(each)
        await self.inner.apply(kept)


class ForgetsAssertions(Passing):
    """The ids of assertions are not kept."""

    async def apply(self, changes: Sequence[Change]) -> None:
        await self.inner.apply([each for each in changes if _type_of(each) is not SeenAssertion])


class RegistersLater(Passing):
    """A new client is kept in memory first and written when there is time."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.fresh: dict[str, Stored[Any]] = {}

    async def get(self, record_type: type[Any], key: str) -> Stored[Any] | None:
        found = await self.inner.get(record_type, key)
        return found or (self.fresh.get(key) if record_type is Client else None)

    async def apply(self, changes: Sequence[Change]) -> None:
        if not _changes(changes, Insert, Client):
            await self.inner.apply(changes)
            return
        for each in changes:
            if isinstance(each, Insert):
                self.fresh[each.record.key] = Stored(each.record, 1)
        _later(self.inner.apply(changes))


class TakesFaultsForAbsence(Passing):
    """A store that does not answer is read as one that has nothing."""

    async def get(self, record_type: type[Any], key: str) -> Stored[Any] | None:
        try:
            return await self.inner.get(record_type, key)
        except Unavailable:
            return None


class NeverHeals(Passing):
    """After the first fault the connection is given up for good."""

    broken = False

    async def get(self, record_type: type[Any], key: str) -> Stored[Any] | None:
        if self.broken:
            raise Unavailable("the connection was lost some time ago")
        try:
            return await self.inner.get(record_type, key)
        except Unavailable:
            self.broken = True
            raise


class ConsentsUnconditionally(Passing):
    """Approval does not mind that user and client ended meanwhile; it also takes its time."""

    async def apply(self, changes: Sequence[Change]) -> None:
        if _changes(changes, Insert, Grant):
            await asyncio.sleep(VERY_LATE_SECONDS)
            changes = [
                each for each in changes if not (isinstance(each, Expect) and each.record_type in {User, Client})
            ]
        await self.inner.apply(changes)


class IssuesUnconditionally(Passing):
    """Tokens are written whether or not their grant ended meanwhile."""

    async def apply(self, changes: Sequence[Change]) -> None:
        if _changes(changes, Insert, AccessToken):
            await asyncio.sleep(LATE_SECONDS)
            changes = [
                each for each in changes if _type_of(each) not in {Grant, RefreshToken} or isinstance(each, Insert)
            ]
        await self.inner.apply(changes)


def _prints_tokens(_door: Door) -> None:
    real = token.mint

    def mint(prefix: str, random: bytes) -> str:
        secret = real(prefix, random)
        sys.stderr.write(f"minted {secret}\n")
        sys.stderr.flush()
        return secret

    token.mint = mint


def _mints_anew_on_retry(_door: Door) -> None:
    real = refresh_token.refresh

    def refresh(form: Any, *, presented: Any, **given: Any) -> Decision[TokenReply]:
        if presented is not None:
            fresh = msgspec.structs.replace(presented.record, rotated_at=None, sealed_reply=None)
            presented = Stored(fresh, presented.version)
        return real(form, presented=presented, **given)

    refresh_token.refresh = refresh


def _forgives_no_retry(_door: Door) -> None:
    real = refresh_token.refresh

    def refresh(form: Any, *, presented: Any, **given: Any) -> Decision[TokenReply]:
        if presented is not None:
            presented = Stored(msgspec.structs.replace(presented.record, sealed_reply=None), presented.version)
        return real(form, presented=presented, **given)

    refresh_token.refresh = refresh


WEAKNESSES: dict[str, Weakness] = {
    "deletes-then-inserts": Weakness("fixed-points", 4, _around(DeletesThenInserts), 1, "refresh statement"),
    "answers-before-commit": Weakness("fixed-points", 3, _around(AnswersBeforeCommit), 1, "register replied"),
    "caches-access-tokens": Weakness("endings", 5, _around(CachesAccessTokens)),
    "forgets-the-user-in-the-key": Weakness("two-nodes", 6, _around(ForgetsTheUserInTheKey)),
    "fails-open": Weakness("store-faults", 7, _fail_open, 2),
    "two-successors": Weakness("race-refreshes", 2, _around(OverwritesRefreshTokens)),
    "code-redeemed-twice": Weakness("race-codes", 1, _around(OverwritesCodes)),
    "leaves-access-tokens": Weakness("endings", 5, _around(LeavesAccessTokens)),
    "leaves-exchanged-tokens": Weakness("further-grants", 5, _around(LeavesExchangedTokens)),
    "forgets-assertions": Weakness("further-grants", 1, _around(ForgetsAssertions)),
    "device-redeemed-twice": Weakness("further-grants", 1, _around(OverwritesDevices)),
    "registers-later": Weakness("fixed-points", 3, _around(RegistersLater), 1, "register replied"),
    "takes-faults-for-absence": Weakness("store-faults", 8, _around(TakesFaultsForAbsence), 2),
    "prints-tokens": Weakness("two-nodes", 9, _prints_tokens),
    "never-heals": Weakness("store-faults", 10, _around(NeverHeals), 1, patience_seconds=4),
    "consents-unconditionally": Weakness("endings", 5, _around(ConsentsUnconditionally)),
    "issues-unconditionally": Weakness("one-grant", 5, _around(IssuesUnconditionally)),
    "mints-anew-on-retry": Weakness("lost-replies", 2, _mints_anew_on_retry),
    "forgives-no-retry": Weakness("lost-replies", 4, _forgives_no_retry),
}
"""Every planted bug by name. The judge must catch each, or it is not used."""


def plant(name: str, door: Door) -> None:
    """Make a door weak; the empty name leaves it as it is."""
    if name:
        WEAKNESSES[name].plant(door)
