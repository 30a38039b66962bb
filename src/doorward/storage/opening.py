"""Opens the store that the setting `database` names.

A new backend is opened here, described in `storage/database_status.py`, recognised in `config/database.py`, and has its
DDL from `scripts/migration.py`.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from doorward.config.database import MEMORY, SQLITE, database, is_postgres
from doorward.config.faults import Fault
from doorward.errors import ConfigError, Problem, StartError
from doorward.storage.memory import MemoryStore
from doorward.storage.port import Store
from doorward.storage.sqlite import SqliteStore

DEFAULT_FILE = "doorward.sqlite"


def open_store(url: str | None, data_dir: Path, *, connections: int = 10) -> Store:
    """Return the store that the setting names, not yet opened.

    Raises:
        ConfigError: the setting names no store. The message leaves out what may be a password.
        StartError: it needs a package that is not installed.
    """
    if url is not None:
        _check(url)
    if url is not None and is_postgres(url):
        if find_spec("asyncpg") is None:
            raise StartError(_NO_DRIVER)
        # Imported late: an installation on SQLite does not need it.
        from doorward.storage.postgres import PostgresStore

        return PostgresStore(url, connections=connections)
    path = sqlite_path(url, data_dir)
    return MemoryStore() if path is None else SqliteStore(path)


def sqlite_path(url: str | None, data_dir: Path) -> Path | None:
    """Return the file that the setting names: `sqlite:///relative`, `sqlite:////absolute`; None if it is not SQLite.

    Raises:
        ConfigError: as for `open_store`.
    """
    if url is None:
        return data_dir / DEFAULT_FILE
    _check(url)
    return Path(url.removeprefix(SQLITE)) if url.startswith(SQLITE) else None


def in_memory(url: str | None) -> bool:
    """Return whether the store is in memory, where no other process can read it."""
    return url == MEMORY


def _check(url: str) -> None:
    try:
        database(url)
    except Fault as fault:
        raise ConfigError([Problem(fault.what, fault.why, fault.fix, "database")]) from None


_NO_DRIVER = Problem(
    what="PostgreSQL needs a package that is not installed: asyncpg.",
    why="It is left out of a bare install, because SQLite serves most installations.",
    fix="pip install 'doorward[postgres]'",
)
