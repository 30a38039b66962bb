"""Doorward compared with its peers in one run: CPU per request, latency, memory, start. A benchmark is not a test.

It uses the programs that the tests start (`tests/flows`).
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
