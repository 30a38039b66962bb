"""The judge in small: every run on the real server breaks nothing, and planted bugs are caught by their invariants."""

from __future__ import annotations

import pytest
from judge.judging import judge
from judge.report import render
from judge.rotation import this_time
from judge.weaknesses import WEAKNESSES
from postgres_server import running_server

COUNTS = {
    "race-codes": 8,
    "race-refreshes": 16,
    "two-nodes": 16,
    "endings": 12,
    "one-grant": 4,
    "further-grants": 16,
    "lost-replies": 24,
    "unknown-commits": 10,
    "store-faults": 4,
    "random-kills": 6,
    "key-rotation": 1,
    "rotated-kills": 4,
}
FED = {
    "race-codes": {1},
    "race-refreshes": {2},
    "two-nodes": {5, 6, 7, 9},
    "endings": {3, 5},
    "one-grant": {1, 2, 5},
    "further-grants": {1, 5, 6},
    "lost-replies": {4},
    "unknown-commits": {4, 8},
    "store-faults": {7, 8, 10},
    "random-kills": {1, 2, 4, 10},
    "key-rotation": {4, 8},
    "rotated-kills": {2, 4, 10},
}
"""What each run must at least have put to the test: without that, no break would mean nothing."""


LONGEST_HUNT = 4
"""Where a kill or a race falls is chance: a small run may miss a bug that the counts of a real run cannot."""


def told(result) -> list[str]:
    return [str(each) for each in result.verdict.breaks]


@pytest.mark.parametrize("name", COUNTS)
async def test_the_server_breaks_nothing(tmp_path, name):
    result = await judge(name, COUNTS[name], tmp_path, clients=8)
    assert told(result) == []
    assert FED[name] <= {number for number, count in result.verdict.fed.items() if count}
    assert result.verdict.unknown == result.verdict.resolved
    assert f"| {name} |" in render([result], seed=1, database="sqlite")


@pytest.mark.parametrize("step", ["register", "sign_in", "consent", "redeem", "refresh", "revoke"])
async def test_a_node_that_dies_at_any_point_of_a_step_loses_nothing(tmp_path, step):
    result = await judge("fixed-points", 1, tmp_path, where=step)
    assert told(result) == []
    assert result.cases >= 8


@pytest.mark.parametrize("name", this_time(WEAKNESSES))
async def test_a_planted_bug_is_caught_by_its_invariant(tmp_path, name):
    weakness = WEAKNESSES[name]
    broken: set[int] = set()
    for number in range(1, LONGEST_HUNT + 1):
        result = await judge(
            weakness.caught_by,
            weakness.count * number,
            tmp_path / str(number),
            weakness=name,
            where=weakness.where,
            clients=8,
            patience_seconds=weakness.patience_seconds,
        )
        broken |= set(result.broken())
        if weakness.invariant in broken:
            break
    assert weakness.invariant in broken


@pytest.fixture(scope="module")
def server():
    """A server of this module's own, which it may kill; it syncs to disk as a real one does."""
    with running_server(fsync=True) as server:
        yield server


@pytest.mark.parametrize(
    ("name", "count"),
    {
        "race-codes": 4,
        "race-refreshes": 8,
        "endings": 4,
        "further-grants": 8,
        "random-kills": 3,
        "rotated-kills": 2,
        "postgres-kills": 1,
        "cut-statements": 20,
    }.items(),
)
async def test_postgres_keeps_the_same_promises(tmp_path, server, name, count):
    result = await judge(name, count, tmp_path, clients=4, server=server)
    assert told(result) == []
