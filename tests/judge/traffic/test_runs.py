"""The runs of the data path in small: the door breaks nothing, and every planted bug is caught by its invariant."""

from __future__ import annotations

import pytest
from judge.judging import judge
from judge.rotation import this_time
from judge.traffic.weaknesses import TRAFFIC_WEAKNESSES

COUNTS = {"cancellations": 150, "odd-answers": 200, "odd-children": 200, "deaf-clients": 30}
FED = {
    "cancellations": {11, 12, 13, 14, 15, 16},
    "odd-answers": {11, 12, 13, 14, 15, 16},
    "odd-children": {11, 12, 13, 14, 15, 16},
    "deaf-clients": {11, 12, 13, 14, 15, 16},
}
"""What each run must at least have put to the test: without that, no break would mean nothing."""
LONGEST_HUNT = 4
"""Which request meets which is chance: a small run may miss a bug that the counts of a real run cannot."""


@pytest.mark.parametrize("name", COUNTS)
async def test_the_data_path_breaks_nothing(tmp_path, name):
    result = await judge(name, COUNTS[name], tmp_path)
    assert [str(each) for each in result.verdict.breaks] == []
    assert FED[name] <= {number for number, count in result.verdict.fed.items() if count}


QUICK = [name for name, each in TRAFFIC_WEAKNESSES.items() if not each.takes_many_cases]


@pytest.mark.parametrize("name", this_time(QUICK))
async def test_a_planted_bug_of_the_data_path_is_caught_by_its_invariant(tmp_path, name):
    weakness = TRAFFIC_WEAKNESSES[name]
    broken: set[int] = set()
    for number in range(1, LONGEST_HUNT + 1):
        result = await judge(
            weakness.caught_by,
            weakness.count * number,
            tmp_path / str(number),
            seed=number,
            where=weakness.where,
            weakness=name,
            patience_seconds=weakness.patience_seconds,
        )
        broken |= result.broken()
        if weakness.invariant in broken:
            break
    assert weakness.invariant in broken
