"""What the administration commands work on: the settings and the store they lead to, opened for one operation."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from doorward.clock import Clock, Entropy
    from doorward.config.model import Config
    from doorward.errors import StartError
    from doorward.keys.ring import Keys
    from doorward.oauth.policy import Policy
    from doorward.storage.port import Store

T = TypeVar("T")
Place = Mapping[str, str | None]
"""The options that say which installation is meant."""


@dataclass(frozen=True, slots=True)
class Installation:
    """An open store with its settings."""

    config: Config
    store: Store
    keys: Keys
    clock: Clock
    entropy: Entropy

    @property
    def mcp_url(self) -> str:
        """The URL that a client is given."""
        from doorward.config.addresses import mcp_url

        return mcp_url(self.config)

    @property
    def policy(self) -> Policy:
        """The limits that a client's registration is measured against."""
        from doorward.config.addresses import policy_of

        return policy_of(self.config)


def at_a_place(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options `--config`, `--data-dir` and `--database`; the callback gets them as its first argument."""

    @click.option("--config", metavar="FILE", help="File of settings.  [default: doorward.toml]")
    @click.option("--data-dir", metavar="DIR", help="Where database and keys live.  [default: .doorward]")
    @click.option("--database", metavar="URL", help="sqlite:///PATH or postgresql://...  [default: in the data dir]")
    @functools.wraps(callback)
    def with_place(config: str | None, data_dir: str | None, database: str | None, **values: Any) -> Any:
        return callback({"config": config, "data_dir": data_dir, "database": database}, **values)

    return with_place


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def work(place: Place, operation: Callable[[Installation], Awaitable[T]], *, creates: bool = False) -> T:
    """Open the installation, run the operation, close it again.

    Only an operation that `creates` something may make a new installation; to any other, a directory without one is
    most likely the wrong directory.

    Raises:
        ConfigError, StartError, Unavailable: as the settings, the store and the operation do.
    """
    return asyncio.run(_opened(existing_database(place, creates=creates), operation, creates=creates))


def existing_database(place: Place, *, creates: bool = False) -> Config:
    """Return the settings of an installation whose database is to be looked at as it is.

    Raises:
        ConfigError, StartError: the settings are faulty, or lead to no database.
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
            [Problem("a database in memory belongs to the server that runs", "Nothing else can read or change it.")]
        )
    if not creates:
        raise _not_here(f"{path} does not exist")
    click.echo(f"Creating {path}", err=True)


def _not_here(why: str) -> StartError:
    from doorward.errors import Problem, StartError

    return StartError(
        Problem(
            f"there is no installation here: {why}",
            "It is made by the first `doorward serve`.",
            "Run this in the directory of the server, or name it: --data-dir DIR, --database URL or --config FILE",
        )
    )


async def _opened(config: Config, operation: Callable[[Installation], Awaitable[T]], *, creates: bool) -> T:
    from doorward.clock import SystemClock, SystemEntropy
    from doorward.config.database import is_postgres
    from doorward.keys.ring import open_with_keys
    from doorward.storage.database_status import schema_version
    from doorward.storage.opening import open_store

    if not creates and is_postgres(config.database) and not await schema_version(config.database, config.data_dir):
        raise _not_here("the database has no tables of Doorward")
    clock, entropy = SystemClock(), SystemEntropy()
    store = open_store(config.database, config.data_dir, connections=2)
    keys = await open_with_keys(store, config.database, config.data_dir, clock, entropy, master_key=config.master_key)
    try:
        return await operation(Installation(config, store, keys, clock, entropy))
    finally:
        await store.close()
