"""Migrate, killed at the first, second, third ... statement, and each time migrate again. Prints how often it killed.

It forks, so it is a program of its own, without threads.
"""

# ruff: noqa: T201 (what it prints is its result)
from __future__ import annotations

import os
import signal
import sqlite3
import sys
from pathlib import Path

from doorward.storage.sqlite_file import connect, use_write_ahead_log
from doorward.storage.sqlite_schema import migrate, packaged_migrations


def killed_at(path: Path, statement_number: int) -> bool:
    """Migrate in a child that dies before this statement; return False when it came to an end first."""
    child = os.fork()
    if child == 0:
        left = statement_number

        def count(_statement: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        connection = connect(path)
        use_write_ahead_log(connection)
        connection.set_trace_callback(count)
        migrate(connection, packaged_migrations())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def finish(path: Path) -> list[tuple[str]]:
    """Migrate to the end and return the schema."""
    connection = connect(path)
    migrate(connection, packaged_migrations())
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    schema = connection.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall()
    connection.close()
    return schema


def main() -> None:
    """Kill at every statement in turn."""
    directory = Path(sys.argv[1])
    expected = finish(directory / "whole.sqlite")
    kills = 0
    while killed_at(directory / f"{kills}.sqlite", kills + 1):
        assert finish(directory / f"{kills}.sqlite") == expected
        kills += 1
    assert sqlite3.connect(directory / f"{kills}.sqlite").execute("PRAGMA user_version").fetchone() != (0,)
    print(kills)


if __name__ == "__main__":
    main()
