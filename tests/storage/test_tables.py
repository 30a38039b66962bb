"""The tables of both databases are those that the record types ask for, in every column and index."""

from __future__ import annotations

import pytest
from migration import POSTGRES, SQLITE, built_by_postgres, built_by_sqlite, drift

from doorward.records.kinds import RECORD_TYPES
from doorward.records.oauth import Client, SeenProof
from doorward.storage import postgres_migrations, sqlite_schema
from doorward.storage.postgres_connection import connect
from doorward.storage.tables import Index, index_name, table_of

TABLES = [table_of(each) for each in RECORD_TYPES]


def test_the_migrations_of_sqlite_make_what_the_record_types_say():
    found = drift(built_by_sqlite(sqlite_schema.packaged_migrations()), TABLES, SQLITE)
    assert not found, "make migration NAME=what_for\n" + "\n".join(found)


async def test_the_migrations_of_postgres_make_what_the_record_types_say(postgres_url):
    connection = await connect(postgres_url)
    await postgres_migrations.migrate(connection, postgres_migrations.packaged_migrations())
    found = drift(await built_by_postgres(connection), TABLES, POSTGRES)
    await connection.close()
    assert not found, "make migration NAME=what_for\n" + "\n".join(found)


def test_a_table_repeats_what_sql_must_see_and_keeps_the_record_as_a_whole():
    table = table_of(SeenProof)
    assert dict(table.columns) == {
        "key": "key",
        "version": "version",
        "expires_at": "expiry",
        "minute": "index",
        "body": "body",
    }
    assert dict(table.indexes) == {
        "record_seen_proof_by_minute": Index(("minute",), "minute"),
        "record_seen_proof_by_expires_at": Index(("expires_at",), "expires_at"),
    }


def test_a_kind_that_is_read_in_pages_has_an_index_for_each_order():
    table = table_of(Client)
    assert table.columns["created_at"] == "order"
    assert table.indexes[index_name(Client, "created_at")] == Index(("created_at", "key"), None)
    paged = table.indexes[index_name(Client, "source", "created_at")]
    assert paged == Index(("source", "created_at", "key"), "source")


@pytest.mark.parametrize(("kind", "fill"), [("audit_entry", 100), ("audit_head", 50), ("client", 80)])
def test_a_table_leaves_room_for_the_changes_of_its_rows(kind, fill):
    assert {table.name: table.fill for table in TABLES}[f"record_{kind}"] == fill
