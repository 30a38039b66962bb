"""Why a PostgreSQL database cannot be used: each reason in the operator's terms, and none with the password."""

from __future__ import annotations

import asyncio
import socket

import asyncpg
import pytest
from postgres_server import PASSWORD
from storage.samples import least

from doorward.errors import StartError
from doorward.records.changes import Insert
from doorward.records.oauth import Client
from doorward.storage.postgres import PostgresStore, refuse_old


async def refusal_of(url: str) -> str:
    store = PostgresStore(url)
    with pytest.raises(StartError) as caught:
        await store.open()
    problem = caught.value.problem
    assert problem.what
    assert problem.why
    assert problem.fix
    assert PASSWORD not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    await store.close()
    return str(caught.value)


async def test_a_server_that_is_not_there_is_named():
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        port = nobody_listens.getsockname()[1]
        text = await refusal_of(f"postgresql://u:hunter2@127.0.0.1:{port}/db")
    assert f"127.0.0.1:{port} cannot be reached" in text
    assert "refused" in text


async def test_a_socket_that_is_not_there_is_named(tmp_path):
    assert "cannot be reached" in await refusal_of(f"postgresql://u:hunter2@/db?host={tmp_path}")


async def test_something_that_is_no_database_is_told(tmp_path):
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert f"127.0.0.1:{port}" in await refusal_of(f"postgresql://u:hunter2@127.0.0.1:{port}/db")
    server.close()


async def test_a_wrong_password_is_told_and_not_shown(postgres_server):
    assert "does not let doorward in" in await refusal_of(postgres_server.url(password="hunter2"))


async def test_a_database_that_does_not_exist_is_told(postgres_server):
    assert "createdb -O doorward absent" in await refusal_of(postgres_server.url("absent"))


async def test_an_account_that_may_not_create_tables_is_told_what_to_grant(postgres_server, postgres_url):
    database = postgres_url.rpartition("/")[2]
    postgres_server.sql(f"CREATE ROLE {database}_small LOGIN PASSWORD 'hunter2'")
    url = f"postgresql://{database}_small:hunter2@127.0.0.1:{postgres_server.port}/{database}"
    assert f"CREATE SCHEMA doorward AUTHORIZATION {database}_small" in await refusal_of(url)
    postgres_server.sql(f"CREATE SCHEMA doorward AUTHORIZATION {database}_small", database)
    store = PostgresStore(url)
    await store.open()
    await store.apply([Insert(least(Client))])
    await store.close()


async def test_a_database_that_is_read_only_is_refused(postgres_server, postgres_url):
    database = postgres_url.rpartition("/")[2]
    postgres_server.sql(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    assert "read-only" in await refusal_of(postgres_url)


async def test_a_full_server_is_told(postgres_server, postgres_url):
    database = postgres_url.rpartition("/")[2]
    postgres_server.sql(f"CREATE ROLE {database}_one LOGIN PASSWORD 'hunter2' CONNECTION LIMIT 1")
    url = f"postgresql://{database}_one:hunter2@127.0.0.1:{postgres_server.port}/{database}"
    holder = await asyncpg.connect(url)
    assert "takes no connections now" in await refusal_of(url)
    await holder.close()


async def test_a_certificate_that_is_not_there_is_told(postgres_server):
    assert "Check host, port and files" in await refusal_of(
        postgres_server.url() + "?sslmode=verify-full&sslrootcert=/absent/root.crt"
    )


async def test_a_server_without_tls_is_not_used_where_tls_is_demanded(postgres_server):
    await refusal_of(postgres_server.url() + "?sslmode=require")


@pytest.mark.parametrize(
    ("answers", "expected"),
    [((b"S", b"garbage"), "No protected connection"), ((b"N",), "rejected"), ((), "in time")],
    ids=["garbage", "no TLS", "silence"],
)
async def test_a_server_that_does_not_protect_or_never_answers_is_told(answers, expected):
    refused, ended = asyncio.Event(), asyncio.Event()

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.read(4096)
            writer.write(answer)
        await refused.wait()
        writer.close()
        ended.set()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert expected in await refusal_of(f"postgresql://u:hunter2@127.0.0.1:{port}/db?sslmode=require")
    refused.set()
    await ended.wait()
    server.close()


async def test_tables_that_are_not_ours_are_left_alone(postgres_server, postgres_url):
    database = postgres_url.rpartition("/")[2]
    postgres_server.sql("CREATE SCHEMA doorward; CREATE TABLE doorward.record_client (theirs text)", database)
    assert "cannot be used" in await refusal_of(postgres_url)
    assert postgres_server.sql("SELECT count(*) FROM doorward.record_client", database) == "0"


def test_a_server_that_is_too_old_is_refused():
    with pytest.raises(StartError, match="PostgreSQL 13"):
        refuse_old(13)
