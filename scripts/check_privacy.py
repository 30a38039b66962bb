"""Check that tests look at the product from outside: no assert on a private attribute, no patched global of ours.

A private attribute is `._name` of anything but `self` and `cls` in an `assert`. A patched global is the first argument
of `monkeypatch.setattr`: a string that begins with `doorward.`, or a name that was imported from `doorward`. What is
there today is counted by file; the list may only get shorter. The product gets a seam instead: a parameter of a
constructor, or a property that an operator can use too. A test that carries `weak=True` takes a defence out on purpose,
and so does all in `WEAK_TWINS`.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests"
LISTED = ROOT / "scripts" / "tests_from_inside.toml"
WEAK_TWINS = ("attacks", "judge", "framing", "fuzzing", "node")
"""Folders that plant bugs on purpose: a weakened copy of a module is their subject."""


def main() -> int:
    """Print each file with more, or fewer, such places than are listed; exit code 1 if there is one."""
    listed: dict[str, int] = tomllib.loads(LISTED.read_text(encoding="utf-8"))["places"]
    found = Counter({name: len(lines) for name, lines in places().items()})
    faults = []
    for name, lines in sorted(places().items()):
        if len(lines) > listed.get(name, 0):
            at = ", ".join(map(str, lines))
            faults.append(f"tests/{name}: looks inside at the lines {at}; {listed.get(name, 0)} are listed")
    faults += [
        f"tests/{name}: {found[name]} places are left; write that into {LISTED.name}"
        for name, count in sorted(listed.items())
        if found[name] < count
    ]
    left = sum(listed.values())
    print("\n".join(faults) or f"privacy: tests look from outside, but for {left} places that are listed")
    return bool(faults)


def places() -> dict[str, list[int]]:
    """Return the lines at which each test file looks inside."""
    found = {}
    for path in sorted(TESTS.rglob("*.py")):
        within = path.relative_to(TESTS)
        name = str(within)
        if within.parts[0] not in WEAK_TWINS and (lines := looks_inside(path.read_text(encoding="utf-8"))):
            found[name] = lines
    return found


def looks_inside(text: str) -> list[int]:
    """Return the lines at which one file asserts on what is private, or patches a global of ours."""
    tree = ast.parse(text)
    weak = {id(part) for node in ast.walk(tree) if _is_weak_twin(node) for part in ast.walk(node)}
    ours = {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if (getattr(node, "module", None) or alias.name).partition(".")[0] == "doorward"
    }
    lines = {
        part.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
        for part in ast.walk(node.test)
        if isinstance(part, ast.Attribute) and _is_private(part)
    }
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and id(node) not in weak)
    return sorted(lines | {call.lineno for call in calls if _patches(call, ours)})


def _is_weak_twin(node: ast.AST) -> bool:
    """Return whether a test carries `weak=True`."""
    decorators = getattr(node, "decorator_list", [])
    marks = (word for each in decorators if isinstance(each, ast.Call) for word in each.keywords)
    return any(word.arg == "weak" for word in marks)


def _is_private(part: ast.Attribute) -> bool:
    is_own = isinstance(part.value, ast.Name) and part.value.id in {"self", "cls"}
    return part.attr.startswith("_") and not part.attr.startswith("__") and not is_own


def _patches(call: ast.Call, ours: set[str]) -> bool:
    function = call.func
    if not (isinstance(function, ast.Attribute) and function.attr == "setattr" and call.args):
        return False
    target = call.args[0]
    if isinstance(target, ast.Constant):
        return isinstance(target.value, str) and target.value.startswith("doorward.")
    return isinstance(target, ast.Name) and target.id in ours


if __name__ == "__main__":
    sys.exit(main())
