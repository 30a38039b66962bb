from __future__ import annotations

import asyncpg
import pytest
from postgres_server import PASSWORD
from storage.transaction_pooler import transaction_pooler

from doorward.errors import StartError
from doorward.storage.postgres import PostgresStore
from doorward.storage.postgres_faults import start_error, unavailable


@pytest.mark.parametrize("last_first", [True, False])
async def test_a_pooler_in_transaction_mode_is_refused_at_the_start(postgres_server, last_first):
    async with transaction_pooler(postgres_server.port, last_first=last_first) as port:
        store = PostgresStore(postgres_server.url(postgres_server.new_database(), port=port))
        with pytest.raises(StartError) as caught:
            await store.open()
    assert f"127.0.0.1:{port} is behind a pooler in transaction mode" in caught.value.problem.what
    assert "pool_mode = session" in caught.value.problem.fix
    assert PASSWORD not in str(caught.value)


async def test_the_server_itself_is_opened(postgres_url):
    store = PostgresStore(postgres_url)
    await store.open()
    await store.close()


@pytest.mark.parametrize(
    "error", [asyncpg.InvalidSQLStatementNameError("x"), asyncpg.DuplicatePreparedStatementError("x")]
)
def test_a_lost_prepared_statement_names_the_pooler_whenever_it_shows(error):
    assert "pooler in transaction mode" in str(start_error("postgresql://u:hunter2@db/x", error))
    assert "pooler in transaction mode" in str(unavailable(error))
