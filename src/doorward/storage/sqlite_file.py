"""The database file: created private, opened with durable settings, and refused with a reason.

Does not know records; `sqlite_schema.py` migrates the schema.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from pathlib import Path

from doorward.errors import Problem, StartError
from doorward.storage.private_files import make_directory, start_error, tighten
from doorward.storage.sqlite_schema import migrate, packaged_migrations

_RETRY_SECONDS = 0.01
_READER_TIMEOUT_MS = 250
_PRAGMAS = (
    "PRAGMA synchronous = FULL",  # acknowledged is durable: an fsync at each commit
    "PRAGMA cache_size = -16384",  # KiB: the inner pages of ten million rows; a small file never fills it
    "PRAGMA temp_store = MEMORY",  # no record in a temporary file elsewhere
    "PRAGMA trusted_schema = OFF",
    "PRAGMA journal_size_limit = 67108864",
)
_REASONS: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_NOTADB: (
        "it is not a SQLite database",
        "Check the path. To start over, move the file away.",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "it is damaged",
        "Restore a backup. To start over, move the file away.",
    ),
    sqlite3.SQLITE_BUSY: (
        "another program keeps it locked",
        "End the program that holds it (a backup, an open `sqlite3` shell), then start again.",
    ),
    sqlite3.SQLITE_FULL: (
        "the disk is full",
        "Free some space, then start again.",
    ),
    sqlite3.SQLITE_READONLY: (
        "this account may not write it",
        "Give this account the right to write the file and its directory, or choose another place with --data-dir.",
    ),
}
_OTHER_REASON = (
    "this account or this file system does not allow it",
    "Give this account the right to read and write the file and its directory, or choose a directory on a local disk.",
)


def open_database(path: Path, lock_timeout_seconds: float) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """Return a reading and a writing connection to a migrated database, which is created if it does not exist.

    Raises:
        StartError: the file or its directory cannot be used.
    """
    path = path.absolute()
    _prepare(path)
    deadline = time.monotonic() + lock_timeout_seconds
    while True:
        try:
            return _open_once(path, lock_timeout_seconds)
        except sqlite3.Error as error:
            # SQLite's busy timeout does not cover every lock: processes that create the file at once may see BUSY.
            if _primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise _refusal(path, error) from error
            time.sleep(_RETRY_SECONDS)


def _open_once(path: Path, lock_timeout_seconds: float) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    with contextlib.ExitStack() as on_failure:
        writer = on_failure.enter_context(contextlib.closing(connect(path)))
        use_write_ahead_log(writer)
        migrate(writer, packaged_migrations())
        reader = on_failure.enter_context(contextlib.closing(connect(path)))
        # A reader waits only during the rare recovery of the log, and it waits on the event loop.
        reader.execute(f"PRAGMA busy_timeout = {min(_READER_TIMEOUT_MS, int(lock_timeout_seconds * 1000))}")
        on_failure.pop_all()
    return reader, writer


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection in autocommit mode with no busy timeout; one thread at a time may use it."""
    connection = sqlite3.connect(
        path.absolute(), timeout=0, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    with contextlib.ExitStack() as on_failure:
        on_failure.enter_context(contextlib.closing(connection))
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        on_failure.pop_all()
    return connection


def use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging, in which readers and the writer do not block each other. Raises `StartError`."""
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StartError(
            Problem(
                what=f"The database cannot use a write-ahead log here (SQLite chose the mode {mode!r}).",
                why="Without it, several processes cannot share the file safely.",
                fix="Put the database on a local disk, not on a network file system.",
            )
        )


def _prepare(path: Path) -> None:
    make_directory(path.parent)
    if path.is_dir():
        raise StartError(
            Problem(
                what=f"The database {path} is a directory.",
                why="SQLite keeps its data in one file.",
                fix=f"Name a file, such as sqlite:///{path / 'doorward.sqlite'}",
            )
        )
    try:
        # SQLite's log files inherit this mode. Don't open an existing file here: closing it would drop the locks that
        # this process may hold on it.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        for suffix in ("", "-wal", "-shm"):
            tighten(path.with_name(path.name + suffix))
    except OSError as error:
        raise start_error(f"The database {path} cannot be created", error) from error


def _primary_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _refusal(path: Path, error: sqlite3.Error) -> StartError:
    why, fix = _REASONS.get(_primary_code(error), _OTHER_REASON)
    return StartError(Problem(what=f"The database {path} cannot be opened: {why}.", why=f"SQLite: {error}.", fix=fix))
