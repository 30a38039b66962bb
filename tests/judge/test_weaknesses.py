"""Every planted bug still finds what it patches. Each is hunted with some commits only, so a moved name would wait."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from judge.traffic.weaknesses import TRAFFIC_WEAKNESSES
from judge.weaknesses import WEAKNESSES

TESTS = Path(__file__).resolve().parents[1]


def test_every_bug_can_be_planted(tmp_path):
    program = [sys.executable, "-m", "judge.plant_all", tmp_path]
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (TESTS, TESTS.parent)))}
    done = subprocess.run(program, env=paths, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout.splitlines()[-1:]} {done.stderr}"
    assert done.stdout.split() == [*WEAKNESSES, *TRAFFIC_WEAKNESSES]
