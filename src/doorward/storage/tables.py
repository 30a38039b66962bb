"""The tables that the record types need: columns and indexes, the same in every database.

A migration adds what a database lacks. `make migration` generates it from here, and tests compare the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from doorward.records.record import Record

ColumnKind = Literal["key", "version", "expiry", "index", "order", "body"]
ROOM_FOR_UPDATES = 80
"""Initial fill of a PostgreSQL page, in percent, so that an updated row fits into the same page."""
FILL: Mapping[str, int] = {"audit_entry": 100, "audit_head": 50}
"""Other fill factors: audit entries never change, and the audit head always does."""


@dataclass(frozen=True, slots=True)
class Index:
    """An index of a table."""

    columns: tuple[str, ...]
    only: str | None
    """The column that must have a value in the rows of a partial index; None: all rows are in the index."""


@dataclass(frozen=True, slots=True)
class Table:
    """The table of one record kind, without the name of a schema."""

    name: str
    columns: Mapping[str, ColumnKind]
    """In table order."""
    indexes: Mapping[str, Index]
    fill: int


def plain_name(record_type: type[Record]) -> str:
    """Return the table of a kind; the prefix avoids keywords such as `grant`."""
    return f"record_{record_type.kind}"


def order_columns(record_type: type[Record]) -> tuple[str, ...]:
    """Return the column that orders pages before the key, if the kind has one."""
    return () if record_type.order_field is None else (record_type.order_field,)


def index_name(record_type: type[Record], *columns: str) -> str:
    """Return the name of the index on these columns, without the key that ends it."""
    return f"{plain_name(record_type)}_by_{'_and_'.join(columns)}"


def table_of(record_type: type[Record]) -> Table:
    """Return the table of a record type."""
    order = order_columns(record_type)
    columns: dict[str, ColumnKind] = {"key": "key", "version": "version", "expires_at": "expiry"}
    columns |= dict.fromkeys(record_type.indexes, "index")
    columns |= dict.fromkeys(order, "order")
    columns["body"] = "body"
    indexes = {index_name(record_type, each): Index((each,), each) for each in (*record_type.indexes, "expires_at")}
    if order:
        indexes[index_name(record_type, *order)] = Index((*order, "key"), None)
        for each in record_type.indexes:
            indexes[index_name(record_type, each, *order)] = Index((each, *order, "key"), each)
    return Table(plain_name(record_type), columns, indexes, FILL.get(record_type.kind, ROOM_FOR_UPDATES))
