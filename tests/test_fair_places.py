from __future__ import annotations

import asyncio

import pytest

from doorward.fair_places import FairPlaces


def filled(places: FairPlaces, user: str) -> int:
    """Take all places that this user can have; return how many."""
    number = 0
    while places.try_take(user):
        number += 1
    return number


@pytest.mark.parametrize(("size", "most"), [(1, 1), (2, 1), (3, 2), (8, 4), (256, 128)])
def test_one_user_holds_at_most_half(size: int, most: int) -> None:
    places = FairPlaces(size)
    assert filled(places, "alice") == most
    assert places.free == size - most


def test_however_many_users_take_all_they_can_there_is_room_for_the_next() -> None:
    places = FairPlaces(256)
    for number in range(8):
        assert filled(places, f"user-{number}") >= 1
    assert places.try_take("the next")


async def waiting(places: FairPlaces, user: str, order: list[str]) -> asyncio.Task[None]:
    async def wait() -> None:
        if await places.take(user, 30):
            order.append(user)

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    return task


async def test_users_take_turns_and_a_user_s_own_calls_keep_their_order() -> None:
    places = FairPlaces(1)
    assert places.try_take("zoe")
    order: list[str] = []
    tasks = [await waiting(places, user, order) for user in ("alice", "alice", "alice", "bob")]
    places.give_back("zoe")
    for number in range(4):
        while len(order) == number:
            await asyncio.sleep(0)
        if order == ["alice", "bob"]:
            tasks.append(await waiting(places, "bob", order))
        places.give_back(order[-1])
    await asyncio.gather(*tasks)
    assert order == ["alice", "bob", "alice", "bob", "alice"]


async def test_a_user_who_waits_is_not_overtaken_by_another_call_of_the_same_user() -> None:
    places = FairPlaces(2)
    assert places.try_take("alice")
    order: list[str] = []
    task = await waiting(places, "alice", order)
    assert not places.try_take("alice")
    assert places.try_take("bob")
    places.give_back("alice")
    await task
    assert order == ["alice"]


async def test_a_call_that_gives_up_waiting_takes_no_place_and_holds_nobody_up() -> None:
    places = FairPlaces(1)
    assert places.try_take("zoe")
    assert not await places.take("alice", 0)
    order: list[str] = []
    gone = await waiting(places, "alice", order)
    task = await waiting(places, "alice", order)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    places.give_back("zoe")
    await task
    assert order == ["alice"]
    places.give_back("alice")
    assert places.free == 1
    assert filled(places, "bob") == 1


async def test_a_place_given_in_the_instant_of_the_cancellation_goes_on_to_the_next() -> None:
    places = FairPlaces(1)
    assert places.try_take("zoe")
    order: list[str] = []
    gone = await waiting(places, "alice", order)
    task = await waiting(places, "bob", order)
    places.give_back("zoe")
    gone.cancel()
    await asyncio.gather(gone, task, return_exceptions=True)
    assert order == ["bob"]


async def test_one_user_cannot_queue_without_limit() -> None:
    places = FairPlaces(1)
    assert places.try_take("zoe")
    order: list[str] = []
    tasks = [await waiting(places, "alice", order) for _ in range(10)]
    assert [task.done() for task in tasks] == [False] * 4 + [True] * 6
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
