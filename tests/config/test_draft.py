"""Values on their way into the settings, and what is written down about those that cannot be used."""

from doorward.config.draft import Draft
from doorward.config.faults import Fault
from doorward.config.sources import Entry

WHERE = "doors.a.body_limit_bytes in doorward.toml"


def entry(name, value, cwd, door="", where=WHERE):
    return Entry(name, value, where, cwd, typed=True, door=door)


def draft_of(*entries):
    return Draft({}, {each.key: each for each in entries}, [])


def test_a_good_value_is_taken_and_a_bad_one_is_a_problem_at_its_place(tmp_path):
    draft, values = draft_of(), {}
    assert draft.accept(entry("body_limit_bytes", 5, tmp_path, "a"), values)
    assert not draft.accept(entry("body_limit_bytes", 0, tmp_path, "a"), values)
    assert values == {"body_limit_bytes": 5}
    assert [problem.where for problem in draft.problems] == [WHERE]


def test_a_fault_between_settings_is_told_where_the_door_got_the_value(tmp_path):
    above, own = entry("auth", "none", tmp_path, where="auth"), entry("auth", "none", tmp_path, "a", where="a.auth")
    draft = draft_of(above, own)
    draft.complain(("auth", "host"), Fault("x"), "a")
    draft.complain(("auth", "host"), Fault("x"), "b")
    assert [problem.where for problem in draft.problems] == ["a.auth", "auth"]


def test_a_fault_between_settings_is_not_told_of_a_value_that_is_broken_itself(tmp_path):
    draft = draft_of(entry("auth", "none", tmp_path))
    draft.broken.add("host")
    draft.complain(("auth", "host"), Fault("x"))
    assert draft.problems == []
