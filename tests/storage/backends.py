"""The backends that the conformance suite judges. A new one joins with an entry here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from doorward.storage.memory import MemoryStore
from doorward.storage.port import Store
from doorward.storage.postgres import PostgresStore
from doorward.storage.sqlite import SqliteStore

Opener = Callable[[Path, pytest.FixtureRequest], Callable[[], Store]]
"""Given a directory of the test and its fixtures, return what makes a store; each call leads to the same data."""


def memory(_directory: Path, _request: pytest.FixtureRequest) -> Callable[[], Store]:
    """The data are in the object, so there is only one."""
    store = MemoryStore()
    return lambda: store


def sqlite(directory: Path, _request: pytest.FixtureRequest) -> Callable[[], Store]:
    """Each store is a set of connections of its own, as in another process."""
    return lambda: SqliteStore(directory / "data" / "doorward.sqlite")


def postgres(_directory: Path, request: pytest.FixtureRequest) -> Callable[[], Store]:
    """Each store is a pool of connections of its own, as on another node."""
    url = request.getfixturevalue("postgres_url")
    return lambda: PostgresStore(url)


BACKENDS: dict[str, Opener] = {"memory": memory, "sqlite": sqlite, "postgres": postgres}
