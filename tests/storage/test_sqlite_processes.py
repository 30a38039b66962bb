"""The promises that only real processes can break: racing, being killed, starting at once, running out of disk."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from doorward.records.accounts import User
from doorward.records.changes import Insert
from doorward.records.oauth import AccessToken, Grant
from doorward.storage.sqlite import SqliteStore

PROGRAMS = Path(__file__).parent / "programs"
RACERS = 4
ROUNDS = 25
KILLS = 8


@contextlib.contextmanager
def running(program: str, path: Path, count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Start the program several times at once; end what is left of it."""
    processes = [
        subprocess.Popen(
            [sys.executable, PROGRAMS / program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(count)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def race(processes: list[subprocess.Popen[str]], line: str) -> list[str]:
    for process in processes:
        process.stdin.write(f"{line}\n")
    for process in processes:
        process.stdin.flush()
    return [process.stdout.readline().strip() for process in processes]


async def test_of_many_processes_on_one_version_exactly_one_wins(tmp_path):
    path = tmp_path / "doorward.sqlite"
    # All of them create and migrate the one file at the same moment.
    with running("race.py", path, RACERS) as processes:
        assert [process.stdout.readline().strip() for process in processes] == ["ready"] * RACERS
        store = SqliteStore(path)
        await store.open()
        await store.apply([Insert(User(user_id="contested", created_at=0))])
        for number in range(ROUNDS):
            stored = await store.get(User, "contested")
            assert stored is not None
            outcomes = race(processes, f"replace contested {stored.version}")
            assert sorted(outcomes) == ["lost"] * (RACERS - 1) + ["won"]
            # What another process has acknowledged is visible here at once.
            now = await store.get(User, "contested")
            assert now is not None
            assert now.record.created_at == processes[outcomes.index("won")].pid
            assert sorted(race(processes, f"insert new-{number}")) == ["lost"] * (RACERS - 1) + ["won"]
        await store.close()
        for process in processes:
            process.stdin.close()
            assert process.wait() == 0
            process.stdin = None


async def test_after_a_kill_everything_acknowledged_is_there_and_nothing_half_done(tmp_path):
    path = tmp_path / "doorward.sqlite"
    acknowledged: set[str] = set()
    for _ in range(KILLS):
        with running("write_until_killed.py", path, 2) as processes:
            for process in processes:
                acknowledged.update(process.stdout.readline().strip() for _ in range(random.randint(1, 200)))
            for process in processes:
                process.kill()
            for process in processes:
                # A last line that was cut short by the kill was not acknowledged.
                acknowledged.update(line.strip() for line in process.stdout if line.endswith("\n"))
    store = SqliteStore(path)
    await store.open()
    grants = {each.record.key for each in await store.find(Grant)}
    tokens = {each.record.key for each in await store.find(AccessToken)}
    await store.close()
    assert len(acknowledged) >= KILLS * 2
    assert acknowledged <= grants
    assert grants == tokens
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("attempt", range(3))
def test_processes_that_start_at_once_on_a_new_directory_all_succeed(tmp_path, attempt):
    with running("race.py", tmp_path / "new" / "doorward.sqlite", 5) as processes:
        assert [process.stdout.readline().strip() for process in processes] == ["ready"] * 5


def test_a_full_disk_is_unavailable_loses_nothing_and_heals(tmp_path):
    result = subprocess.run(
        [sys.executable, PROGRAMS / "fill_the_disk.py", tmp_path / "doorward.sqlite"],
        check=True,
        capture_output=True,
        text=True,
    )
    outcome = json.loads(result.stdout)
    assert outcome.pop("acknowledged") > 10
    assert outcome == {"readable_when_full": True, "refused_visible": [], "kept": True}
