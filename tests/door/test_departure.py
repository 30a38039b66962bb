"""How a call learns that it is over."""

from __future__ import annotations

import asyncio

import pytest

from doorward.door.departure import Departure

GONE = {"type": "http.disconnect"}


async def never() -> dict:
    await asyncio.Event().wait()
    raise AssertionError


def of(*messages: dict):
    left = list(messages)

    async def receive() -> dict:
        return left.pop(0) if left else await never()

    return receive


async def test_the_unread_body_is_no_end_and_the_client_that_leaves_is():
    departure = Departure(of({"type": "http.request", "body": b"x"}, GONE), None)
    assert await departure.receive() == GONE
    assert departure.client_left
    assert not departure.is_draining


async def test_a_stream_ends_when_the_process_stops_although_its_client_stays():
    drain = asyncio.Event()
    departure = Departure(never, drain)
    waiting = asyncio.create_task(departure.receive())
    await asyncio.sleep(0)
    assert not waiting.done()
    drain.set()
    assert await waiting == GONE
    assert departure.is_draining
    assert not departure.client_left


async def test_an_ordinary_call_is_not_ended_by_a_stopping_process():
    departure = Departure(of(GONE), None)
    assert not departure.is_draining
    assert await departure.receive() == GONE


async def test_a_stream_whose_client_leaves_ends_without_a_drain():
    departure = Departure(of(GONE), asyncio.Event())
    assert await departure.receive() == GONE
    assert departure.client_left
    assert not departure.is_draining


@pytest.mark.parametrize("stops", [True, False])
async def test_waiting_for_the_end_leaves_no_task_behind(stops):
    before = asyncio.all_tasks()
    drain = asyncio.Event()
    if stops:
        drain.set()
    await Departure(never if stops else of(GONE), drain).receive()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
