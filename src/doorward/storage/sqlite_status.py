"""Facts about a SQLite database file, for the operator. Reads only, beside any number of writers."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from doorward.errors import Unavailable
from doorward.oauth.records import RECORD_TYPES
from doorward.storage.sqlite_schema import table_name


def read_status(path: Path) -> dict[str, object]:
    """Return path, schema version, sizes and the number of records of each kind.

    Raises:
        Unavailable: the file cannot be read.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:

            def number(sql: str) -> int:
                return int(connection.execute(sql).fetchone()[0])

            log = path.with_name(path.name + "-wal")
            return {
                "path": str(path),
                "schema_version": number("PRAGMA user_version"),
                "size_bytes": path.stat().st_size,
                "log_bytes": log.stat().st_size if log.exists() else 0,
                "free_bytes": number("PRAGMA freelist_count") * number("PRAGMA page_size"),
                # Table names come from RECORD_TYPES, none from outside.
                "records": {
                    each.kind: number(f"SELECT count(*) FROM {table_name(each)}")  # noqa: S608
                    for each in RECORD_TYPES
                },
            }
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(f"{path} cannot be read: {error}") from error
