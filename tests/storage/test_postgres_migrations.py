"""Migrations of PostgreSQL: cut off at each step, done by several nodes at once, and refused when they are newer."""

from __future__ import annotations

import asyncio
import itertools
import re
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from storage.cutting_proxy import cutting_proxy
from storage.samples import least

from doorward.errors import StartError
from doorward.records.changes import Insert
from doorward.records.kinds import RECORD_TYPES
from doorward.records.oauth import Client
from doorward.storage.postgres import PostgresStore
from doorward.storage.postgres_connection import connect
from doorward.storage.postgres_migrations import migrate, packaged_migrations, schema_version
from doorward.storage.postgres_schema import table_name

PROGRAMS = Path(__file__).parent / "programs"
FIRST = """
CREATE SCHEMA doorward; CREATE TABLE doorward.schema_version (version integer NOT NULL);
INSERT INTO doorward.schema_version VALUES (0); CREATE TABLE doorward.a (x text);
"""


@pytest.fixture
async def connection(postgres_url):
    connection = await connect(postgres_url)
    yield connection
    await connection.close()


async def tables_of(connection) -> set[str]:
    rows = await connection.fetch("SELECT 'doorward.' || tablename FROM pg_tables WHERE schemaname = 'doorward'")
    return {row[0] for row in rows}


async def schema_of(url: str) -> list[str]:
    connection = await connect(url)
    rows = await connection.fetch(
        "SELECT format('%s %s %s', table_name, column_name, data_type) FROM information_schema.columns"
        " WHERE table_schema = 'doorward'"
        " UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'doorward' ORDER BY 1"
    )
    version = await schema_version(connection)
    await connection.close()
    return [f"version {version}", *[row[0] for row in rows]]


async def test_the_migrations_lead_to_a_table_for_every_record_kind_and_no_other(connection):
    await migrate(connection, packaged_migrations())
    expected = {table_name(each) for each in RECORD_TYPES} | {"doorward.schema_version"}
    assert await tables_of(connection) == expected
    assert await schema_version(connection) == len(packaged_migrations())


def test_each_migration_has_its_twin_of_the_same_number_for_sqlite():
    folder = resources.files("doorward.storage").joinpath("migrations")
    names = [
        sorted(each.name for each in place.iterdir() if each.name.endswith(".sql"))
        for place in (folder, folder / "postgres")
    ]
    assert names[0] == names[1]
    assert [int(name[:4]) for name in names[1]] == list(range(1, len(names[1]) + 1))


@pytest.mark.parametrize("script", packaged_migrations()[1:], ids=range(2, len(packaged_migrations()) + 1))
def test_a_migration_only_adds_because_older_nodes_still_run(script):
    added: set[tuple[str, str]] = set()
    for statement in re.sub(r"--.*", "", script).split(";"):
        words = " ".join(statement.split())
        if column := re.match(r"ALTER TABLE (\S+) ADD COLUMN (?:IF NOT EXISTS )?(\S+) ", words):
            added.add((column[1], column[2]))
        elif filled := re.match(r"UPDATE (\S+) SET (\S+) = '\w+'::bytea WHERE ", words):
            # Older nodes do not know the column, so filling it changes nothing for them.
            assert (filled[1], filled[2]) in added, words
        else:
            assert not words or re.match(r"CREATE (TABLE|INDEX|FUNCTION) ", words), words


async def chunks_of_a_migration(server) -> int:
    """Migrate through a proxy that cuts nothing, and return how many chunks the program sent."""
    sent: list[bytes] = []
    async with cutting_proxy(server.port) as proxy:
        proxy.cut = sent.append
        store = PostgresStore(server.url(server.new_database(), port=proxy.port))
        await store.open()
        chunks = len(sent)
        await store.close()
    return chunks


