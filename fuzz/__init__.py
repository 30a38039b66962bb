"""Whatever a stranger sends ends in a verdict of ours: one table of parsers, and campaigns for other ends.

The tests run each of them a little; `python -m fuzz` runs them for as long as one likes and prints a table.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
