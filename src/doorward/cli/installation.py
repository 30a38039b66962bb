"""Opens the installation that a command's options name, for one operation."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from doorward.config.model import Config
    from doorward.errors import StartError
    from doorward.installation import Installation

T = TypeVar("T")
Place = Mapping[str, str | None]
"""The options that choose the installation."""


def at_a_place(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options `--config`, `--data-dir` and `--database`; the callback gets them as its first argument."""

    @click.option("--config", metavar="FILE", help="File of settings.  [default: doorward.toml]")
    @click.option("--data-dir", metavar="DIR", help="The directory of database and keys.  [default: .doorward]")
    @click.option("--database", metavar="URL", help="sqlite:///PATH or postgresql://...  [default: in the data dir]")
    @functools.wraps(callback)
    def with_place(config: str | None, data_dir: str | None, database: str | None, **values: Any) -> Any:
        return callback({"config": config, "data_dir": data_dir, "database": database}, **values)

    return with_place


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def work(place: Place, operation: Callable[[Installation], Awaitable[T]], *, creates: bool = False) -> T:
    """Open the installation, run the operation, and close it again.

    Only an operation that `creates` something may create an installation; for any other, a directory without one is
    most likely the wrong directory.

    Raises:
        ConfigError, StartError, Unavailable: as the settings, the store and the operation do.
    """
    return asyncio.run(_opened(existing_database(place, creates=creates), operation, creates=creates))


def existing_database(place: Place, *, creates: bool = False) -> Config:
    """Return the settings of an installation whose database is read as it is.

    Raises:
        ConfigError, StartError: the settings are invalid, or name no existing database.
    """
    from doorward.config.load import load_here
    from doorward.logs import configure

    loaded = load_here(place)
    configure(loaded.config.log_format or "text", "warning")
    _look_first(loaded.config, creates=creates)
    return loaded.config


def _look_first(config: Config, *, creates: bool) -> None:
    from doorward.config.database import is_postgres
    from doorward.errors import ConfigError, Problem
    from doorward.storage.opening import sqlite_path

    path = sqlite_path(config.database, config.data_dir)
    if is_postgres(config.database) or (path is not None and path.exists()):
        return
    if path is None:
        raise ConfigError(
            [Problem("a database in memory belongs to the running server", "Nothing else can read or change it.")]
        )
    if not creates:
        raise _not_here(f"{path} does not exist")
    click.echo(f"Creating {path}", err=True)


def _not_here(why: str) -> StartError:
    from doorward.errors import Problem, StartError

    return StartError(
        Problem(
            f"there is no installation here: {why}",
            "The first `doorward serve` creates it.",
            "Run this in the directory of the server, or name it: --data-dir DIR, --database URL or --config FILE",
        )
    )


async def _opened(config: Config, operation: Callable[[Installation], Awaitable[T]], *, creates: bool) -> T:
    from doorward.config.database import is_postgres
    from doorward.installation import Installation
    from doorward.storage.database_status import schema_version
    from doorward.storage.opening import open_store

    if not creates and is_postgres(config.database) and not await schema_version(config.database, config.data_dir):
        raise _not_here("the database has no tables of Doorward")
    store = open_store(config.database, config.data_dir, connections=2)
    here = await Installation.open(config, store=store)
    try:
        return await operation(here)
    finally:
        await here.close()
