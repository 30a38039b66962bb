"""Judge this Doorward: `PYTHONPATH=tests python -m judge [--quick] [--only RUN] [--minutes M] ...`.

Does every run at its full count, or at the counts given. Prints how far a run is and how long it will take, a line when
it ends, and the report at the end. Keeps the history of each failure under `results/`. Exit code 1 when an invariant
broke or a planted bug was missed.
"""

# ruff: noqa: T201 (what it prints is its result)
from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from judge.judging import ALL_RUNS, Result, judge
from judge.postgres_runs import POSTGRES_RUNS, server
from judge.report import ROOT, keep_history, render
from judge.traffic.weaknesses import TRAFFIC_WEAKNESSES
from judge.weaknesses import WEAKNESSES
from postgres_server import PostgresServer

FULL = {
    "race-codes": 2000,
    "race-refreshes": 2000,
    "two-nodes": 10_000,
    "endings": 1000,
    "one-grant": 320,
    "further-grants": 2000,
    "lost-replies": 2000,
    "unknown-commits": 2000,
    "store-faults": 100,
    "random-kills": 2000,
    "fixed-points": 25,
    "key-rotation": 50,
    "rotated-kills": 200,
    "postgres-kills": 200,
    "cut-statements": 2000,
    "cancellations": 300_000,
    "odd-answers": 300_000,
    "odd-children": 150_000,
    "deaf-clients": 100_000,
}
"""The counts of the fault plan; those of the data path take at most an hour each on two cores."""
QUICK = {
    "race-codes": 500,
    "race-refreshes": 500,
    "two-nodes": 500,
    "endings": 100,
    "one-grant": 32,
    "further-grants": 200,
    "lost-replies": 200,
    "unknown-commits": 200,
    "store-faults": 12,
    "random-kills": 100,
    "fixed-points": 1,
    "key-rotation": 4,
    "rotated-kills": 20,
    "postgres-kills": 5,
    "cut-statements": 160,
    "cancellations": 3000,
    "odd-answers": 3000,
    "odd-children": 2000,
    "deaf-clients": 500,
}
"""Counts for some minutes."""
FLAGS = {"codes": "race-codes", "refreshes": "race-refreshes", "kills": "random-kills", "flows": "two-nodes"}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m judge", description="Judge this Doorward.")
    parser.add_argument("--quick", action="store_true", help="counts for some minutes instead of some hours")
    parser.add_argument("--only", action="append", choices=list(ALL_RUNS), help="this run; may be repeated")
    for flag, run in FLAGS.items():
        parser.add_argument(f"--{flag}", type=int, metavar="N", help=f"cases of {run}")
    parser.add_argument("--count", type=int, metavar="N", help="cases of every run that is done")
    parser.add_argument("--minutes", type=float, help="begin no further run after this long")
    parser.add_argument("--racers", type=int, default=16)
    parser.add_argument("--clients", type=int, default=32, help="clients under whose load doors are killed")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--planted", action="store_true", help="plant each bug in turn, and tell whether it is caught")
    return parser.parse_args()


async def main() -> int:
    """Judge, print, and return the exit code."""
    given = arguments()
    counts = dict(QUICK if given.quick else FULL)
    counts |= {run: getattr(given, flag) for flag, run in FLAGS.items() if getattr(given, flag) is not None}
    if given.count is not None:
        counts = dict.fromkeys(counts, given.count)
    if given.planted:
        return await planted(given.seed)
    names = given.only or [name for name in ALL_RUNS if given.database == "postgres" or name not in POSTGRES_RUNS]
    results: list[Result] = []
    absent = []
    began = time.monotonic()
    try:
        for name in names:
            if given.minutes and time.monotonic() - began > given.minutes * 60:
                absent.append(f"{name} (out of time)")
                continue
            async with database(given.database, name) as its_server:
                results.append(await one(name, counts[name], given, its_server))
    finally:
        print("\n" + render(results, seed=given.seed, database=given.database, absent=absent))
    return 1 if any(each.verdict.breaks for each in results) else 0


@asynccontextmanager
async def database(kind: str, run: str) -> AsyncIterator[PostgresServer | None]:
    """Yield a server where one is needed."""
    if kind == "sqlite" and run not in POSTGRES_RUNS:
        yield None
        return
    async with server() as running:
        yield running


async def one(name: str, count: int, given: argparse.Namespace, its_server: PostgresServer | None) -> Result:
    """Do one run in a directory of its own, and keep what a failure needs."""
    directory = Path(tempfile.mkdtemp(prefix=f"doorward-judge-{name}-"))
    try:
        result = await judge(
            name,
            count,
            directory,
            seed=given.seed,
            racers=given.racers,
            clients=given.clients,
            server=its_server,
            say=lambda line: print(line, flush=True),
        )
        print(
            f"{name}: {result.cases:,} cases, {len(result.verdict.breaks)} breaks, {result.seconds:.1f} s", flush=True
        )
        if result.verdict.breaks:
            kept = keep_history(result, ROOT / "results")
            print("\n".join(f"  {each}" for each in result.verdict.breaks[:10]))
            print(f"  the history is in {kept}", flush=True)
        return result
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def planted(seed: int) -> int:
    """Plant each bug in turn; print which invariant caught it."""
    missed = 0
    print("| planted bug | run | must break | broken | caught |\n|---|---|---:|---|---|")
    for name, weakness in (WEAKNESSES | TRAFFIC_WEAKNESSES).items():
        with tempfile.TemporaryDirectory(prefix="doorward-judge-") as directory:
            result = await judge(
                weakness.caught_by,
                weakness.count,
                Path(directory),
                seed=seed,
                weakness=name,
                where=weakness.where,
                patience_seconds=weakness.patience_seconds,
            )
        caught = weakness.invariant in result.broken()
        missed += not caught
        broken = ", ".join(map(str, sorted(result.broken())))
        print(f"| {name} | {weakness.caught_by} | {weakness.invariant} | {broken} | {'yes' if caught else 'NO'} |")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