def steps_of(chunks: int) -> list[int]:
    """Return each step of the first and the last script, and every third between: the scripts go through one loop."""
    assert chunks > 4 * len(packaged_migrations())
    return [*range(1, 11), *range(11, chunks - 9, 3), *range(chunks - 9, chunks + 1)]


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_migration_cut_off_at_any_step_is_finished_by_the_next_start(postgres_server, moment):
    whole = postgres_server.url(postgres_server.new_database())
    store = PostgresStore(whole)
    await store.open()
    await store.close()
    expected = await schema_of(whole)
    database = postgres_server.new_database()
    for step in steps_of(await chunks_of_a_migration(postgres_server)):
        async with cutting_proxy(postgres_server.port) as proxy:
            left = itertools.count(1)
            proxy.cut = lambda _chunk, left=left, step=step: moment if next(left) == step else None
            cut_off = PostgresStore(postgres_server.url(database, port=proxy.port))
            with pytest.raises(StartError):
                await cut_off.open()
            assert proxy.cuts == 1
        url = postgres_server.url(database)
        store = PostgresStore(url)
        await store.open()
        await store.close()
        assert await schema_of(url) == expected
        await empty(url)


async def empty(url: str) -> None:
    """Remove the schema, once nobody works on it any more. To make a new database takes far longer."""
    connection = await connect(url)
    await connection.execute("SET statement_timeout = 0; DROP SCHEMA doorward CASCADE")
    await connection.close()


def test_a_process_killed_in_the_first_or_last_script_leaves_what_the_next_start_finishes(postgres_url):
    done = subprocess.run(
        [sys.executable, PROGRAMS / "kill_postgres_migrations.py", postgres_url],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    messages, kills = map(int, done.stdout.split())
    # Each script takes at least four messages, so ten of them are more than one whole script.
    assert messages > 4 * len(packaged_migrations())
    assert kills == 2 * 2 * 10


async def test_nodes_that_start_at_once_on_a_new_database_all_succeed(postgres_url):
    stores = [PostgresStore(postgres_url) for _ in range(8)]
    await asyncio.gather(*[store.open() for store in stores])
    await asyncio.gather(*[store.apply([Insert(least(Client, str(n)))]) for n, store in enumerate(stores)])
    assert len(await stores[0].find(Client)) == 8
    await asyncio.gather(*[store.close() for store in stores])


async def test_a_node_goes_on_while_a_newer_one_migrates(postgres_url, connection):
    store = PostgresStore(postgres_url)
    await store.open()
    await store.apply([Insert(least(Client))])
    later = (*packaged_migrations(), "ALTER TABLE doorward.record_client ADD COLUMN later text DEFAULT 'x';")
    await migrate(connection, later)
    await store.apply([Insert(least(Client, "other"))])
    assert await store.get(Client, "key") is not None
    assert len(await store.find(Client)) == 2
    await store.close()


async def test_a_database_of_a_newer_version_is_refused_and_left_alone(postgres_url, connection):
    await migrate(connection, (*packaged_migrations(), "CREATE TABLE doorward.later (x text);"))
    store = PostgresStore(postgres_url)
    with pytest.raises(StartError) as caught:
        await store.open()
    assert "newer Doorward" in caught.value.problem.what
    assert "backup" in caught.value.problem.fix
    assert "doorward.later" in await tables_of(connection)


async def test_a_migration_that_fails_leaves_nothing_and_can_be_done_again(postgres_url, connection):
    broken = "CREATE TABLE doorward.b (x text); CREATE TABLE doorward.a (x text);"
    with pytest.raises(Exception, match="already exists"):
        await migrate(connection, [FIRST, broken])
    expected = {"doorward.schema_version", "doorward.a"}
    assert (await tables_of(connection), await schema_version(connection)) == (expected, 1)
    await migrate(connection, [FIRST, "CREATE TABLE doorward.b (x text);"])
    assert (await tables_of(connection), await schema_version(connection)) == (expected | {"doorward.b"}, 2)


async def test_migrating_twice_changes_nothing(postgres_url, connection):
    await migrate(connection, packaged_migrations())
    before = await schema_of(postgres_url)
    await migrate(connection, packaged_migrations())
    assert await schema_of(postgres_url) == before
