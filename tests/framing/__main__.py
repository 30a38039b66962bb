"""`PYTHONPATH=tests python -m framing [--count N] [--ways A,B] [--only WORDS] [--in-process] [--seed N]`.

Tries the framings of requests and answers in front of and behind a real door, on every way to it, and prints a table of
what came of each. Exit code 1 when a trial was broken or the door's log has a bug.
"""

# ruff: noqa: T201 (what it prints is its result)
from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
import time
from pathlib import Path

from framing.campaign import campaign, table
from framing.stage import WAYS

REPORT_EVERY = 250


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m framing", description="Try framings on this Doorward.")
    parser.add_argument("--count", type=int, default=0, help="trials in all (default: each framing once on each way)")
    parser.add_argument("--ways", default=",".join(WAYS), help=f"of {','.join(WAYS)}")
    parser.add_argument("--only", default="", help="framings that match, as `request upgrade` or `answer 204`")
    parser.add_argument("--in-process", action="store_true", help="an application as target: framings of requests only")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    return parser.parse_args()


def main() -> int:
    """Try, print, and return the exit code."""
    given = arguments()
    began, said = time.monotonic(), 0

    def progress(done: int, of: int, broken: int) -> None:
        nonlocal said
        if done >= said + REPORT_EVERY:
            said = done
            print(f"{done:,} of {of:,} trials, {broken} broken, {time.monotonic() - began:.0f} s", flush=True)

    wanted = re.compile(given.only)
    with tempfile.TemporaryDirectory(prefix="framing-") as folder:
        found = asyncio.run(
            campaign(
                Path(folder),
                count=given.count,
                ways=given.ways.split(","),
                in_process=given.in_process,
                only=lambda name: bool(wanted.search(name)),
                seed=given.seed,
                progress=progress,
            )
        )
    print("\n".join(table(found)))
    faults = found.faults()
    for where, what in faults.items():
        print(f"BROKEN {where}")
        print("\n".join(f"    {each}" for each in what))
    print(f"seed {given.seed}, {time.monotonic() - began:.0f} s, {len(faults)} framings broken")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
