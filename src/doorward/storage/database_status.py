"""Database status for operators, and how to copy a database, for every backend.

Nothing here migrates or opens keys, so it also works on a database that this version of the server would refuse.
"""

from __future__ import annotations

from pathlib import Path

from doorward.config.database import is_postgres
from doorward.storage.opening import open_store, sqlite_path
from doorward.storage.sqlite_status import read_status as read_sqlite
from doorward.storage.sqlite_status import read_version as read_sqlite_version


async def read_status(database: str | None, data_dir: Path) -> dict[str, object]:
    """Return where the database is, its schema version, its size and the number of records of each kind.

    Raises:
        StartError, Unavailable: it cannot be read.
    """
    if database is not None and is_postgres(database):
        _need_driver(database, data_dir)
        from doorward.storage.postgres_status import read_status as read_postgres

        return await read_postgres(database)
    return read_sqlite(_path(database, data_dir))


async def schema_version(database: str | None, data_dir: Path) -> int:
    """Return the number of the last migration, or 0 if there was none.

    Raises:
        StartError, Unavailable: it cannot be read.
    """
    if database is not None and is_postgres(database):
        _need_driver(database, data_dir)
        from doorward.storage.postgres_status import read_version

        return await read_version(database)
    path = _path(database, data_dir)
    return read_sqlite_version(path) if path.exists() else 0


async def migrate(database: str | None, data_dir: Path) -> None:
    """Bring the schema up to date. Raises `StartError`."""
    store = open_store(database, data_dir)
    await store.open()
    await store.close()


def _need_driver(database: str, data_dir: Path) -> None:
    """Raise the `StartError` that says how to install the driver, if it is missing."""
    open_store(database, data_dir)


def _path(database: str | None, data_dir: Path) -> Path:
    path = sqlite_path(database, data_dir)
    assert path is not None, "a database in memory has no status that another process could read"
    return path
