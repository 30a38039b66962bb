"""When header tokens were last used: noted in memory during requests, written in one batch a minute.

A request writes nothing and waits for nothing, and each token is written at most once a minute. If the process is
killed, notes since the last write are lost. A token that was revoked meanwhile stays revoked.
"""

from __future__ import annotations

import asyncio

import msgspec

from doorward.errors import Conflict
from doorward.records.accounts import HeaderToken
from doorward.records.changes import Replace
from doorward.storage.port import Store
from doorward.upkeep import attempt, every

EVERY_SECONDS = 60
_AT_ONCE = 100
_DELAYED = "last_used_delayed"


class LastUsed:
    """The uses that one process has noted."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[str, int] = {}

    def note(self, token: HeaderToken, now: int) -> None:
        """Note a use of a valid token."""
        if token.last_used_at is None or now - token.last_used_at >= EVERY_SECONDS:
            self._seen[token.token_digest] = now

    async def write(self) -> None:
        """Write the notes. Raises `Unavailable`; the notes are kept then."""
        while self._seen:
            some = [self._seen.popitem() for _ in range(min(len(self._seen), _AT_ONCE))]
            outcomes = await asyncio.gather(*[self._write(*each) for each in some], return_exceptions=True)
            failures = [(each, error) for each, error in zip(some, outcomes, strict=True) if error is not None]
            for (digest, at), _ in failures:
                self._seen.setdefault(digest, at)
            if failures:
                raise failures[0][1]

    async def write_regularly(self) -> None:
        """Write once a minute, until cancelled."""
        await every(EVERY_SECONDS, self.write, delayed=_DELAYED)

    async def try_to_write(self) -> None:
        """Write the notes, unless the store is unavailable."""
        await attempt(self.write, delayed=_DELAYED)

    async def _write(self, token_digest: str, at: int) -> None:
        stored = await self._store.get(HeaderToken, token_digest)
        if stored is None or (stored.record.last_used_at or 0) >= at:
            return
        try:
            await self._store.apply([Replace(msgspec.structs.replace(stored.record, last_used_at=at), stored.version)])
        except Conflict:
            # Another process has just written it, or the token is gone. Both are fine.
            return
