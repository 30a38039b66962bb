"""Fixtures of the storage tests: one run per backend for those that take `backend` or `store`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from storage.backends import BACKENDS

from doorward.storage.port import Store
from doorward.storage.sqlite import SqliteStore


@pytest.fixture(params=BACKENDS.values(), ids=BACKENDS.keys())
def backend(request, tmp_path) -> Callable[[], Store]:
    return request.param(tmp_path)


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
