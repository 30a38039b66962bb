"""Which tests reach a line of the source: a run of the in-process tests under coverage, kept until they change."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from coverage import CoverageData

from mutation.copies import copy_tree
from mutation.named import ROOT

KEPT: Final = ROOT / "results" / "mutation-reach.json"
FOLDERS: Final = ("oauth", "mcp", "attacks", "endpoints", "pages", "door", "login", "administration", "fetching")
"""Folders of tests that need no other process than their own, nearest to the security core first."""

Reach = dict[str, dict[str, list[str]]]
"""By path of a module, then by line: the node ids of tests."""


def fingerprint() -> str:
    """Return a digest of the source and the tests."""
    digest = hashlib.sha256()
    for path in sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]):
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()


def reach(*, keep: bool) -> Reach:
    """Return the map; with `keep` an older one will do, which is right as long as lines have not moved."""
    kept: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    if kept and (keep or kept["fingerprint"] == fingerprint()):
        found: Reach = kept["reach"]
        return found
    print("reach: one run of the in-process tests under coverage; this takes some minutes", flush=True)
    measured = measure()
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps({"fingerprint": fingerprint(), "reach": measured}), encoding="utf-8")
    return measured


def measure() -> Reach:
    """Run the tests in a copy of the tree and return which of them ran each line."""
    with tempfile.TemporaryDirectory(prefix="doorward-reach-") as folder:
        copy = Path(folder)
        copy_tree(copy)
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--cov=doorward", "--cov-context=test"]
        tests = [f"tests/{name}" for name in FOLDERS]
        environment = os.environ | {"PYTHONPATH": str(copy / "src")}
        ran = subprocess.run(
            ["nice", *command, "--cov-report=", "-p", "no:randomly", *tests], cwd=copy, env=environment, check=False
        )
        if ran.returncode:
            raise RuntimeError("the tests fail without any mutant; see above")
        return read(CoverageData(str(copy / ".coverage")), copy)


def read(data: CoverageData, copy: Path) -> Reach:
    """Return what coverage has stored, by path relative to the copy."""
    data.read()
    found: Reach = {}
    for file in data.measured_files():
        lines = {
            str(line): sorted({context.partition("|")[0] for context in contexts if context})
            for line, contexts in data.contexts_by_lineno(file).items()
        }
        found[str(Path(file).relative_to(copy))] = lines
    return found


def tests_of(path: str, line: int, found: Reach) -> list[str]:
    """Return the tests that reach a line, its module's own first.

    A line that runs at import is reached by no test of its own: then the tests of the whole module count.
    """
    lines = found.get(path, {})
    reached = set(lines.get(str(line), ())) or {test for tests in lines.values() for test in tests}
    own = f"test_{Path(path).stem}.py"
    return sorted(reached, key=lambda test: (own not in test, FOLDERS.index(test.split("/")[1]), test))
