"""What is PostgreSQL's own: races that its row locks decide, its sessions, its tables and what it cannot hold."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import asyncpg
import pytest
from storage.samples import least

from doorward.errors import Conflict, Unavailable
from doorward.records.accounts import User
from doorward.records.changes import Change, Delete, DeleteAll, Expect, Insert, Replace
from doorward.records.kinds import RECORD_TYPES
from doorward.records.oauth import AccessToken, Client, Grant, RefreshToken
from doorward.storage.postgres import PostgresStore
from doorward.storage.postgres_connection import connect
from doorward.storage.postgres_schema import page_sql, statements_for, table_name
from doorward.storage.tables import order_columns

RACERS = 32
ROUNDS = 20


@pytest.fixture
async def store(postgres_url) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(postgres_url, connections=16)
    await store.open()
    yield store
    await store.close()


@contextlib.asynccontextmanager
async def connected(url: str):
    connection = await connect(url)
    yield connection
    await connection.close()


async def attempt(store: PostgresStore, changes) -> bool:
    try:
        await store.apply(changes)
    except Conflict:
        return False
    return True


async def test_many_decisions_on_the_same_rows_neither_deadlock_nor_fail(postgres_server, store):
    """Each relies on two grants and changes two users; half of them name the rows in the opposite order."""
    deadlocks_before = postgres_server.log.count("deadlock detected")
    await store.apply([Insert(least(Grant, grant)) for grant in ("a", "b")])
    await store.apply([Insert(least(User, "a")), Insert(least(User, "b"))])

    async def refresh(racer: int) -> int:
        won = 0
        for round_number in range(ROUNDS):
            name = f"{racer}-{round_number}"
            grants = [await store.get(Grant, "a"), await store.get(Grant, "b")]
            users = [await store.get(User, "a"), await store.get(User, "b")]
            changes = [
                *[Expect(Grant, each.record.key, each.version) for each in grants],
                *[Replace(each.record, each.version) for each in users],
                Insert(least(RefreshToken, name)),
                Insert(least(AccessToken, name)),
            ]
            won += await attempt(store, changes[:: 1 if racer % 2 else -1])
        return won

    won = sum(await asyncio.gather(*[refresh(racer) for racer in range(RACERS)]))
    assert won >= ROUNDS
    assert len(await store.find(AccessToken)) == won == len(await store.find(RefreshToken))
    assert postgres_server.log.count("deadlock detected") == deadlocks_before


async def test_a_deadlock_is_undone_and_tried_again_inside(postgres_url, store):
    """Somebody else locks two rows in the opposite order: the server ends one of the two, and nobody is told."""
    await store.apply([Insert(least(Client, "a")), Insert(least(Client, "b"))])
    versions = {key: (await store.get(Client, key)).version for key in "ab"}
    async with connected(postgres_url) as other:
        await other.execute("SET deadlock_timeout = '10s'")
        async with other.transaction():
            await other.execute("SELECT FROM doorward.record_client WHERE key = 'b' FOR UPDATE")
            changes = [Replace(least(Client, key, client_name="new"), versions[key]) for key in "ab"]
            decision = asyncio.create_task(store.apply(changes))
            while not await other.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
                await asyncio.sleep(0)
            await other.execute("SELECT FROM doorward.record_client WHERE key = 'a' FOR UPDATE")
        await decision
    assert {(await store.get(Client, key)).record.client_name for key in "ab"} == {"new"}


@pytest.mark.parametrize("order", ["grant first", "tokens first"])
async def test_no_token_outlives_the_grant_that_is_revoked_while_it_is_issued(store, order):
    for round_number in range(ROUNDS):
        grant = f"grant-{round_number}"
        await store.apply([Insert(least(Grant, grant))])
        stored = await store.get(Grant, grant)

        async def issue(number: int, grant: str = grant, version: int = stored.version) -> bool:
            key = f"{grant}-{number}"
            return await attempt(
                store, [Expect(Grant, grant, version), Insert(least(AccessToken, key, grant_id=grant))]
            )

        async def revoke(grant: str = grant, version: int = stored.version) -> bool:
            changes = [
                Replace(least(Grant, grant, revoked_at=1), version),
                DeleteAll(AccessToken, "grant_id", grant),
                DeleteAll(RefreshToken, "grant_id", grant),
            ]
            return await attempt(store, changes if order == "grant first" else changes[::-1])

        *issued, revoked = await asyncio.gather(*[issue(number) for number in range(8)], revoke())
        assert revoked, issued
        assert await store.find(AccessToken, grant_id=grant) == []


def issue(version: int) -> list[Change]:
    return [Expect(Grant, "key", version), Insert(least(AccessToken, grant_id="key"))]


def revoke(version: int) -> list[Change]:
    return [Replace(least(Grant, revoked_at=1), version), DeleteAll(AccessToken, "grant_id", "key")]


@pytest.mark.parametrize(("first", "second", "second_wins"), [(issue, revoke, True), (revoke, issue, False)])
async def test_issuing_and_revoking_wait_for_each_other(postgres_url, store, first, second, second_wins):
    await store.apply([Insert(least(Grant))])
    version = (await store.get(Grant, "key")).version
    async with connected(postgres_url) as other:
        async with other.transaction():
            for sql, parameters in statements_for(first(version)):
                assert await other.fetchrow(sql, *parameters) is not None
            later = asyncio.create_task(attempt(store, second(version)))
            waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
            while not (later.done() or await other.fetchval(waits)):
                await asyncio.sleep(0)
            assert not later.done()
        assert await later == second_wins
    assert await store.find(AccessToken, grant_id="key") == []


async def test_of_two_revocations_and_a_deletion_one_wins(store):
    for round_number in range(ROUNDS):
        grant = f"grant-{round_number}"
        await store.apply([Insert(least(Grant, grant)), Insert(least(AccessToken, grant, grant_id=grant))])
        version = (await store.get(Grant, grant)).version
        tokens = DeleteAll(AccessToken, "grant_id", grant)
        won = await asyncio.gather(
            attempt(store, [Replace(least(Grant, grant, revoked_at=1), version), tokens]),
            attempt(store, [tokens, Delete(Grant, grant, version)]),
            attempt(store, [tokens, Replace(least(Grant, grant, revoked_at=2), version)]),
        )
        assert sorted(won) == [False, False, True]
        assert await store.find(AccessToken, grant_id=grant) == []


async def test_one_version_may_be_replaced_twice_by_one_decision(store):
    await store.apply([Insert(least(Client))])
    version = (await store.get(Client, "key")).version
    twice = [Replace(least(Client, client_name=str(number)), version + number) for number in range(2)]
    await store.apply(twice)
    with pytest.raises(Conflict):
        await store.apply(twice)
    stored = await store.get(Client, "key")
    assert (stored.version, stored.record.client_name) == (version + 2, "1")


def test_what_endpoints_decide_is_one_round_trip():
    tokens = [Insert(least(RefreshToken, "b")), Insert(least(AccessToken, "b"))]
    refresh = [Expect(Grant, "g", 1), Replace(least(RefreshToken, "a"), 1), Replace(least(AccessToken), 1), *tokens]
    assert len(statements_for(refresh)) == 1
    assert len(statements_for([DeleteAll(AccessToken, "grant_id", "g")])) == 1
    assert len(statements_for([Replace(least(Grant), 1), DeleteAll(AccessToken, "grant_id", "key")])) == 2


def test_the_order_in_which_a_decision_names_rows_does_not_matter_to_the_locks():
    changes = [Expect(Grant, "b", 1), Replace(least(User), 1), Expect(Grant, "a", 1), Insert(least(Client))]
    assert statements_for(changes) == statements_for(changes[::-1])


@pytest.mark.parametrize("step", [1, -1])
async def test_rows_are_locked_in_one_order(postgres_url, store, step):
    """While the second row is waited for, the first one is held, whichever was named first."""
    await store.apply([Insert(least(User, key)) for key in "ab"])
    versions = [(await store.get(User, key)).version for key in "ab"]
    changes = [Replace(least(User, key), version) for key, version in zip("ab", versions, strict=True)]
    async with connected(postgres_url) as other:
        async with other.transaction():
            await other.execute("SELECT FROM doorward.record_user WHERE key = 'b' FOR UPDATE")
            decision = asyncio.create_task(store.apply(changes[::step]))
            while not await other.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
                await asyncio.sleep(0)
            with pytest.raises(asyncpg.LockNotAvailableError):
                async with other.transaction():
                    await other.execute("SELECT FROM doorward.record_user WHERE key = 'a' FOR UPDATE NOWAIT")
        await decision


async def test_two_nodes_that_purge_at_once_share_the_work(postgres_url, store):
    other = PostgresStore(postgres_url)
    await other.open()
    await store.apply([Insert(least(AccessToken, str(number), expires_at=1)) for number in range(1500)])
    assert sum(await asyncio.gather(store.purge(2), other.purge(2), store.purge(2))) == 1500
    assert await store.find(AccessToken) == []
    await other.close()


async def test_a_table_of_any_size_is_read_page_by_page(postgres_url, store):
    async with connected(postgres_url) as connection:
        body = b"\x83\xa9client_id\xa1x\xa6source\xa7dynamic\xaacreated_at\x01"
        await connection.execute(
            "INSERT INTO doorward.record_client (key, version, body)"
            " SELECT convert_to(number::text, 'utf8'), 1, $1 FROM generate_series(1, 12000) number",
            body,
        )
    await store.apply([Insert(least(Client, ""))])
    assert len(await store.find(Client)) == 12001


@pytest.mark.parametrize("connections", [1, 3])
async def test_the_pool_is_bounded(postgres_server, postgres_url, connections):
    store = PostgresStore(postgres_url, connections=connections)
    await store.open()
    await store.apply([Insert(least(Client))])
    assert None not in await asyncio.gather(*[store.get(Client, "key") for _ in range(200)])
    database = postgres_url.rpartition("/")[2]
    count = postgres_server.sql(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}'")
    assert int(count) == connections
    await store.close()


async def test_a_session_commits_durably_whatever_the_defaults_of_the_database(postgres_server, postgres_url):
    database = postgres_url.rpartition("/")[2]
    defaults = {"synchronous_commit": "off", "default_transaction_isolation": "serializable", "statement_timeout": "0"}
    for name, value in defaults.items():
        postgres_server.sql(f"ALTER DATABASE {database} SET {name} = '{value}'")
    async with connected(postgres_url) as connection:
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
        assert await connection.fetchval("SHOW transaction_isolation") == "read committed"
        assert await connection.fetchval("SHOW statement_timeout") != "0"
    postgres_server.sql(f"ALTER DATABASE {database} SET synchronous_commit = remote_apply")
    async with connected(postgres_url) as connection:
        assert await connection.fetchval("SHOW synchronous_commit") == "remote_apply"


async def test_a_server_that_does_not_sync_is_warned_about(postgres_url, caplog):
    store = PostgresStore(postgres_url)
    with caplog.at_level(logging.WARNING):
        await store.open()
    assert [record.fields for record in caplog.records] == [{"setting": "fsync = off"}]
    await store.close()


async def test_an_expiry_that_no_column_holds_is_a_bug_of_its_caller_only(store):
    with pytest.raises(OverflowError):
        await store.apply([Insert(least(User)), Insert(least(Client, expires_at=2**63))])
    await store.apply([Insert(least(User))])


async def test_a_row_that_cannot_be_read_is_a_fault_and_not_an_absent_record(postgres_url, store):
    await store.apply([Insert(least(Client))])
    async with connected(postgres_url) as connection:
        await connection.execute("UPDATE doorward.record_client SET body = ''")
    with pytest.raises(Unavailable, match="stored client"):
        await store.get(Client, "key")
    with pytest.raises(Unavailable, match="stored client"):
        await store.find(Client, source="dynamic")


async def test_a_table_that_is_gone_is_a_fault_and_not_an_absent_record(postgres_url, store):
    async with connected(postgres_url) as connection:
        await connection.execute("DROP TABLE doorward.record_client")
    with pytest.raises(Unavailable, match="42P01"):
        await store.get(Client, "key")
    with pytest.raises(Unavailable, match="42P01"):
        await store.apply([Insert(least(Client)), Insert(least(User))])
    with pytest.raises(Unavailable, match="42P01"):
        await store.apply([Insert(least(User)), DeleteAll(Client, "source", "dynamic")])
    assert await store.get(User, "key") is None


@pytest.mark.parametrize("record_type", RECORD_TYPES, ids=lambda each: each.kind)
async def test_no_statement_of_a_request_reads_a_whole_table(postgres_url, store, record_type):
    from doorward.storage.postgres_schema import GET, PURGE, find_sql

    queries = [GET[record_type], PURGE[record_type], *[find_sql(record_type, (name,)) for name in record_type.indexes]]
    async with connected(postgres_url) as connection:
        for number, sql in enumerate(queries):
            kind = "bigint" if sql == PURGE[record_type] else "bytea"
            await connection.execute(f"PREPARE each_{number}({kind}) AS {sql}")
            value = "1" if kind == "bigint" else "'x'"
            plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE each_{number}({value})"))
            assert "Seq Scan" not in plan, plan


@pytest.mark.parametrize("record_type", RECORD_TYPES, ids=lambda each: each.kind)
async def test_a_page_is_read_in_the_order_of_an_index_and_nothing_is_sorted(postgres_url, store, record_type):
    # Plans are made while the tables are empty, and kept.
    async with connected(postgres_url) as connection:
        for index in (None, *(record_type.indexes if record_type.order_field else ())):
            kinds = [*(["bytea"] if index else []), *(["bigint"] if record_type.order_field else []), "bytea"]
            values = ["1" if kind == "bigint" else "'x'" for kind in kinds]
            name = f"page_by_{index}"
            await connection.execute(f"PREPARE {name}({', '.join(kinds)}) AS {page_sql(record_type, index, 50)}")
            rows = await connection.fetch(f"EXPLAIN EXECUTE {name}({', '.join(values)})")
            plan = "\n".join(row[0] for row in rows)
            table = table_name(record_type).removeprefix("doorward.")
            order = order_columns(record_type)
            by = "_and_".join([*([index] if index else []), *order])
            assert f"Index Scan using {table}_{f'by_{by}' if by else 'pkey'} " in plan, plan
            assert "Sort" not in plan, plan
            assert "Index Cond: (" in plan, plan
            assert "Filter" not in plan, plan


async def test_a_session_that_the_server_ends_is_not_used_again(postgres_server, postgres_url, store):
    await store.apply([Insert(least(Client))])
    database = postgres_url.rpartition("/")[2]
    others = f"datname = '{database}' AND pid <> pg_backend_pid()"
    postgres_server.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
    assert await store.get(Client, "key") is not None
    await store.apply([Insert(least(Client, "other"))])
