"""The loop itself: when it tries again, when it gives up, and when it makes requests take turns."""

from __future__ import annotations

from weakref import WeakValueDictionary

import pytest

from doorward.authority.deciding import AT_ONCE, ATTEMPTS, decide, settle
from doorward.errors import Conflict, Unavailable
from doorward.records.accounts import User
from doorward.records.changes import Decision, Delete, DeleteAll, Insert
from doorward.storage.memory import MemoryStore

ANN = Insert(User(user_id="ann", created_at=0))


class Losing(MemoryStore):
    """A store at which the first so many writes lose their race."""

    def __init__(self, losses: int) -> None:
        super().__init__()
        self.losses = losses

    async def apply(self, changes) -> None:
        if self.losses:
            self.losses -= 1
            raise Conflict
        await super().apply(changes)


async def opened(losses: int) -> Losing:
    store = Losing(losses)
    await store.open()
    return store


async def counted(store, turns, changes=(ANN,)):
    """Decide, and return the number of attempts, with what was locked during each."""
    held: list[list[str]] = []

    async def attempt() -> Decision[int]:
        held.append(sorted(name for name, lock in turns.items() if lock.locked()))
        return Decision(len(held), tuple(changes))

    return await decide(store, attempt, turns), held


@pytest.mark.parametrize("losses", range(ATTEMPTS))
async def test_a_lost_race_is_decided_again_until_one_is_won(losses):
    store = await opened(losses)
    reply, held = await counted(store, WeakValueDictionary())
    assert reply == len(held) == losses + 1
    assert await store.get(User, "ann") is not None


async def test_whoever_loses_every_race_is_told_to_come_back_and_has_written_nothing():
    store = await opened(ATTEMPTS)
    with pytest.raises(Unavailable):
        await counted(store, WeakValueDictionary())
    assert store.losses == 0
    assert await store.get(User, "ann") is None


async def test_after_a_few_losses_requests_queue_on_the_records_that_they_compete_for():
    turns: WeakValueDictionary = WeakValueDictionary()
    changes = (ANN, Delete(User, "bob", 1), DeleteAll(User, "user_id", "carl"))
    store = await opened(AT_ONCE + 1)
    store.losses = ATTEMPTS
    held: list[list[str]] = []

    async def attempt() -> Decision[None]:
        held.append(sorted(name for name, lock in turns.items() if lock.locked()))
        return Decision(None, changes)

    with pytest.raises(Unavailable):
        await decide(store, attempt, turns)
    assert held == [[]] * AT_ONCE + [["user ann", "user bob"]] * (ATTEMPTS - AT_ONCE)
    assert not [name for name, lock in turns.items() if lock.locked()]


async def test_a_decision_without_changes_touches_no_store():
    store = await opened(ATTEMPTS)
    assert (await counted(store, WeakValueDictionary(), changes=()))[0] == 1
    assert store.losses == ATTEMPTS


async def test_what_an_operator_decides_is_tried_again_too():
    store = await opened(2)

    async def attempt() -> list[Insert]:
        return [ANN]

    await settle(store, attempt)
    assert await store.get(User, "ann") is not None
