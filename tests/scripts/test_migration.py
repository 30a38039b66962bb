"""Migrations are written from the record types, for both databases, and drift between them is named."""

from __future__ import annotations

import dataclasses

import pytest
from migration import POSTGRES, SQLITE, additions, built_by_postgres, built_by_sqlite, drift, main, unfilled, write

from doorward.records.kinds import RECORD_TYPES
from doorward.storage import postgres_migrations, sqlite_schema
from doorward.storage.postgres_connection import connect
from doorward.storage.tables import Index, table_of

TABLES = [table_of(each) for each in RECORD_TYPES]
SCRIPTS = sqlite_schema.packaged_migrations()


@pytest.mark.parametrize("number", range(1, len(SCRIPTS)))
def test_what_an_older_database_lacks_is_written_for_sqlite(number):
    built = built_by_sqlite(SCRIPTS[:number])
    assert drift(built, TABLES, SQLITE)
    script = "\n".join(additions(built, TABLES, SQLITE))
    assert not drift(built_by_sqlite([*SCRIPTS[:number], script]), TABLES, SQLITE)


def test_all_tables_can_be_written_for_sqlite():
    script = "\n".join(additions({}, TABLES, SQLITE))
    assert not drift(built_by_sqlite([script]), TABLES, SQLITE)


@pytest.mark.parametrize("number", [1, 7])
async def test_what_an_older_database_lacks_is_written_for_postgres(postgres_url, number):
    connection = await connect(postgres_url)
    await postgres_migrations.migrate(connection, postgres_migrations.packaged_migrations()[:number])
    assert drift(await built_by_postgres(connection), TABLES, POSTGRES)
    await connection.execute("\n".join(additions(built_by_sqlite(SCRIPTS[:number]), TABLES, POSTGRES)))
    found = drift(await built_by_postgres(connection), TABLES, POSTGRES)
    await connection.close()
    assert not found


def changed(name, **facts):
    return [dataclasses.replace(each, **facts) if each.name == name else each for each in TABLES]


@pytest.mark.parametrize(
    ("tables", "line"),
    [
        (TABLES[1:], "record_client: the record types have no such table"),
        (
            changed("record_user", columns={**TABLES[1].columns, "email": "index"}),
            "record_user: column email is None, and the record type says ('TEXT', False, None)",
        ),
        (changed("record_user", indexes={}), "record_user: index record_user_by_expires_at is Index("),
        (
            changed("record_user", indexes={"record_user_by_expires_at": Index(("expires_at",), None)}),
            "record_user: index record_user_by_expires_at is Index(",
        ),
        (changed("record_user", columns={**TABLES[1].columns, "body": "index"}), "record_user: column body is ('BLOB'"),
    ],
)
def test_drift_is_named(tables, line):
    (found,) = drift(built_by_sqlite(SCRIPTS), tables, SQLITE)
    assert found.startswith(line)


def test_a_pair_has_one_name_and_nothing_is_written_twice(tmp_path):
    dialects = [
        dataclasses.replace(SQLITE, folder=tmp_path / "a"),
        dataclasses.replace(POSTGRES, folder=tmp_path / "b"),
    ]
    for dialect in dialects:
        dialect.folder.mkdir()
    columns = {**TABLES[1].columns, "email": "index"}
    indexes = {**TABLES[1].indexes, "record_user_by_email": Index(("email",), "email")}
    tables, built = changed("record_user", columns=columns, indexes=indexes), built_by_sqlite(SCRIPTS)
    paths = write("0099_people_by_address", built, tables, dialects)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        "a/0099_people_by_address.sql",
        "b/0099_people_by_address.sql",
    ]
    assert paths[1].read_text() == (
        "-- People by address.\n\nALTER TABLE doorward.record_user ADD COLUMN email bytea;\n"
        "CREATE INDEX record_user_by_email ON doorward.record_user (email)\n    WHERE email IS NOT NULL;\n"
    )
    assert unfilled(built, tables) == ["record_user.email"]
    after = built_by_sqlite([*SCRIPTS, paths[0].read_text()])
    assert not drift(after, tables, SQLITE)
    assert write("0100_again", after, tables, dialects) == []


def test_without_a_change_no_file_is_written(capsys):
    assert main(["nothing_new"]) == 0
    assert capsys.readouterr().out == "The migrations make what the record types say; there is nothing to add.\n"
    assert sqlite_schema.packaged_migrations() == SCRIPTS


@pytest.mark.parametrize("arguments", [[], ["A name"], ["../x"]])
def test_a_migration_has_a_name(arguments, capsys):
    assert main(arguments) == 2
    assert "make migration NAME=" in capsys.readouterr().out
