"""`doorward db`: what is in the database, and taking out what has expired. Migrations happen when it is opened."""

from __future__ import annotations

import click

from doorward.cli.groups import HELP_OPTIONS, CommandGroup
from doorward.cli.installation import Installation, Place, as_json, at_a_place, work
from doorward.cli.printing import emit, facts

KEPT_SECONDS = 24 * 3600
"""Spent codes and tokens outlive their validity by this much, so that their reuse is still recognised."""


@click.group(cls=CommandGroup, context_settings=HELP_OPTIONS)
def command() -> None:
    """The database."""


@command.command()
@as_json
@at_a_place
def status(place: Place, *, as_json: bool) -> None:
    """Show where the database is, its version, size and how many records it holds."""
    from doorward.storage.opening import sqlite_path
    from doorward.storage.sqlite_status import read_status

    async def operation(here: Installation) -> dict[str, object]:
        path = sqlite_path(here.config.database, here.config.data_dir)
        assert path is not None
        return read_status(path)

    found = work(place, operation)
    if as_json:
        emit(found)
        return
    records = found.pop("records")
    assert isinstance(records, dict)
    facts({name.replace("_", " "): value for name, value in found.items()})
    click.echo("\nRecords:")
    facts(records)


@command.command()
@as_json
@at_a_place
def purge(place: Place, *, as_json: bool) -> None:
    """Remove records that expired more than a day ago. A running server does the same by itself."""
    removed = work(place, lambda here: here.store.purge(here.clock.now() - KEPT_SECONDS))
    if as_json:
        emit({"removed": removed})
    else:
        click.echo(f"Removed {removed} expired records.")
