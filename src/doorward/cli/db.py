"""`doorward db`: show, migrate, purge and back up the database."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from doorward.cli.groups import HELP_OPTIONS, CommandGroup
from doorward.cli.installation import Place, as_json, at_a_place, existing_database, work
from doorward.cli.printing import emit, facts

if TYPE_CHECKING:
    from doorward.config.model import Config


@click.group(cls=CommandGroup, context_settings=HELP_OPTIONS)
def command() -> None:
    """The database."""


@command.command()
@as_json
@at_a_place
def status(place: Place, *, as_json: bool) -> None:
    """Show where the database is, its version, its size and how many records it holds. Changes nothing."""
    from doorward.storage.database_status import read_status

    config = existing_database(place)
    found = asyncio.run(read_status(config.database, config.data_dir))
    if as_json:
        emit(found)
        return
    records = found.pop("records")
    assert isinstance(records, dict)
    facts({name.replace("_", " "): value for name, value in found.items()})
    if records:
        click.echo("\nRecords:")
        facts(records)


@command.command()
@as_json
@at_a_place
def migrate(place: Place, *, as_json: bool) -> None:
    """Migrate the schema to this version. A server does the same at start; this does it in advance."""
    before, after = asyncio.run(_migrate(existing_database(place, creates=True)))
    if as_json:
        emit({"before": before, "after": after})
    elif before == after:
        click.echo(f"The schema is up to date: version {after}.")
    else:
        click.echo(f"The schema went from version {before} to {after}.")


async def _migrate(config: Config) -> tuple[int, int]:
    from doorward.storage import database_status

    before = await database_status.schema_version(config.database, config.data_dir)
    await database_status.migrate(config.database, config.data_dir)
    return before, await database_status.schema_version(config.database, config.data_dir)


@command.command()
@as_json
@at_a_place
def purge(place: Place, *, as_json: bool) -> None:
    """Remove records that expired more than a day ago, and audit entries that are older than `audit_retention_days`.

    Replies that are kept for a retry are removed as soon as their retry window is over. A running server purges
    automatically.
    """
    from doorward.cli.operations import administered

    removed, entries = work(place, lambda here: administered(here, lambda _: here.purge()))
    if as_json:
        emit({"removed": removed, "audit_entries_removed": entries})
    else:
        click.echo(f"Removed {removed} expired records.")
        if entries:
            click.echo(f"Removed {entries} audit entries.")


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@at_a_place
def backup(place: Place, file: Path) -> None:
    """Copy the database, even while it is in use, to FILE. For PostgreSQL: print the command that does it.

    The copy does not contain the master key: store it too, but elsewhere.
    """
    from doorward.config.database import is_postgres
    from doorward.storage.opening import sqlite_path

    config = existing_database(place)
    if config.database is not None and is_postgres(config.database):
        from doorward.storage.postgres_status import dump_command, has_password

        click.echo(shlex.join(dump_command(config.database, str(file.absolute()))))
        if has_password(config.database):
            click.echo("pg_dump asks for the password, or takes it from PGPASSWORD or ~/.pgpass.", err=True)
    else:
        from doorward.storage.sqlite_status import write_backup

        path = sqlite_path(config.database, config.data_dir)
        assert path is not None
        write_backup(path, file)
        click.echo(f"Wrote {file}.")
    key = "the setting master_key" if config.master_key else config.data_dir / "keys.json"
    click.echo(f"Keep {key} too, but elsewhere: without it the copy cannot be used.", err=True)
