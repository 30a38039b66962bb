"""Plant every bug in turn, each in a door of its own; a run of its own, because a planted bug stays."""

from __future__ import annotations

import sys
from pathlib import Path

from judge.traffic.weaknesses import TRAFFIC_WEAKNESSES
from judge.weaknesses import WEAKNESSES

from doorward import Door


async def nothing(scope, receive, send) -> None:
    """Serve nothing."""


for name, weakness in WEAKNESSES.items():
    sys.stdout.write(f"{name}\n")
    weakness.plant(Door(nothing, data_dir=Path(sys.argv[1]), database="memory://"))
for name, traffic in TRAFFIC_WEAKNESSES.items():
    sys.stdout.write(f"{name}\n")
    traffic.plant()
