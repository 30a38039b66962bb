"""What every test can use: one run per backend for those that take `backend` or `store`; Hypothesis without a clock."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings
from postgres_server import PostgresServer, running_server
from storage.backends import BACKENDS

from doorward.storage.port import Store
from doorward.storage.sqlite import SqliteStore

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    """Give each logger back its handlers and level: a command that ran in this process has configured them."""
    before = _loggers()
    yield
    for name, (_, *state) in _loggers().items():
        logger, *old = before.get(name, (logging.getLogger(name), [], True, logging.NOTSET))
        if state != old:
            logger.handlers[:], logger.propagate = old[0], old[1]
            logger.setLevel(old[2])


def _loggers() -> dict[str, tuple[logging.Logger, list[logging.Handler], bool, int]]:
    known = logging.root.manager.loggerDict.items()
    return {
        name: (each, each.handlers[:], each.propagate, each.level)
        for name, each in known
        if isinstance(each, logging.Logger) and name.startswith(("doorward", "uvicorn", "asyncio"))
    }


@pytest.fixture(params=BACKENDS.values(), ids=BACKENDS.keys())
def backend(request, tmp_path) -> Callable[[], Store]:
    return request.param(tmp_path, request)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server for all tests that leave it running; what it stores need not survive the machine."""
    with running_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server) -> str:
    """The address of a new, empty database."""
    return postgres_server.url(postgres_server.new_database())


@pytest.fixture
async def store(backend) -> AsyncIterator[Store]:
    store = backend()
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def sqlite_store(tmp_path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "doorward.sqlite", lock_timeout_seconds=0.05)
    await store.open()
    yield store
    await store.close()
