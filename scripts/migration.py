"""Write the pair of migrations that brings databases to what the record types say: `make migration NAME=what_for`.

It adds tables, columns and indexes. It never removes or changes any: old and new programs work on one database while
nodes are replaced one by one.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import doorward.storage
from doorward.records.kinds import RECORD_TYPES
from doorward.storage.postgres_schema import SCHEMA
from doorward.storage.sqlite_schema import migrate, packaged_migrations
from doorward.storage.tables import ColumnKind, Index, Table, table_of

MIGRATIONS = Path(doorward.storage.__file__).parent / "migrations"
Column = tuple[str, bool, str | None]
"""Type, whether it must have a value, and its default."""


@dataclass(frozen=True, slots=True)
class Built:
    """A table as a database has it."""

    columns: Mapping[str, Column]
    indexes: Mapping[str, Index]
    fill: int | None = None
    """None: this database has no such thing."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one database spells tables."""

    folder: Path
    prefix: str
    types: Mapping[ColumnKind, Column]
    has_fill: bool

    def wanted(self, table: Table) -> Built:
        """Return what the database is to have."""
        columns = {name: self.types[kind] for name, kind in table.columns.items()}
        return Built(columns, table.indexes, table.fill if self.has_fill else None)

    def column(self, name: str, kind: ColumnKind) -> str:
        """Return a column as it is declared."""
        spelling, needed, default = self.types[kind]
        words = [name, spelling, "NOT NULL" * needed, f"DEFAULT {default}" if default else ""]
        return " ".join([word for word in words if word] + ["PRIMARY KEY"] * (kind == "key"))

    def create(self, table: Table) -> str:
        """Return the statement that makes a table."""
        columns = ",\n    ".join(self.column(*each) for each in table.columns.items())
        fill = f" WITH (fillfactor = {table.fill})" if self.has_fill else ""
        return f"CREATE TABLE {self.prefix}{table.name} (\n    {columns}\n){fill};"

    def add(self, table: Table, column: str) -> str:
        """Return the statement that adds a column."""
        return f"ALTER TABLE {self.prefix}{table.name} ADD COLUMN {self.column(column, table.columns[column])};"

    def index(self, table: Table, name: str) -> str:
        """Return the statement that makes an index."""
        index = table.indexes[name]
        only = f"\n    WHERE {index.only} IS NOT NULL" if index.only else ""
        return f"CREATE INDEX {name} ON {self.prefix}{table.name} ({', '.join(index.columns)}){only};"


SQLITE = Dialect(
    MIGRATIONS,
    "",
    {
        "key": ("TEXT", True, None),
        "version": ("INTEGER", True, None),
        "expiry": ("INTEGER", False, None),
        "index": ("TEXT", False, None),
        "order": ("INTEGER", True, "0"),
        "body": ("BLOB", True, None),
    },
    has_fill=False,
)
POSTGRES = Dialect(
    MIGRATIONS / "postgres",
    f"{SCHEMA}.",
    {
        "key": ("bytea", True, None),
        "version": ("bigint", True, None),
        "expiry": ("bigint", False, None),
        "index": ("bytea", False, None),
        "order": ("bigint", True, "0"),
        "body": ("bytea", True, None),
    },
    has_fill=True,
)


def read_index(sql: str) -> Index:
    """Read an index from its statement, as either database shows it."""
    found = re.search(r" ON [^(]*\(([^)]*)\)(?: WHERE \(?(\w+) IS NOT NULL\)?)?$", " ".join(sql.split()))
    assert found, sql
    return Index(tuple(re.split(r", *", found[1])), found[2])


