"""How evidence is laid out in the lines of a terminal."""

from __future__ import annotations

import re

import pytest

from doorward.doctor.engine.check import differing
from doorward.doctor.report.formats import fitting


@pytest.mark.parametrize("at", [0, 30, 70, 200, 399])
def test_the_marked_byte_stays_in_sight_when_long_strings_are_cut(at):
    left = "https://" + "a" * 400
    right = left[:at] + "Z" + left[at + 1 :]
    rows = fitting.evidence(differing("typed", left, "resource", right), 60, whole=False)
    assert len(rows) == 3
    assert max(map(len, rows)) <= 60
    assert rows[1][rows[2].index("^")] == "Z"


@pytest.mark.parametrize("width", [50, 60, 80, 100])
async def test_evidence_is_never_lost_but_counted(width):
    lines = [f"< line {number} " + "x" * 300 for number in range(30)]
    rows = fitting.evidence(lines, width, whole=False)
    whole = fitting.evidence(lines, width, whole=True)
    assert len(rows) == fitting.LINES_SHOWN
    assert re.fullmatch(r"… \d+ more lines \(--verbose\)", rows[-1])
    assert "".join("".join(whole).split()) == "".join("".join(lines).split())


def test_a_line_that_begins_far_to_the_right_is_broken_all_the_same():
    rows = fitting.evidence([" " * 200 + "^ differs from here"], 60, whole=True)
    assert max(map(len, rows)) <= 60
    assert "".join(rows).split() == ["^", "differs", "from", "here"]
