"""Ends what belongs to a door that is removed: its grants, its consents and its header tokens.

Another server may get the door's name or path later, and what was allowed at one must open nothing at the other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

from doorward.authority.deciding import settle
from doorward.clock import Clock
from doorward.oauth.tokens.revocation import end_grant
from doorward.records.accounts import HeaderToken
from doorward.records.changes import Change, Delete, Stored
from doorward.records.oauth import Consent, Grant
from doorward.records.record import Record
from doorward.storage.port import Place, Store

REASON = "door_removed"
_READ_AT_ONCE = 200
R = TypeVar("R", bound=Record)


async def end_all_of(store: Store, clock: Clock, *, name: str, url: str) -> None:
    """End all that belongs to the door with this name and URL. Raises `Unavailable`.

    A command may not know the host that the door is served at, so a resource counts by its path. Nothing ends if the
    URL is empty: nobody knows where the door was.
    """
    if not url:
        return
    path = _path(url)

    def ending(stored: Stored[Grant]) -> list[Change]:
        return list(end_grant(stored, reason=REASON, now=clock.now()))

    await _end(store, Grant, lambda each: each.revoked_at is None and _path(each.resource) == path, ending)
    await _end(store, Consent, lambda each: _path(each.resource) == path, _deleted)
    await _end(store, HeaderToken, lambda each: each.door == name, _deleted)


def _deleted(stored: Stored[R]) -> list[Change]:
    return [Delete(type(stored.record), stored.record.key, stored.version)]


async def _end(
    store: Store, kind: type[R], concerned: Callable[[R], bool], ending: Callable[[Stored[R]], list[Change]]
) -> None:
    async def attempt(key: str) -> list[Change]:
        stored = await store.get(kind, key)
        return ending(stored) if stored is not None and concerned(stored.record) else []

    after: Place | None = None
    while page := await store.page(kind, limit=_READ_AT_ONCE, after=after):
        for listed in page:
            if concerned(listed.stored.record):
                await settle(store, partial(attempt, listed.stored.record.key))
        after = page[-1].place


def _path(url: str) -> str:
    return urlsplit(url).path.rstrip("/")
