"""The load, decide, apply loop, through which every conditional change is made.

If another request or process changed a record in between, the attempt runs again on the current records. So of any
number of racers exactly one wins, and the others see its result. Does not know what is decided.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import TypeVar
from weakref import WeakValueDictionary

from doorward.errors import Conflict, Unavailable
from doorward.records.changes import Change, Decision, DeleteAll, Insert, Replace
from doorward.storage.port import Store

Reply = TypeVar("Reply")
Turns = WeakValueDictionary[str, asyncio.Lock]
"""One lock for each record that several requests of this process compete for."""

ATTEMPTS = 8
"""Each lost race means that another request won, so progress is certain; more losses than this mean overload."""
AT_ONCE = 2
"""How many attempts run without a lock. After this many lost races, requests queue on a per-record lock."""


async def decide(store: Store, attempt: Callable[[], Awaitable[Decision[Reply]]], turns: Turns) -> Reply:
    """Run `attempt` until its changes are applied, and return its reply.

    Raises:
        Unavailable: the store is down, or the record changes faster than a decision can be applied.
    """
    contested: set[str] = set()
    for number in range(ATTEMPTS):
        async with AsyncExitStack() as turn:
            if number >= AT_ONCE:
                # Always in the same order, so that no two requests deadlock.
                for name in sorted(contested):
                    await turn.enter_async_context(turns.setdefault(name, asyncio.Lock()))
            decision = await attempt()
            if not decision.changes:
                return decision.reply
            try:
                await store.apply(decision.changes)
            except Conflict:
                contested.update(_records_of(decision.changes))
                continue
            return decision.reply
    raise Unavailable("too many requests change the same record at once")


async def settle(store: Store, attempt: Callable[[], Awaitable[Sequence[Change]]]) -> None:
    """Apply what `attempt` decides for an operator, without a reply or per-record locks.

    Raises:
        Unavailable: the store is down, or every attempt lost its race.
    """

    async def decision() -> Decision[None]:
        return Decision(None, tuple(await attempt()))

    await decide(store, decision, WeakValueDictionary())


def _records_of(changes: Iterable[Change]) -> Iterable[str]:
    for change in changes:
        if isinstance(change, Insert | Replace):
            yield f"{change.record.kind} {change.record.key}"
        elif not isinstance(change, DeleteAll):
            yield f"{change.record_type.kind} {change.key}"
