"""The limits that fail the build."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("check_limits", ROOT / "scripts" / "check_limits.py")
assert spec is not None
assert spec.loader is not None
limits = importlib.util.module_from_spec(spec)
spec.loader.exec_module(limits)

PADDING = "    x = 1\n" * 39


@pytest.fixture
def breaches(tmp_path, monkeypatch):
    """Return what is wrong with a module of the package that has this text."""
    monkeypatch.chdir(tmp_path)

    def checked(text: str) -> list[str]:
        module = Path("src/doorward/module.py")
        module.parent.mkdir(parents=True, exist_ok=True)
        module.write_text(text)
        return limits.check(module)

    return checked


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ("a, b, c, d, e, f, g, h", 8),
        ("self, a, b, c, d, e, f, g, h", 8),
        ("a, b, c, d, e, f, g, h, i", 9),
        ("a, b, c, d, *, e, f, g, h, i=1", 9),
        ("a, b, c, d, e, f, g, h, *rest", 9),
        ("cls, a, b, c, d, e, f, g, h, **rest", 9),
        ("a, b, c, d, /, e, f, g, h, i", 9),
    ],
)
def test_eight_parameters_are_the_most(breaches, given, count):
    found = breaches(f"def f({given}):\n    pass\n")
    assert found == ([] if count == 8 else ["src/doorward/module.py:1: f has 9 parameters (limit 8)"])


@pytest.mark.parametrize(
    ("line", "is_refused"),
    [
        ("a, b = f(), g()", True),
        ("a, b = await f(), await g()", True),
        ("a, b = f(), 1", False),
        ("a, b = b, a", False),
        ("a, b = f()", False),
        ("a = f(), g()", False),
    ],
)
def test_a_long_function_does_not_write_two_lines_as_one(breaches, line, is_refused):
    long, short = f"async def f():\n{PADDING}    {line}\n", f"async def f():\n    {line}\n"
    assert breaches(short) == []
    assert [each.partition(":41: ")[2] for each in breaches(long)] == (
        ["f makes two calls in one assignment; write two lines"] if is_refused else []
    )


def test_a_file_and_a_function_have_a_most_of_lines(breaches):
    assert breaches("x = 1\n" * 400) == []
    assert breaches("x = 1\n" * 401) == ["src/doorward/module.py:1: 401 lines (limit 400)"]
    assert breaches("def f():\n" + "    x = 1\n" * 50) == ["src/doorward/module.py:1: f has 51 lines (limit 50)"]


def test_every_exception_is_of_a_function_that_needs_it(monkeypatch):
    excepted = set(limits.MORE_PARAMETERS)
    monkeypatch.setattr(limits, "MORE_PARAMETERS", {})
    monkeypatch.chdir(ROOT)
    found = [
        (file, each) for file in {each.partition(":")[0] for each in excepted} for each in limits.check(Path(file))
    ]
    needed = {f"{file}:{each.split(' has ')[0].rpartition(' ')[2]}" for file, each in found if "parameters" in each}
    assert needed == excepted
