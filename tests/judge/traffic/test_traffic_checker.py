"""The checker of the data path on histories written by hand: each break is named, each excuse needs its reason."""

from __future__ import annotations

import pytest
from judge.traffic.checker import check
from judge.traffic.history import Ask, Fact

MS = 1_000_000


def ask(**more) -> Ask:
    """A request of bob's from 1,000 to 1,010 ms that was served as it should be."""
    served = {"tags": {"bob-1": 3}, "answers": 1, "intact": True, "outcome": "served", "status": 200}
    values = {"id": "bob-1", "name": "json", "user": "bob", "start": 1000 * MS, "end": 1010 * MS, "bar_ms": 500}
    return Ask(**{**values, **served, **more})


def unserved(**more) -> Ask:
    failed = {"outcome": "fault", "status": 502, "tags": {}, "intact": False, "answers": 1}
    return ask(**{**failed, **more})


def fact(name, at_ms=1005, **more) -> Fact:
    return Fact(name=name, at=at_ms * MS, **{"id": "bob-1", **more})


def broken(asks, *facts) -> list[int]:
    return [each.invariant for each in check(asks, list(facts)).breaks]


def test_a_request_that_was_served_breaks_nothing():
    verdict = check([ask()], [fact("ran"), fact("alive", value=1), fact("tracebacks"), fact("memory_mib", bar=9)])
    assert verdict.breaks == []
    assert set(verdict.fed) == {11, 12, 13, 14, 15, 16}


@pytest.mark.parametrize(
    ("more", "invariant"),
    [
        ({"tags": {"bob-1": 3, "alice-7": 1}}, 11),
        ({"strays": ["bob-9"]}, 11),
        ({"intact": False}, 11),
        ({"answers": 2}, 12),
        ({"strange_ids": 1}, 12),
        ({"excess_bytes": 4}, 12),
        ({"status": 500}, 15),
        ({"end": 2000 * MS}, 14),
        ({"outcome": "late"}, 14),
        ({"outcome": "cut", "status": 200}, 14),
    ],
)
def test_what_a_client_sees_breaks_its_invariant(more, invariant):
    assert broken([ask(**more)]) == [invariant]


def test_a_log_line_may_speak_of_another_request_of_the_same_user():
    assert broken([ask(tags={"bob-1": 1, "bob-2": 1})]) == []


def test_what_answers_a_user_who_asks_for_odd_things_may_speak_of_that_user_alone():
    assert broken([ask(honest=False, strays=["bob-9"], tags={"bob-9": 1})]) == []
    assert broken([ask(honest=False, strays=["alice-9"], tags={"alice-9": 1})]) == [11]


def test_a_call_runs_once_and_a_read_at_most_twice():
    assert broken([ask()], fact("ran"), fact("ran")) == [13]
    assert broken([ask(reads=True)], fact("ran"), fact("ran")) == []
    assert broken([ask(reads=True)], *[fact("ran")] * 3) == [13]


def test_a_reset_is_excused_only_by_a_close_at_that_time_before_the_call_ran():
    assert broken([unserved(fault="reset")]) == [14]
    assert broken([unserved(fault="reset")], fact("closed", id="alice-1")) == []
    assert broken([unserved(fault="reset")], fact("closed", at_ms=900)) == [14]
    assert broken([unserved(fault="reset")], fact("closed"), fact("ran")) == [14]
    assert broken([unserved(fault="reset", reads=True)], fact("closed")) == [14]
    assert broken([unserved(fault="not_mcp")], fact("closed")) == [14]


def test_an_exit_is_excused_only_by_a_death_at_that_time():
    assert broken([unserved(fault="exited")]) == [14]
    assert broken([unserved(fault="exited")], fact("died", at_ms=990)) == []
    assert broken([unserved(fault="exited")], fact("died", at_ms=100)) == [14]


def test_a_request_that_is_not_honest_need_not_be_served():
    assert broken([unserved(honest=False)]) == []


def test_the_end_of_a_run_is_judged():
    assert broken([], fact("memory_mib", value=10, bar=9)) == [16]
    assert broken([], fact("tracebacks", value=1)) == [15]
    assert broken([], fact("alive", value=0)) == [15]


def test_a_client_that_does_not_read_is_let_go_in_time():
    held = fact("held", bar=2)
    assert broken([], held, fact("let_go", at_ms=2000)) == []
    assert broken([], held, fact("let_go", at_ms=4000)) == [16]
    assert broken([], held, fact("alive", at_ms=4000, value=1)) == [16]
    assert broken([], held, fact("alive", at_ms=2000, value=1)) == []  # nobody can know how long it would have been
