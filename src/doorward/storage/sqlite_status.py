"""Status of a SQLite database file for operators, and a backup of it. Only reads, and blocks no writer."""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from doorward.errors import Problem, StartError, Unavailable
from doorward.records.kinds import RECORD_TYPES
from doorward.storage.private_files import start_error, sync_directory
from doorward.storage.tables import plain_name


def read_status(path: Path) -> dict[str, object]:
    """Return path, schema version, sizes and the number of records of each kind.

    Raises:
        Unavailable: the file cannot be read.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:

            def number(sql: str) -> int:
                return int(connection.execute(sql).fetchone()[0])

            known = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
            log = path.with_name(path.name + "-wal")
            return {
                "path": str(path),
                "schema_version": number("PRAGMA user_version"),
                "size_bytes": path.stat().st_size,
                "log_bytes": log.stat().st_size if log.exists() else 0,
                "free_bytes": number("PRAGMA freelist_count") * number("PRAGMA page_size"),
                # Table names come from RECORD_TYPES, never from a request.
                "records": {
                    each.kind: number(f"SELECT count(*) FROM {plain_name(each)}")  # noqa: S608
                    for each in RECORD_TYPES
                    if plain_name(each) in known
                },
            }
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(f"{path} cannot be read: {error}") from error


def read_version(path: Path) -> int:
    """Return the number of the last migration, or 0 if there was none. Raises `Unavailable`."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error as error:
        raise Unavailable(f"{path} cannot be read: {error}") from error


def write_backup(path: Path, target: Path) -> None:
    """Write a consistent copy of the database, even while it is in use, to a new file that only this account can read.

    Raises:
        StartError: the file exists already, or cannot be written.
        Unavailable: the database cannot be read.
    """
    if target.exists():
        raise StartError(
            Problem(f"{target} exists already", "An older backup may be the only good one.", "Name another file.")
        )
    partial = target.with_name(f"{target.name}.{secrets.token_hex(8)}")
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            _copy(path, partial)
            os.link(partial, target)
        finally:
            partial.unlink()
        sync_directory(target.absolute().parent)
    except OSError as error:
        raise start_error(f"The backup {target} cannot be written", error) from error


def _copy(path: Path, target: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
    except sqlite3.Error as error:
        raise Unavailable(f"{path} cannot be copied: {error}") from error
    descriptor = os.open(target, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
