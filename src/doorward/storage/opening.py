"""From the setting `database` to a store. The only place that knows which backends exist."""

from __future__ import annotations

from pathlib import Path

from doorward.errors import ConfigError, Problem
from doorward.storage.memory import MemoryStore
from doorward.storage.port import Store
from doorward.storage.sqlite import SqliteStore

DEFAULT_FILE = "doorward.sqlite"
_SQLITE = "sqlite:///"
_MEMORY = "memory://"
_POSTGRES = ("postgres", "postgresql")


def open_store(database: str | None, data_dir: Path) -> Store:
    """Return the store that the setting names, not yet opened.

    Raises:
        ConfigError: the setting names none. Only its scheme is repeated, for the rest may hold a password.
    """
    path = sqlite_path(database, data_dir)
    return MemoryStore() if path is None else SqliteStore(path)


def sqlite_path(database: str | None, data_dir: Path) -> Path | None:
    """Return the file that the setting names: `sqlite:///relative`, `sqlite:////absolute`; None for `memory://`.

    Raises:
        ConfigError: as for `open_store`.
    """
    if database is None:
        return data_dir / DEFAULT_FILE
    if database == _MEMORY:
        return None
    if database.startswith(_SQLITE):
        name = database.removeprefix(_SQLITE)
        if name and "?" not in name and not name.startswith(":"):
            return Path(name)
    raise ConfigError([_problem(database)])


def _problem(database: str) -> Problem:
    scheme, separator, rest = database.partition("://")
    known = f"Use `{_SQLITE}PATH` (`{_SQLITE}/PATH` from the root) or `{_MEMORY}`."
    if scheme.partition("+")[0] in _POSTGRES:
        return Problem(
            what="This version does not store in Postgres yet.",
            why="Several worker processes of one machine can share a SQLite file.",
            fix=f"Leave the setting away to use the file in the data directory, or set `{_SQLITE}PATH`.",
            where="database",
        )
    if scheme == "sqlite":
        what = "takes no options" if "?" in rest else "names no file"
        return Problem(what=f"The SQLite address {what}.", fix=known, where="database")
    if scheme == "memory":
        return Problem(what="The memory store has no name and no path.", fix=known, where="database")
    if separator:
        return Problem(what=f"Doorward cannot store in {scheme!r}.", fix=known, where="database")
    return Problem(
        what="The database is not an address.",
        why="A bare path is not accepted, so that a slip in an address never creates a new, empty file.",
        fix=f"For the file of that name, write `{_SQLITE}{database}`." if database and ":" not in database else known,
        where="database",
    )
