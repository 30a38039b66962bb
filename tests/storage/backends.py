"""The backends that the conformance suite judges. A new one joins with an entry here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from doorward.storage.memory import MemoryStore
from doorward.storage.port import Store
from doorward.storage.sqlite import SqliteStore

Opener = Callable[[Path], Callable[[], Store]]
"""Given a directory of the test, return what makes a store; each call leads to the same data."""


def memory(_directory: Path) -> Callable[[], Store]:
    """The data are in the object, so there is only one."""
    store = MemoryStore()
    return lambda: store


def sqlite(directory: Path) -> Callable[[], Store]:
    """Each store is a set of connections of its own, as in another process."""
    return lambda: SqliteStore(directory / "data" / "doorward.sqlite")


BACKENDS: dict[str, Opener] = {"memory": memory, "sqlite": sqlite}
