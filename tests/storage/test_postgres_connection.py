"""The pool at its edges: who gets a connection that comes back, and what becomes of one that nobody wants any more."""

from __future__ import annotations

import asyncio

import pytest

from doorward.errors import Unavailable
from doorward.storage.postgres_connection import Pool

FAR = 3600.0


class Line:
    """Stands for a connection to a server."""

    def __init__(self) -> None:
        self.closed = self.refuses_to_close = False

    def is_closed(self) -> bool:
        return self.closed

    def terminate(self) -> None:
        self.closed = True

    async def close(self, *, timeout: float) -> None:
        if self.refuses_to_close:
            raise TimeoutError
        self.closed = True


class Exchange:
    """Makes connections, or fails to."""

    def __init__(self) -> None:
        self.made: list[Line] = []
        self.down = False

    async def make(self) -> Line:
        await asyncio.sleep(0)
        if self.down:
            raise ConnectionRefusedError
        self.made.append(Line())
        return self.made[-1]


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


def soon() -> float:
    return asyncio.get_running_loop().time() + FAR


async def waiting(pool: Pool, count: int = 1) -> list[asyncio.Task[Line]]:
    tasks = [asyncio.create_task(pool.acquire(soon())) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_a_connection_is_used_again_and_a_closed_one_replaced(exchange):
    pool = Pool(exchange.make, 1)
    first = await pool.acquire(soon())
    pool.release(first)
    assert await pool.acquire(soon()) is first
    pool.release(first)
    first.closed = True
    assert await pool.acquire(soon()) is not first


async def test_who_waits_longest_is_served_first(exchange):
    pool = Pool(exchange.make, 1)
    line = await pool.acquire(soon())
    first, second = await waiting(pool, 2)
    pool.release(line)
    assert await first is line
    assert not second.done()
    pool.release(line)
    assert await second is line


@pytest.mark.parametrize("how", ["discarded", "came back closed"])
async def test_who_waits_may_replace_a_connection_that_was_lost(exchange, how):
    pool = Pool(exchange.make, 1)
    line = await pool.acquire(soon())
    (waiter,) = await waiting(pool)
    if how == "discarded":
        pool.discard(line)
    else:
        line.closed = True
        pool.release(line)
    assert await waiter is exchange.made[1]
    assert line.closed


async def test_when_none_can_be_made_everybody_is_told(exchange):
    pool = Pool(exchange.make, 2)
    exchange.down = True
    outcomes = await asyncio.gather(*[pool.acquire(soon()) for _ in range(10)], return_exceptions=True)
    assert {type(each) for each in outcomes} == {ConnectionRefusedError}
    exchange.down = False
    assert await pool.acquire(soon()) is exchange.made[0]


async def test_a_wait_ends_at_its_deadline_and_takes_nothing_along(exchange):
    pool = Pool(exchange.make, 1)
    line = await pool.acquire(soon())
    with pytest.raises(Unavailable, match="busy"):
        await pool.acquire(asyncio.get_running_loop().time())
    (waiter,) = await waiting(pool)
    pool.release(line)
    assert await waiter is line


async def test_a_connection_handed_to_somebody_who_has_just_left_goes_to_the_next(exchange):
    pool = Pool(exchange.make, 1)
    line = await pool.acquire(soon())
    leaver, stayer = await waiting(pool, 2)
    pool.release(line)
    leaver.cancel()
    assert await stayer is line
    assert leaver.cancelled()


async def test_a_slot_handed_to_somebody_who_has_just_left_goes_to_the_next(exchange):
    pool = Pool(exchange.make, 1)
    line = await pool.acquire(soon())
    leaver, stayer = await waiting(pool, 2)
    pool.discard(line)
    leaver.cancel()
    assert await stayer is exchange.made[1]
    assert leaver.cancelled()


async def test_idle_connections_are_cut_together(exchange):
    pool = Pool(exchange.make, 3)
    lines = [await pool.acquire(soon()) for _ in range(3)]
    for line in lines[1:]:
        pool.release(line)
    pool.discard(lines[0])
    pool.discard_idle()
    assert all(line.closed for line in lines)
    assert [await pool.acquire(soon()) for _ in range(3)] == exchange.made[3:]


async def test_closing_waits_for_those_who_came_before_and_refuses_those_after(exchange):
    pool = Pool(exchange.make, 1)
    line = await pool.acquire(soon())
    (waiter,) = await waiting(pool)
    closing = asyncio.create_task(pool.close())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="not open"):
        await pool.acquire(soon())
    pool.release(line)
    assert await waiter is line
    assert not closing.done()
    line.refuses_to_close = True
    pool.release(line)
    await closing
    assert line.closed
