"""Grades, headline and exit code of a report."""

from __future__ import annotations

import pytest
from doctor.report.test_formats import finding, report

from doorward.doctor.report.formats import exit_code
from doorward.doctor.report.verdicts import GRADES, grade, headline


@pytest.mark.parametrize(
    ("found", "letter"),
    [
        ((), "A"),
        ((finding("note", "minor"),), "A"),
        ((finding("risk", "major"),), "B"),
        ((finding("risk", "minor"),), "B"),
        ((finding("risk", "blocker"),), "C"),
        ((finding("broken", "minor"),), "C"),
        ((finding("broken", "major"), finding("risk", "blocker", rule="DSC-02")), "D"),
        ((finding("broken", "major"), finding("broken", "blocker", rule="DSC-02")), "F"),
        ((finding("will break for codex", "blocker", ("codex",)),), "A"),
    ],
)
def test_a_grade_is_the_worst_of_what_concerns_the_client(found, letter):
    assert grade(report(*found), "claude") == letter
    assert letter in GRADES


def test_who_was_not_examined_to_the_end_has_no_good_grade():
    assert grade(report(crashed=("It fell over.",)), "claude") == "-"
    assert grade(report(reachable=False), "claude") == "-"
    assert grade(report(finding(), crashed=("It fell over.",)), "claude") == "F"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (report(), "Nothing stops any of the 11 clients."),
        (report(finding()), "None of the 11 clients can connect."),
        (report(finding(clients=("codex", "claude"))), "2 of 11 clients cannot connect."),
        (report(finding(severity="major", clients=("codex",))), "1 of 11 clients will fail sooner or later."),
        (report(reachable=False), "All 11 clients could not be examined to the end."),
        (report(names=("claude",)), ""),
    ],
)
def test_the_headline_counts_clients(found, words):
    assert headline(found) == words


@pytest.mark.parametrize(
    ("found", "plain", "strict"),
    [
        (report(), 0, 0),
        (report(finding("note", "blocker")), 0, 0),
        (report(finding("risk", "blocker")), 0, 1),
        (report(finding("broken", "minor")), 0, 1),
        (report(finding("broken", "major")), 1, 1),
        (report(crashed=("It fell over.",)), 3, 3),
        (report(finding(), crashed=("It fell over.",)), 1, 1),
    ],
)
def test_exit_codes(found, plain, strict):
    assert exit_code(found, strict=False) == plain
    assert exit_code(found, strict=True) == strict
