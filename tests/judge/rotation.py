"""Which of many planted bugs a run of the tests hunts for: one in three, another third with every commit.

A hunt starts real servers and takes seconds. `make judge ARGS=--planted` hunts for all of them.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARE = 3


def this_time(names: Iterable[str]) -> list[str]:
    """Return every third name, beginning at another place with each commit; all of them where no history is."""
    done = subprocess.run(["git", "rev-list", "--count", "HEAD"], cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode:
        return list(names)
    return list(names)[int(done.stdout) % SHARE :: SHARE]
