"""The tests that know a module, nearest first: its own, those that import it, and the situations of the attack rows.

A module without a test file of its own is known by the tests of its folder.

A map from coverage would name every test that reaches a line. It takes longer to measure than the mutants take to try,
and most of what it adds are tests that go through a whole door, as the situations do.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

from mutation.named import ROOT

FOLDERS: Final = (
    *("oauth", "mcp", "login", "directory", "door", "fetching", "pages", "edge", "endpoints"),
    *("administration", "authority", "keys", "audit", "records", "storage"),
)
SITUATIONS: Final = ("sign_in", "token", "consent", "door", "registration")
MOST_IMPORTERS: Final = 12
"""A module that more files import is one of records or errors, and each of them knows a little of it."""


def tests_of(path: str) -> list[str]:
    """Return the files of tests for a module, given its path from the root of the project."""
    parts = Path(path).relative_to("src/doorward").with_suffix("").parts
    folder = Path("tests", *parts[:-1])
    own = str(folder / f"test_{parts[-1]}.py")
    near = [own] if own in _sources() else []
    siblings = [] if near else [file for file in _sources() if Path(file).parent == folder]
    imports = re.compile(rf"^from doorward\.{re.escape('.'.join(parts))} import|{_from_package(parts)}", re.MULTILINE)
    importing = [file for file, text in _sources().items() if imports.search(text)][:MOST_IMPORTERS]
    situations = [f"tests/attacks/test_{name}_situations.py" for name in SITUATIONS]
    return list(dict.fromkeys([*near, *importing, *siblings, "tests/endpoints/test_flow.py", *situations]))


def _from_package(parts: tuple[str, ...]) -> str:
    return rf"^from doorward\.{re.escape('.'.join(parts[:-1]))} import .*\b{re.escape(parts[-1])}\b"


@cache
def _sources() -> dict[str, str]:
    files = [path for folder in FOLDERS for path in sorted((ROOT / "tests" / folder).rglob("test_*.py"))]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in files}
