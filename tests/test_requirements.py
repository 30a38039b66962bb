"""Both sides of the manifest: a requirement without a test, and a test for a requirement that nobody wrote down."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from requirements import REQUIREMENTS

TESTS = Path(__file__).parent


def markers(source: str) -> Iterator[str]:
    """Yield the id of each `requirement` marker; one that is computed has none, and is an error."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "requirement":
            name = node.args[0] if len(node.args) == 1 and not node.keywords else None
            assert isinstance(name, ast.Constant), f"line {node.lineno}: a marker names one id, as text"
            yield str(name.value)
        # A table of attacks marks each of its rows with the id that begins the row's name.
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "ROWS" and isinstance(node.value, ast.Dict):
            yield from (str(ast.literal_eval(key)).split()[0] for key in node.value.keys if key is not None)


def marked() -> dict[str, list[str]]:
    """Return the files that carry each id."""
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("*.py")):
        if "node_modules" not in path.parts:
            for name in markers(path.read_text(encoding="utf-8")):
                found.setdefault(name, []).append(str(path.relative_to(TESTS)))
    return found


def test_every_requirement_has_a_test():
    carried = marked()
    assert [each.id for each in REQUIREMENTS if each.id not in carried] == []


def test_every_marker_has_a_requirement():
    known = {each.id for each in REQUIREMENTS}
    assert {name: files for name, files in marked().items() if name not in known} == {}


def test_every_requirement_is_written_down_once_and_says_where_it_comes_from():
    assert [name for name, count in Counter(each.id for each in REQUIREMENTS).items() if count > 1] == []
    assert [each.id for each in REQUIREMENTS if not (each.text.endswith(".") and each.spec)] == []


def test_a_marker_is_found_wherever_it_stands():
    source = """
@pytest.mark.requirement("A")
@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.requirement("B"))])
def test_something(x): ...
pytestmark = pytest.mark.requirement("C")
ROWS: dict[str, int] = {"D": 1, "E twice": 2}
"""
    assert sorted(markers(source)) == ["A", "B", "C", "D", "E"]
