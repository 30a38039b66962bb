from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from storage.samples import least

from doorward.errors import StartError
from doorward.records.changes import Insert
from doorward.records.kinds import RECORD_TYPES
from doorward.records.oauth import Client, Grant
from doorward.storage.sqlite_schema import (
    APPLICATION_ID,
    TABLES,
    find_sql,
    migrate,
    packaged_migrations,
    page_sql,
    step_for,
)
from doorward.storage.tables import plain_name

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture
def connection():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


def version_of(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA user_version").fetchone()[0]


def tables_of(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def test_the_migrations_lead_to_a_table_for_every_record_kind_and_no_other(connection):
    migrate(connection, packaged_migrations())
    assert tables_of(connection) == {plain_name(each) for each in RECORD_TYPES}
    assert version_of(connection) == len(packaged_migrations())


@pytest.mark.parametrize("record_type", RECORD_TYPES, ids=lambda each: each.kind)
def test_no_statement_of_a_request_reads_a_whole_table(connection, record_type):
    migrate(connection, packaged_migrations())
    table = TABLES[record_type]
    statements = [table.get, table.expect, table.delete, table.purge]
    statements += [find_sql(record_type, (name,)) for name in record_type.indexes]
    for sql in statements:
        plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", ("x",) * sql.count("?")))
        assert "SCAN" not in plan, f"{sql}: {plan}"


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("record_type", RECORD_TYPES, ids=lambda each: each.kind)
def test_a_page_is_read_in_the_order_of_an_index_and_nothing_is_sorted(connection, record_type, first):
    migrate(connection, packaged_migrations())
    for index in (None, *(record_type.indexes if record_type.order_field else ())):
        sql = page_sql(record_type, index, first=first)
        plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", (1,) * sql.count("?")))
        assert "USING INDEX" in plan, f"{sql}: {plan}"
        assert "TEMP B-TREE" not in plan, f"{sql}: {plan}"
        # Where the page begins is looked up; only a first page of everything has no beginning.
        assert "SEARCH" in plan or (first and index is None), f"{sql}: {plan}"
        assert first or ("(created_at,key)>(?,?)" if record_type.order_field else "key>?") in plan, f"{sql}: {plan}"


def test_what_was_stored_before_there_were_pages_is_on_the_first_ones(connection):
    migrate(connection, packaged_migrations()[:7])
    for key in ("old b", "old a"):
        connection.execute(
            "INSERT INTO record_client (key, version, expires_at, source, body) VALUES (?, 1, NULL, 'registered', ?)",
            (key, msgspec.msgpack.encode(least(Client, key, source="registered"))),
        )
    migrate(connection, packaged_migrations())
    connection.execute(*step_for(Insert(least(Client, "new", source="registered")))[:2])
    for index in (None, "source"):
        bound = ("registered",) if index else ()
        rows = connection.execute(page_sql(Client, index, first=False), (*bound, 0, "old a", 9)).fetchall()
        assert [TABLES[Client].decode(body).key for _, _, body in rows] == ["old b", "new"]


@pytest.mark.parametrize("names", [("user_id", "client_id"), ("client_id", "user_id")])
def test_of_several_indexes_the_one_that_is_named_first_is_read(connection, names):
    migrate(connection, packaged_migrations())
    plan = connection.execute(f"EXPLAIN QUERY PLAN {find_sql(Grant, names)}", ("x", "y")).fetchall()
    assert [row[3] for row in plan] == [f"SEARCH record_grant USING INDEX record_grant_by_{names[0]} ({names[0]}=?)"]


def test_migrating_twice_changes_nothing(connection):
    migrate(connection, packaged_migrations())
    before = connection.execute("SELECT * FROM sqlite_schema").fetchall()
    migrate(connection, packaged_migrations())
    assert connection.execute("SELECT * FROM sqlite_schema").fetchall() == before


def test_a_later_migration_is_added_to_an_older_database(connection):
    migrate(connection, ["CREATE TABLE a (x);"])
    connection.execute("INSERT INTO a VALUES ('kept')")
    migrate(connection, ["CREATE TABLE a (x);", "-- a reason; with a semicolon\nCREATE TABLE b (x);"])
    assert tables_of(connection) == {"a", "b"}
    assert connection.execute("SELECT x FROM a").fetchone() == ("kept",)
    assert version_of(connection) == 2


def test_a_migration_that_fails_leaves_nothing_and_can_be_done_again(connection):
    broken = "CREATE TABLE b (x);\nCREATE TABLE a (x);\n"
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate(connection, ["CREATE TABLE a (x);", broken])
    assert (tables_of(connection), version_of(connection)) == ({"a"}, 1)
    migrate(connection, ["CREATE TABLE a (x);", "CREATE TABLE b (x);"])
    assert (tables_of(connection), version_of(connection)) == ({"a", "b"}, 2)


def test_a_database_of_a_newer_version_is_refused_and_left_alone(connection):
    migrate(connection, [*packaged_migrations(), "CREATE TABLE later (x);"])
    with pytest.raises(StartError) as caught:
        migrate(connection, packaged_migrations())
    assert "newer Doorward" in caught.value.problem.what
    assert "backup" in caught.value.problem.fix
    assert "later" in tables_of(connection)
    assert not connection.in_transaction


@pytest.mark.parametrize(
    "script",
    ["CREATE TABLE theirs (x)", "PRAGMA user_version = 1", "PRAGMA application_id = 7"],
    ids=["has tables", "has a version", "has another id"],
)
def test_the_database_of_another_program_is_refused(connection, script):
    connection.execute(script)
    with pytest.raises(StartError, match="another program"):
        migrate(connection, packaged_migrations())
    assert plain_name(RECORD_TYPES[0]) not in tables_of(connection)


def test_the_file_says_whose_it_is(connection):
    migrate(connection, packaged_migrations())
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


def test_a_migration_killed_at_any_statement_is_finished_by_the_next_start(tmp_path):
    result = subprocess.run(
        [sys.executable, PROGRAMS / "kill_migrations.py", tmp_path], check=True, capture_output=True, text=True
    )
    assert int(result.stdout) > 20
