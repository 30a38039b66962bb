"""Both sides of the list of attacks: no row without a test, and no row without a weak twin that is caught."""

from __future__ import annotations

import pytest
from attacks import rows
from test_requirements import TWINS, marked, markers


def test_every_row_of_every_section_is_listed():
    """Sections are counted without gaps, so that a row cannot be dropped unseen."""
    for section, letter, count in (
        (rows.SIGN_IN, "A", 13),
        (rows.CONSENT, "B", 14),
        (rows.TOKENS, "T", 11),
        (rows.REGISTRATION, "R", 11),
        (rows.OUTGOING, "S", 10),
        (rows.DOOR, "U", 10),
    ):
        assert list(section) == [f"{letter}-{number:02}" for number in range(1, count + 1)]
    assert list(rows.FRAMING) == ["H-04"]  # of its list, the others are requirements without a weak door


@pytest.mark.parametrize("row", rows.ROWS)
def test_a_row_is_demonstrated_and_its_test_is_known_to_be_able_to_fail(row):
    assert row in marked(), f"no test carries {row}"
    assert row in marked(TWINS), f"no weak twin shows that the test of {row} can fail"


def test_a_twin_is_told_from_the_test_of_its_row():
    source = """
@pytest.mark.requirement("A-01")
def test_the_door(): ...
@pytest.mark.requirement("A-02", weak=True)
def test_a_weak_door(): ...
ROWS: dict[str, tuple[Attack, Weaken]] = {"A-03 twice": (attack, weak), "A-04": (other, weak)}
"""
    assert sorted(markers(source)) == ["A-01", "A-03", "A-04"]
    assert sorted(markers(source, TWINS)) == ["A-02", "A-03", "A-04"]
