from __future__ import annotations

import pytest

from bench import budgets, idle, scale
from bench.__main__ import select
from bench.budgets import BUDGETS, Budget, Idle, Measured, Times, Verdict, added, exit_code, judge, table, verdict
from bench.report import Row
from bench.subjects import SUBJECTS, Subject, refusals

DOUBLE = Budget("calls", Times("door", "anchor"), limit=1.4, aim=1.0)


def run(door: list[float], anchor: list[float]) -> Measured:
    return Measured({"door": door, "anchor": anchor})


def test_a_ratio_compares_round_with_round() -> None:
    measured = run([100, 200, 300, 120, 140], [100, 100, 100, 60, 140])
    assert Times("door", "anchor").value(measured) == 2.0  # the ratios are 1, 2, 3, 2, 1; of the medians it is 1.4


def test_what_is_added_leaves_out_the_anchors_own_work() -> None:
    assert added("door", "anchor").value(run([150] * 5, [100] * 5)) == pytest.approx(0.5)


def test_a_figure_without_load_is_judged_as_it_is_or_beside_another() -> None:
    measured = Measured(figures={"ours": 3.0, "theirs": 2.0})
    assert Idle("ours").value(measured) == 3.0
    assert Idle("ours", "theirs").value(measured) == 1.5


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, Verdict.AIM),
        (1.01, Verdict.MET),
        (1.4, Verdict.MET),
        (1.41, Verdict.OVER),
        (1.53, Verdict.OVER),
        (1.55, Verdict.MISSED),
    ],
)
def test_a_budget_is_missed_only_when_the_cost_is_more_than_a_tenth_over_it(value: float, expected: Verdict) -> None:
    assert verdict(value, limit=1.4, aim=1.0) is expected


@pytest.mark.parametrize(("cost", "code"), [(100, 0), (140, 0), (150, 0), (156, 1)])
def test_the_command_fails_when_one_budget_is_missed(cost: float, code: int) -> None:
    fine = judge(DOUBLE, run([100] * 5, [100] * 5))
    assert exit_code([fine, judge(DOUBLE, run([cost] * 5, [100] * 5))]) == code


def test_fewer_than_five_rounds_give_a_ratio_but_no_verdict() -> None:
    judged = judge(DOUBLE, run([300] * 4, [100] * 4))
    assert (judged.value, judged.verdict) == (3.0, None)
    assert judged.reason == "not judged: 4 of 5 rounds"
    assert exit_code([judged]) == 0


def test_a_budget_whose_anchor_was_not_measured_names_the_anchor() -> None:
    judged = judge(DOUBLE, Measured({"door": [300] * 5}))
    assert (judged.value, judged.verdict, judged.reason) == (None, None, "not measured: anchor")
    assert "| calls |  |  |  | 1.4 x | 1 x | not measured: anchor |" in table([judged], Measured())


def test_work_that_is_not_built_has_no_verdict_and_gives_the_reason() -> None:
    judged = judge(Budget("gateway", None, 3, 2, elsewhere="not built yet"), Measured())
    assert (judged.value, judged.verdict, judged.reason) == (None, None, "not built yet")


def test_the_table_shows_the_cost_beside_its_anchor() -> None:
    measured = run([160] * 5, [100] * 5)
    line = table([judge(DOUBLE, measured)], measured).splitlines()[-1]
    assert line == "| calls | 160 us | anchor: 100 us | 1.6 x | 1.4 x | 1 x | MISSED |"


def test_a_figure_without_an_anchor_shows_its_value_and_unit_once() -> None:
    measured = Measured(figures={"memory": 50.0})
    line = table([judge(Budget("at rest", Idle("memory"), 56, 48, "MiB"), measured)], measured).splitlines()[-1]
    assert line == "| at rest |  |  | 50 MiB | 56 MiB | 48 MiB | met |"


def test_every_budget_is_read_from_rows_and_figures_that_exist() -> None:
    rows, figures = {one.name for one in SUBJECTS}, set(idle.names())
    for budget in BUDGETS:
        assert budget.aim < budget.limit
        if budget.reading is None:
            assert budget.elsewhere
        else:
            assert set(budget.reading.rows) <= rows
            assert set(budget.reading.figures) <= figures


def test_a_row_that_is_chosen_brings_its_budget_and_its_anchor() -> None:
    plan = select("^401, Doorward$")
    assert [one.work for one in plan.budgets] == ["401"]
    assert {budgets.RAW, "401, Doorward"} <= {one.name for one in plan.subjects}
    assert plan.figures == ()


def test_a_budget_that_is_chosen_brings_its_rows() -> None:
    plan = select("reverse proxy, bearer")
    assert {"Doorward reverse proxy", "nginx auth_request"} <= {one.name for one in plan.subjects}
    assert [one.work for one in plan.budgets] == ["reverse proxy, bearer checked"]


def test_an_anchor_that_is_chosen_alone_brings_no_budget() -> None:
    assert select("^raw ASGI$").budgets == ()


def test_without_a_pattern_everything_is_chosen() -> None:
    plan = select("")
    assert (plan.subjects, plan.figures, plan.budgets) == (SUBJECTS, tuple(idle.names()), BUDGETS)


def test_a_big_store_is_compared_with_an_empty_one_kind_by_kind() -> None:
    costs = {"call, empty": 100, "refresh, empty": 300, "call, loaded": 104, "refresh, loaded": 390}
    rows = [Row(Subject(name, "door_raw", refusals), [cost] * 5) for name, cost in costs.items()]
    measured = Measured({row.subject.name: row.cpu_us for row in rows})
    judged = scale.judge(rows, measured)
    assert [(one.budget.work, one.verdict) for one in judged] == [("call", Verdict.AIM), ("refresh", Verdict.MISSED)]
