"""Check that the tests of `src/doorward/door/body.py` are where one looks for them: `tests/door/test_body.py`.

What has no behaviour of its own needs none. Modules that are tested from outside are listed with the reason; the list
may only get shorter, so a module on it that has its test, or that is gone, is a fault as well. In the layers that
decide, each module has its own test.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "src" / "doorward"
DECIDES = ("oauth", "mcp", "authority", "records", "config", "door", "login", "directory", "edge", "doctor")
ELSEWHERE = ROOT / "scripts" / "tests_elsewhere.toml"


def main() -> int:
    """Print each module without its test; exit code 1 if there is one, or if the list is out of date."""
    listed = tomllib.loads(ELSEWHERE.read_text(encoding="utf-8"))
    excused = {module for modules in listed.values() for module in modules}
    without = set(modules_without_test())
    faults = [f"{each}: no tests/{mirrored(each)}" for each in sorted(without - excused)]
    faults += [f"{each}: take it off {ELSEWHERE.name}, its test is there" for each in sorted(excused - without)]
    outside = (each for each in listed["from_outside"] if each.split("/", 1)[0] in DECIDES)
    faults += [f"{each}: its layer decides, so it has its own test" for each in outside]
    print("\n".join(faults) or f"tests: every module has its own, but for {len(excused)} that are listed")
    return bool(faults)


def modules_without_test() -> list[str]:
    """Return the modules below `src/doorward` that have no test at the mirrored path."""
    modules = [str(path.relative_to(SOURCES)) for path in SOURCES.rglob("*.py") if not path.name.startswith("__")]
    return [each for each in modules if not (ROOT / "tests" / mirrored(each)).exists()]


def mirrored(module: str) -> str:
    """Return where a module's test belongs, below `tests`."""
    path = Path(module)
    return str(path.parent / f"test_{path.name}")


if __name__ == "__main__":
    sys.exit(main())
