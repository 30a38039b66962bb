"""Both sides of the manifest: a requirement without a test, and a test for a requirement that nobody wrote down."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, Literal

import pytest
from requirement_lists import ABSENT, LACKING, LISTS
from requirements_kept import OF_THE_PROTOCOL
from requirements_of_peers import OF_PEERS
from requirements_of_servers import OF_SERVERS

from requirements import REQUIREMENTS

TESTS = Path(__file__).parent
TWINS: Final = "twins"


def markers(source: str, which: Literal["tests", "twins"] = "tests") -> Iterator[str]:
    """Yield the id of each `requirement` marker; one that is computed has none, and is an error.

    With `weak=True` a marker is on a twin: the same attack on a door without that defence, where it must be noticed.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "requirement":
            name = node.args[0] if len(node.args) == 1 else None
            assert isinstance(name, ast.Constant), f"line {node.lineno}: a marker names one id, as text"
            is_twin = [ast.unparse(each) for each in node.keywords] == ["weak=True"]
            assert is_twin or not node.keywords, f"line {node.lineno}: a marker has no other keyword than weak=True"
            if is_twin == (which == TWINS):
                yield str(name.value)
        # A table of attacks marks each of its rows with the id that begins the row's name, and has the twin beside it.
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "ROWS" and isinstance(node.value, ast.Dict):
            assert "Weaken" in ast.unparse(node.annotation), f"line {node.lineno}: a table of attacks has twins"
            yield from (str(ast.literal_eval(key)).split()[0] for key in node.value.keys if key is not None)


@cache
def marked(which: Literal["tests", "twins"] = "tests") -> dict[str, list[str]]:
    """Return the files that carry each id."""
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("*.py")):
        if "node_modules" not in path.parts:
            for name in markers(path.read_text(encoding="utf-8"), which):
                found.setdefault(name, []).append(str(path.relative_to(TESTS)))
    return found


MANIFEST = (*REQUIREMENTS, *OF_THE_PROTOCOL, *OF_PEERS, *OF_SERVERS)


def test_every_requirement_has_a_test():
    carried = marked()
    assert [each.id for each in MANIFEST if each.id not in carried and not each.shown_by] == []


def test_every_test_that_shows_a_requirement_exists():
    named = {name for each in MANIFEST for name in each.shown_by}
    assert sorted(name for name in named if not is_a_test(name)) == []
    assert not is_a_test("test_requirements.py::test_that_nobody_wrote")


def is_a_test(name: str) -> bool:
    """Return whether there is a test of this name, given as file and function."""
    file, _, function = name.partition("::")
    path = TESTS / file
    return (
        path.exists()
        and re.search(rf"^(async )?def {function}\(", path.read_text(encoding="utf-8"), re.MULTILINE) is not None
    )


def test_every_marker_has_a_requirement():
    known = {each.id for each in MANIFEST}
    assert {name: files for name, files in marked().items() if name not in known} == {}


def test_every_requirement_is_written_down_once_and_says_where_it_comes_from():
    assert [name for name, count in Counter(each.id for each in MANIFEST).items() if count > 1] == []
    assert [each.id for each in MANIFEST if not (each.text.endswith(".") and each.spec)] == []


@pytest.mark.parametrize("name", LISTS)
def test_every_number_of_a_list_is_in_the_manifest_or_said_to_be_absent(name):
    known = {each.id for each in MANIFEST}
    assert [number for number in LISTS[name] if (number in known) == (number in ABSENT)] == []


def test_what_is_absent_or_lacking_is_on_a_list():
    numbers = {number for numbers in LISTS.values() for number in numbers}
    assert {*ABSENT, *LACKING} - numbers == set()
    assert ABSENT.keys() & LACKING.keys() == set()


def test_a_marker_is_found_wherever_it_stands():
    source = """
@pytest.mark.requirement("A")
@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.requirement("B"))])
def test_something(x): ...
pytestmark = pytest.mark.requirement("C")
ROWS: dict[str, tuple[Attack, Weaken]] = {"D": (1, 2), "E twice": (3, 4)}
"""
    assert sorted(markers(source)) == ["A", "B", "C", "D", "E"]