def built_by_sqlite(migrations: Sequence[str]) -> dict[str, Built]:
    """Return the tables that the migrations make in SQLite."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, migrations)
    tables: dict[str, Any] = {}
    for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        columns = {row[1]: (row[2], bool(row[3]), row[4]) for row in connection.execute(f"PRAGMA table_info({name})")}
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = ?", (name,)
        )
        tables[name] = Built(columns, {index: read_index(sql) for index, sql in indexes})
    connection.close()
    return tables


async def built_by_postgres(connection: Any) -> dict[str, Built]:
    """Return the tables of records that a PostgreSQL database has."""
    tables: dict[str, Any] = {}
    names = "SELECT relname, reloptions FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r'"
    for name, options in await connection.fetch(names, SCHEMA):
        if name == "schema_version":
            continue
        columns = await connection.fetch(
            "SELECT column_name, data_type, is_nullable = 'NO', column_default FROM information_schema.columns"
            " WHERE table_schema = $1 AND table_name = $2",
            *(SCHEMA, name),
        )
        indexes = await connection.fetch(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = $1 AND tablename = $2", SCHEMA, name
        )
        tables[name] = Built(
            {column: (spelling, needed, default) for column, spelling, needed, default in columns},
            {index: read_index(sql) for index, sql in indexes if index != f"{name}_pkey"},
            int((options or ["fillfactor=100"])[0].removeprefix("fillfactor=")),
        )
    return tables


def drift(built: Mapping[str, Built], tables: Sequence[Table], dialect: Dialect) -> list[str]:
    """Return each difference between a database and the record types, as a line for a person."""
    wanted = {table.name: dialect.wanted(table) for table in tables}
    lines = [f"{name}: the record types have no such table" for name in built if name not in wanted]
    for name, want in wanted.items():
        have = built.get(name, Built({}, {}, want.fill))
        for part, wanted_part, has in (("column", want.columns, have.columns), ("index", want.indexes, have.indexes)):
            lines += [
                f"{name}: {part} {each} is {has.get(each)}, and the record type says {wanted_part.get(each)}"
                for each in sorted({*wanted_part, *has})
                if has.get(each) != wanted_part.get(each)
            ]
        if have.fill != want.fill:
            lines.append(f"{name}: fillfactor is {have.fill}, and {want.fill} is wanted")
    return lines


def additions(built: Mapping[str, Built], tables: Sequence[Table], dialect: Dialect) -> Iterator[str]:
    """Yield the statements that add what a database lacks."""
    for table in tables:
        have = built.get(table.name)
        if have is None:
            yield dialect.create(table)
        else:
            yield from (dialect.add(table, each) for each in table.columns if each not in have.columns)
        known = have.indexes if have else {}
        yield from (dialect.index(table, each) for each in table.indexes if each not in known)


def unfilled(built: Mapping[str, Built], tables: Sequence[Table]) -> list[str]:
    """Return the new columns in which rows that exist already will have no value."""
    return [
        f"{table.name}.{column}"
        for table in tables
        for column in table.columns
        if table.name in built and column not in built[table.name].columns
    ]


def write(file: str, built: Mapping[str, Built], tables: Sequence[Table], dialects: Sequence[Dialect]) -> list[Path]:
    """Write the script of each database; none if nothing is missing."""
    paths = []
    for dialect in dialects:
        statements = list(additions(built, tables, dialect))
        if statements:
            path = dialect.folder / f"{file}.sql"
            title = file.partition("_")[2].replace("_", " ").capitalize()
            path.write_text("\n".join([f"-- {title}.", "", *statements, ""]), encoding="utf-8")
            paths.append(path)
    return paths


def main(arguments: Sequence[str]) -> int:
    """Write the pair, and say what is left to a person."""
    if len(arguments) != 1 or not re.fullmatch(r"[a-z][a-z0-9_]*", arguments[0]):
        print("Name what the migration is for: make migration NAME=gateway_servers")
        return 2
    scripts, tables = packaged_migrations(), [table_of(each) for each in RECORD_TYPES]
    built = built_by_sqlite(scripts)
    paths = write(f"{len(scripts) + 1:04}_{arguments[0]}", built, tables, (SQLITE, POSTGRES))
    for path in paths:
        print(path)
    for column in unfilled(built, tables):
        print(f"{column} is empty in rows that exist: add an UPDATE to both scripts if `find` must see them.")
    if not paths:
        print("The migrations make what the record types say; there is nothing to add.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
