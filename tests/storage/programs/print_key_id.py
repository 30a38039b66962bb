"""Load the keys of a data directory, making them if there are none, and print the id of the first."""

# ruff: noqa: T201 (what it prints is its result)
from __future__ import annotations

import sys
from pathlib import Path

from doorward.clock import SystemClock, SystemEntropy
from doorward.storage.keys import Keys

print(Keys.load(Path(sys.argv[1]), SystemClock(), SystemEntropy()).encryption[0].kid)
