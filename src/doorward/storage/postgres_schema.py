"""Maps records to PostgreSQL rows: one table per record kind, one statement per decision.

A row repeats only what SQL needs (key, version, expiry, indexes); its body is the whole record in MessagePack, as in
SQLite. Keys and indexes are `bytea`: any string fits (`text` cannot hold NUL), and no collation affects their order.

A decision is one statement, hence one transaction and one round trip. Its changes are common table expressions. The
final SELECT evaluates them in key order, so that no two decisions lock rows in opposite orders, and raises
`doorward.conflict()` at the first one that found no row. READ COMMITTED suffices, because a decision names every row
that it relies on. An `UPDATE` or `FOR SHARE` with `version = $n` that waited for another transaction rechecks the row
as that transaction left it.

`DeleteAll` names no rows, so its snapshot must not be older than the lock on its grant: it is a statement of its own,
after the row conditions. A transaction that issues a token holds `FOR SHARE` on the grant until it commits. Either the
revocation waits for that and then sees the token, or the issuer waits for the revocation and then conflicts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any, Literal, NamedTuple

import msgspec

from doorward.records.changes import Change, Delete, DeleteAll, Expect, Insert, Replace
from doorward.records.kinds import RECORD_TYPES
from doorward.records.record import Record
from doorward.storage.port import refuse_unknown_indexes
from doorward.storage.tables import order_columns, plain_name

SCHEMA = "doorward"
CONFLICT = "DW001"
"""SQLSTATE that `doorward.conflict()` raises."""
PURGE_ROWS = 500
"""Rows removed in one transaction, so that a purge of millions of rows blocks no one."""
PAGE_ROWS = 5000
_LONGEST_KEY_BYTES = 1000
"""A PostgreSQL index entry holds about 2700 bytes; longer keys are replaced by their digest."""
_CHANGES_PER_STATEMENT = 16
_INSTANT_BITS = 63

_RANK: dict[type[Record], int] = {each: number for number, each in enumerate(RECORD_TYPES)}
_encode = msgspec.msgpack.Encoder().encode
DECODE: dict[type[Record], Callable[[bytes], Any]] = {
    each: msgspec.msgpack.Decoder(each).decode for each in RECORD_TYPES
}

Verb = Literal["expect", "replace", "delete", "insert", "delete_all"]
Part = tuple[Verb, type[Record], str]
"""A change without its values; the string is the index of a `DeleteAll`."""


class Statement(NamedTuple):
    """SQL and its parameters. It returns a row, or none (or `CONFLICT`) if a row that it names is not as expected."""

    sql: str
    parameters: tuple[Any, ...]


def table_name(record_type: type[Record]) -> str:
    """Return the table of a kind, always with its schema, so that no search path can redirect it."""
    return f"{SCHEMA}.{plain_name(record_type)}"


def encoded(text: str) -> bytes:
    """Return a key or index value as stored in its column."""
    value = text.encode()
    if 0 < len(value) <= _LONGEST_KEY_BYTES:
        return value
    # No UTF-8 string begins with 0xff, so no other key equals it. The record in the body has the real key. The empty
    # key is replaced too, because reading a table page by page starts after it.
    return b"\xff" + hashlib.sha256(value).digest()


GET: dict[type[Record], str] = {
    each: f"SELECT version, body FROM {table_name(each)} WHERE key = $1"  # noqa: S608 (as everywhere here: our names)
    for each in RECORD_TYPES
}
PAGE: dict[type[Record], str] = {
    each: f"SELECT key, version, body FROM {table_name(each)} WHERE key > $1 ORDER BY key LIMIT {PAGE_ROWS}"  # noqa: S608
    for each in RECORD_TYPES
}
PURGE: dict[type[Record], str] = {
    # The next purge deletes rows that another process is changing now.
    each: f"DELETE FROM {table_name(each)} WHERE key = ANY (ARRAY(SELECT key FROM {table_name(each)}"  # noqa: S608
    f" WHERE expires_at < $1 LIMIT {PURGE_ROWS} FOR UPDATE SKIP LOCKED))"
    for each in RECORD_TYPES
}


@cache
def find_sql(record_type: type[Record], names: tuple[str, ...]) -> str:
    """Return the query for records whose indexes have given values (`ValueError`: no such index)."""
    refuse_unknown_indexes(record_type, names)
    condition = " AND ".join(f"{name} = ${number}" for number, name in enumerate(names, start=1))
    return f"SELECT version, body FROM {table_name(record_type)} WHERE {condition}"  # noqa: S608


@cache
def page_sql(record_type: type[Record], index: str | None, limit: int) -> str:
    """Return the query for a page; its parameters are the value of the index, and the place after which it begins.

    The limit is part of the SQL, because plans are made without parameters. The value is given as a range: an equality
    would let the planner use the order of another index and read rows that do not match.
    """
    ordered_by = order_columns(record_type)
    columns = (*((index,) if index else ()), *ordered_by, "key")
    order, marks = ", ".join(columns), ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    where = f"({order}) > ({marks})" + (f" AND {index} <= $1" if index else "")
    at = (*ordered_by, "0::bigint")[0]
    return f"SELECT {at}, version, body FROM {table_name(record_type)} WHERE {where} ORDER BY {order} LIMIT {limit}"  # noqa: S608


def statements_for(changes: Sequence[Change]) -> list[Statement]:
    """Translate one decision into statements; more than one need a transaction around them.

    Changes keep their order if it matters: only changes of different rows share a statement.
    """
    groups = list(_groups(changes))
    statements = [_statement(group) for group in groups]
    conditions = [number for number, group in enumerate(groups) if not _removes_by_index(group)]
    if len(conditions) > 1 or (conditions and conditions[0] > 0):
        rows = [change for change in changes if isinstance(change, Replace | Delete | Expect)]
        statements[:0] = _locks(rows)
    return statements


def _groups(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """Split changes into runs for one statement each: a `DeleteAll` alone, or changes of different rows."""
    group: list[Change] = []
    rows: set[tuple[type[Record], str]] = set()
    for change in changes:
        row = None if isinstance(change, DeleteAll) else _row(change)
        full = len(group) == _CHANGES_PER_STATEMENT
        if group and (full or row in rows or (row is None) != _removes_by_index(group)):
            yield group
            group, rows = [], set()
        group.append(change)
        if row is not None:
            rows.add(row)
    if group:
        yield group


def _removes_by_index(group: Sequence[Change]) -> bool:
    return isinstance(group[0], DeleteAll)


def _row(change: Insert | Replace | Delete | Expect) -> tuple[type[Record], str]:
    if isinstance(change, Insert | Replace):
        return type(change.record), change.record.key
    return change.record_type, change.key


def _rank(change: Change) -> tuple[int, str]:
    if isinstance(change, DeleteAll):
        return _RANK[change.record_type], change.value
    record_type, key = _row(change)
    return _RANK[record_type], key


def _statement(group: Sequence[Change]) -> Statement:
    ordered = sorted(group, key=_rank)
    sql = _sql(tuple(_part(change) for change in ordered))
    return Statement(sql, tuple(value for change in ordered for value in _parameters(change)))


def _part(change: Change) -> Part:
    match change:
        case Insert(record):
            return "insert", type(record), ""
        case Replace(record):
            return "replace", type(record), ""
        case Delete(record_type):
            return "delete", record_type, ""
        case DeleteAll(record_type, index):
            refuse_unknown_indexes(record_type, (index,))
            return "delete_all", record_type, index
        case _:
            return "expect", change.record_type, ""


def _parameters(change: Change) -> tuple[Any, ...]:
    match change:
        case Insert(record):
            return (encoded(record.key), *_values(record))
        case Replace(record, version):
            return (encoded(record.key), version, *_values(record))
        case DeleteAll(_, _, value):
            return (encoded(value),)
        case _:
            return (encoded(change.key), change.version)


def _values(record: Record) -> tuple[Any, ...]:
    if record.expires_at is not None and record.expires_at.bit_length() > _INSTANT_BITS:
        raise OverflowError("The expiry of a record does not fit into its column.")
    indexes = [getattr(record, name) for name in record.indexes]
    order = () if record.order_field is None else (record.ordered_at,)
    return (
        record.expires_at,
        *[None if value is None else encoded(value) for value in indexes],
        *order,
        _encode(record),
    )


@lru_cache(maxsize=1024)
def _sql(parts: tuple[Part, ...]) -> str:
    """Return the statement for changes of these kinds; there is one per shape of decision."""
    if len(parts) == 1 and parts[0][0] != "delete_all":
        return _expression(parts[0], 0)[0]
    expressions, checks, used = [], [], 0
    for number, part in enumerate(parts):
        sql, count = _expression(part, used)
        used += count
        expressions.append(f"c{number} AS ({sql})")
        if part[0] != "delete_all":
            checks.append(f"WHEN NOT EXISTS (SELECT FROM c{number}) THEN {SCHEMA}.conflict()")
    final = f"CASE {' '.join(checks)} ELSE true END" if checks else "true"
    return f"WITH {', '.join(expressions)} SELECT {final}"


def _expression(part: Part, used: int) -> tuple[str, int]:
    """Return the SQL of one change and its number of parameters; `used` parameters come before it."""
    verb, record_type, index = part
    name = table_name(record_type)
    row = f"key = ${used + 1} AND version = ${used + 2}"
    columns = ("expires_at", *record_type.indexes, *order_columns(record_type), "body")
    match verb:
        case "expect":
            return f"SELECT 1 FROM {name} WHERE {row} FOR SHARE", 2  # noqa: S608
        case "delete":
            return f"DELETE FROM {name} WHERE {row} RETURNING 1", 2  # noqa: S608
        case "delete_all":
            return f"DELETE FROM {name} WHERE {index} = ${used + 1}", 1  # noqa: S608
        case "replace":
            marks = [f"{column} = ${used + 3 + number}" for number, column in enumerate(columns)]
            sql = f"UPDATE {name} SET version = version + 1, {', '.join(marks)} WHERE {row} RETURNING 1"  # noqa: S608
            return sql, 2 + len(columns)
        case "insert":
            marks = [f"${used + 2 + number}" for number in range(len(columns))]
            sql = (
                f"INSERT INTO {name} (key, version, {', '.join(columns)})"  # noqa: S608
                f" VALUES (${used + 1}, floor(random() * 2147483648)::bigint, {', '.join(marks)})"
                " ON CONFLICT (key) DO NOTHING RETURNING 1"
            )
            return sql, 1 + len(columns)


def _locks(rows: Sequence[Replace | Delete | Expect]) -> Iterator[Statement]:
    """Lock the rows of a multi-statement decision, in the order in which every decision locks rows."""
    strength: dict[tuple[type[Record], str], str] = {}
    for change in sorted(rows, key=_rank):
        wanted = "FOR SHARE" if isinstance(change, Expect) else "FOR UPDATE"
        strength[_row(change)] = max(wanted, strength.get(_row(change), wanted))
    wanted_locks = [(*row, wanted) for row, wanted in strength.items()]
    for at in range(0, len(wanted_locks), _CHANGES_PER_STATEMENT):
        some = wanted_locks[at : at + _CHANGES_PER_STATEMENT]
        expressions = [
            f"c{number} AS (SELECT 1 FROM {table_name(record_type)} WHERE key = ${number} {wanted})"  # noqa: S608
            for number, (record_type, _, wanted) in enumerate(some, start=1)
        ]
        evaluated = ", ".join(f"EXISTS (SELECT FROM c{number})" for number in range(1, len(some) + 1))
        yield Statement(f"WITH {', '.join(expressions)} SELECT {evaluated}", tuple(encoded(key) for _, key, _ in some))
