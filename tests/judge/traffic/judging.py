"""One run of the data path from an empty directory to its verdict: prepare, drive, check."""

from __future__ import annotations

from pathlib import Path
from random import Random

from judge.checker import Verdict
from judge.progress import Progress
from judge.traffic.checker import check
from judge.traffic.history import read
from judge.traffic.runs import TRAFFIC_RUNS, Crowd
from judge.traffic.site import site


async def judge_traffic(
    name: str,
    count: int,
    directory: Path,
    *,
    seed: int = 1,
    where: str = "",
    weakness: str = "",
    patience_seconds: float = 15,
    progress: Progress | None = None,
) -> tuple[int, Verdict]:
    """Do one run by name; return how many cases it made, and the verdict."""
    async with site(directory, weakness) as here:
        crowd = Crowd(here, count, Random(seed), progress or Progress(name, count), where, patience_seconds)
        cases = await TRAFFIC_RUNS[name](crowd)
    return cases, check(*read(directory.glob("*.jsonl")))
