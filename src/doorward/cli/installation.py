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
    from doorward.config.load import load_here
    from doorward.logs import configure

    loaded = load_here(place)
    configure(loaded.config.log_format or "text", "warning")
    _look_first(loaded.config, creates=creates)
    return asyncio.run(_opened(loaded.config, operation))


def _look_first(config: Config, *, creates: bool) -> None:
    from doorward.errors import ConfigError, Problem, StartError
    from doorward.storage.opening import sqlite_path

    path = sqlite_path(config.database, config.data_dir)
    if path is None:
        raise ConfigError(
            [Problem("a database in memory belongs to the server that runs", "Nothing else can read or change it.")]
        )
    if path.exists():
        return
    if not creates:
        raise StartError(
            Problem(
                f"there is no installation here: {path} does not exist",
                "It is made by the first `doorward serve`.",
                "Run this in the directory of the server, or name it: --data-dir DIR or --config FILE",
            )
        )
    click.echo(f"Creating {path}", err=True)


async def _opened(config: Config, operation: Callable[[Installation], Awaitable[T]]) -> T:
    from doorward.clock import SystemClock, SystemEntropy
    from doorward.storage.keys import Keys
    from doorward.storage.opening import open_store, sqlite_path

    clock, entropy = SystemClock(), SystemEntropy()
    # The keys come first, as at a start of the server: a database without them is taken for a lost key file.
    Keys.load(config.data_dir, clock, entropy, database=sqlite_path(config.database, config.data_dir))
    store = open_store(config.database, config.data_dir)
    await store.open()
    try:
        return await operation(Installation(config, store, clock, entropy))
    finally:
        await store.close()
