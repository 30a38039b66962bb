"""Maps records to SQLite rows: one table per record kind, constant SQL for each verb, and numbered migrations.

A row repeats only what SQL needs (key, version, expiry, indexes); its body is the whole record as a MessagePack map. A
field added by a later release has a default, so an old body still loads; an unknown field is ignored. So the default of
a field is part of the format and never changes.

Does not know threads, files or callers.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal, NamedTuple

import msgspec

from doorward.errors import Problem, StartError
from doorward.records.changes import Change, Delete, DeleteAll, Insert, Replace
from doorward.records.kinds import RECORD_TYPES
from doorward.records.record import Record
from doorward.storage.port import refuse_unknown_indexes
from doorward.storage.tables import index_name, order_columns, plain_name

APPLICATION_ID = 0x444F4F52
"""`DOOR`, in the file header: identifies the database as Doorward's."""
PURGE_ROWS = 500
"""Rows removed in one transaction, so that a purge of millions of rows blocks no one."""

Need = Literal["one_row", "a_match", "nothing"]


class Step(NamedTuple):
    """One statement of a transaction, and what it must find not to be a conflict."""

    sql: str
    parameters: tuple[Any, ...]
    need: Need


@dataclass(frozen=True, slots=True)
class Table:
    """The SQL of one record kind. The strings are constant, so SQLite prepares each once per connection."""

    get: str
    insert: str
    replace: str
    delete: str
    expect: str
    purge: str
    decode: Callable[[bytes], Any]


def _table(record_type: type[Record]) -> Table:
    name = plain_name(record_type)
    columns = ("expires_at", *record_type.indexes, *order_columns(record_type), "body")
    marks = ", ".join("?" for _ in columns)
    assignments = ", ".join(f"{column} = ?" for column in columns)
    # Every name below comes from RECORD_TYPES, none from a request.
    return Table(
        get=f"SELECT version, body FROM {name} WHERE key = ?",  # noqa: S608
        insert=f"INSERT INTO {name} (key, version, {', '.join(columns)})"  # noqa: S608
        f" VALUES (?, random() & 2147483647, {marks}) ON CONFLICT (key) DO NOTHING",
        replace=f"UPDATE {name} SET version = version + 1, {assignments} WHERE key = ? AND version = ?",  # noqa: S608
        delete=f"DELETE FROM {name} WHERE key = ? AND version = ?",  # noqa: S608
        expect=f"SELECT 1 FROM {name} WHERE key = ? AND version = ?",  # noqa: S608
        purge=f"DELETE FROM {name} WHERE key IN"  # noqa: S608
        f" (SELECT key FROM {name} WHERE expires_at < ? LIMIT {PURGE_ROWS})",
        decode=msgspec.msgpack.Decoder(record_type).decode,
    )


TABLES: dict[type[Record], Table] = {each: _table(each) for each in RECORD_TYPES}
_encode = msgspec.msgpack.Encoder().encode


@cache
def find_sql(record_type: type[Record], names: tuple[str, ...]) -> str:
    """Return the query for all records, or for those whose indexes have given values (`ValueError`: no such index)."""
    refuse_unknown_indexes(record_type, names)
    # Without statistics, SQLite may choose any index. The `+` excludes all but the first, which callers choose as the
    # most selective; otherwise it might read every grant of a popular client.
    condition = f" WHERE {' AND +'.join(f'{name} = ?' for name in names)}" if names else ""
    return f"SELECT version, body FROM {plain_name(record_type)}{condition}"  # noqa: S608


@cache
def page_sql(record_type: type[Record], index: str | None, *, first: bool) -> str:
    """Return the query for a page; its parameters: the value of the index, the place after which it begins, a limit.

    It names the index to use, so that SQLite never sorts a table; the key's own index has no name.
    """
    name, ordered_by = plain_name(record_type), order_columns(record_type)
    order = ", ".join((*ordered_by, "key"))
    by = (*((index,) if index else ()), *ordered_by)
    conditions = [f"{index} = ?"] if index else []
    if not first:
        conditions.append(f"({order}) > (?{', ?' * len(ordered_by)})")
    source = f"{name} INDEXED BY {index_name(record_type, *by)}" if by else name
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {(*ordered_by, 0)[0]}, version, body FROM {source}{where} ORDER BY {order} LIMIT ?"  # noqa: S608


@cache
def _delete_all_sql(record_type: type[Record], name: str) -> str:
    refuse_unknown_indexes(record_type, (name,))
    return f"DELETE FROM {plain_name(record_type)} WHERE {name} = ?"  # noqa: S608


def step_for(change: Change) -> Step:
    """Translate one change into its statement."""
    match change:
        case Insert(record):
            return Step(TABLES[type(record)].insert, (record.key, *_values(record)), "one_row")
        case Replace(record, version):
            return Step(TABLES[type(record)].replace, (*_values(record), record.key, version), "one_row")
        case Delete(record_type, key, version):
            return Step(TABLES[record_type].delete, (key, version), "one_row")
        case DeleteAll(record_type, index, value):
            return Step(_delete_all_sql(record_type, index), (value,), "nothing")
        case _:
            return Step(TABLES[change.record_type].expect, (change.key, change.version), "a_match")


def _values(record: Record) -> tuple[Any, ...]:
    named = (*record.indexes, *order_columns(type(record)))
    return (record.expires_at, *[getattr(record, name) for name in named], _encode(record))


def packaged_migrations() -> tuple[str, ...]:
    """Return the migration scripts in order; the n-th one creates schema version n."""
    folder = resources.files("doorward.storage").joinpath("migrations")
    scripts = sorted((each for each in folder.iterdir() if each.name.endswith(".sql")), key=lambda each: each.name)
    return tuple(script.read_text(encoding="utf-8") for script in scripts)


def migrate(connection: sqlite3.Connection, migrations: Sequence[str]) -> None:
    """Migrate to the latest schema, one transaction per migration; any number of processes may do so at once.

    Raises:
        StartError: the database is from a newer version, or belongs to another program.
        sqlite3.Error: the file cannot be read or written.
    """
    for number, script in enumerate(migrations, start=1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            _migrate_one(connection, number, script, newest=len(migrations))
            connection.execute("COMMIT")
        except BaseException:
            connection.rollback()
            raise


def _migrate_one(connection: sqlite3.Connection, number: int, script: str, *, newest: int) -> None:
    # Read the version inside the transaction: another process may have migrated while this one waited for the lock.
    version = _schema_version(connection)
    if version > newest:
        raise StartError(
            Problem(
                what=f"The database was written by a newer Doorward (schema {version}; this one knows {newest}).",
                why="An older program would misread or lose what the newer one stored.",
                fix="Upgrade Doorward, or restore a backup made before the upgrade.",
            )
        )
    if version < number:
        for statement in _statements(script):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {number}")


def _schema_version(connection: sqlite3.Connection) -> int:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application_id != APPLICATION_ID and (application_id or version or objects):
        raise StartError(
            Problem(
                what="The database file belongs to another program.",
                why="Doorward would add its tables to data that is not its own.",
                fix="Name a file that does not exist yet.",
            )
        )
    return int(version)


def _statements(script: str) -> Iterator[str]:
    # Not executescript(): it commits first, and the migration would no longer be one transaction.
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
