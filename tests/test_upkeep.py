"""Background work goes on whatever it raises, and says what went wrong."""

from __future__ import annotations

import asyncio
import logging

import pytest

from doorward.errors import Problem, StartError, Unavailable
from doorward.upkeep import Upkeep, attempt, every


class Pauses:
    """Stands for the time between two attempts: notes each pause, and ends the loop at the last."""

    def __init__(self, most: int) -> None:
        self.seen: list[float] = []
        self._most = most

    async def __call__(self, seconds: float) -> None:
        self.seen.append(seconds)
        if len(self.seen) == self._most:
            raise asyncio.CancelledError


class Work:
    """Raises or does what it is given to, one after another."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self.outcomes = outcomes
        self.attempts = 0

    async def __call__(self) -> None:
        self.attempts += 1
        outcome = self.outcomes[(self.attempts - 1) % len(self.outcomes)]
        if outcome is not None:
            raise outcome


async def run(work: Work, pauses: int, **options) -> list[float]:
    paused = Pauses(pauses)
    with pytest.raises(asyncio.CancelledError):
        await every(7, work, delayed="work_delayed", sleep=paused, **options)
    return paused.seen


async def test_work_is_done_after_each_pause():
    work = Work(None)
    assert await run(work, 4) == [7, 7, 7, 7]
    assert work.attempts == 3


async def test_work_may_also_be_done_at_once():
    work = Work(None)
    await run(work, 3, at_once=True)
    assert work.attempts == 3


@pytest.mark.parametrize(
    "error", [ValueError("broken"), Unavailable("away"), StartError(Problem("broken"))], ids=["bug", "away", "start"]
)
async def test_nothing_that_is_raised_ends_the_work(error):
    work = Work(error, None)
    await run(work, 5)
    assert work.attempts == 4


async def test_a_store_that_is_away_is_a_warning_and_anything_else_is_a_bug(caplog):
    with caplog.at_level(logging.WARNING):
        await run(Work(Unavailable("away"), KeyError("x")), 3)
    delayed, bug = caplog.records
    assert (delayed.message, delayed.levelname, delayed.exc_info) == ("work_delayed", "WARNING", None)
    assert (bug.message, bug.levelname) == ("bug", "ERROR")
    assert bug.exc_info is not None
    assert bug.exc_info[0] is KeyError


async def test_work_may_expect_more_than_a_store_that_is_away(caplog):
    with caplog.at_level(logging.WARNING):
        assert not await attempt(Work(KeyError("x")), delayed="work_delayed", expected=(KeyError,))
        assert await attempt(Work(None), delayed="work_delayed")
    assert [each.message for each in caplog.records] == ["work_delayed"]


async def test_all_loops_end_together_and_may_be_ended_twice():
    upkeep, begun, ended = Upkeep(), asyncio.Event(), []

    async def loop(name: str) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    upkeep.begin("one", loop("one"))
    upkeep.begin("two", loop("two"))
    await begun.wait()
    await asyncio.sleep(0)
    await upkeep.stop()
    await upkeep.stop()
    assert sorted(ended) == ["one", "two"]
