"""A judgement on paper: one table, what it ran on, what a clean count proves, and what was not tried."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from judge.checker import NAMES
from judge.judging import Result

import doorward

ROOT = Path(__file__).resolve().parents[2]
SYNCS = 200
NOT_TRIED = (
    "real power loss, torn sectors and lost unsynced writes (no such device here)",
    "several machines, their clocks and the network between them",
    "other file systems and operating systems than the one named above",
    "real identity providers and the closed clients of vendors",
)


def render(results: Sequence[Result], *, seed: int, database: str, absent: Iterable[str] = ()) -> str:
    """Return the whole report in Markdown."""
    return "\n\n".join([_table(results), _coverage(results), _ground(seed, database), _BOUNDS, _not_tried(absent)])


def _table(results: Sequence[Result]) -> str:
    lines = [
        "| run | cases | operations | breaks | failure rate below | unknown, resolved | seconds |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for each in results:
        verdict = each.verdict
        lines.append(
            f"| {each.name} | {each.cases:,} | {verdict.operations:,} | {len(verdict.breaks)}"
            f" | {_bound(each)} | {verdict.unknown:,}, {verdict.resolved:,} | {each.seconds:.1f} |"
        )
    return "\n".join(lines)


def _coverage(results: Sequence[Result]) -> str:
    lines = ["| invariant | put to the test | broken |", "|---|---:|---:|"]
    for number, name in NAMES.items():
        tested = sum(each.verdict.fed[number] for each in results)
        broken = sum(found.invariant == number for each in results for found in each.verdict.breaks)
        lines.append(f"| {number}. {name} | {tested:,} | {broken} |")
    return "\n".join(lines)


def _ground(seed: int, database: str) -> str:
    # `git` from the path: this is a report about a checkout, read by its owner.
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=Path(doorward.__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"Doorward {doorward.__version__}, commit {commit.stdout.strip() or 'unknown'}, {database}"
        f" (SQLite {sqlite3.sqlite_version}), Python {platform.python_version()}, {platform.system()}"
        f" {platform.release()}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, {_syncs_per_second():.0f} fdatasync/s,"
        f" seed {seed}, {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC."
    )


def _syncs_per_second() -> float:
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"doorward-judge-sync-{os.getpid()}"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        began = time.monotonic()
        for _ in range(SYNCS):
            os.write(handle, bytes(4096))
            os.fdatasync(handle)
        return SYNCS / (time.monotonic() - began)
    finally:
        os.close(handle)
        path.unlink()


def _bound(result: Result) -> str:
    """Return the failure rate per case that a run without a break excludes with 95 % confidence: the rule of three."""
    return f"{3 / result.cases:.3%}" if result.cases and not result.verdict.breaks else "-"


_BOUNDS = (
    "A count without a break is a bound, not a proof: with 95 % confidence, fewer than 3 in N of such cases fail (rule"
    " of three). A case is one race, kill, cut or request as the run makes them."
)


def _not_tried(absent: Iterable[str]) -> str:
    return "Not tried: " + "; ".join([*absent, *NOT_TRIED]) + "."


def keep_history(result: Result, results_dir: Path) -> Path:
    """Copy the history, the logs and the list of breaks of a failed run to where they survive."""
    target = results_dir / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{result.name}"
    target.mkdir(parents=True)
    for path in (*result.directory.glob("*.jsonl"), *result.directory.glob("*.log")):
        shutil.copy(path, target)
    (target / "breaks.txt").write_text("\n".join(map(str, result.verdict.breaks)) + "\n")
    return target
