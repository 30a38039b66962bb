"""`doorward keys`: lists the keys and rotates them. A key itself is never shown."""

from __future__ import annotations

from typing import Literal

import click
import msgspec

from doorward.cli.groups import HELP_OPTIONS, CommandGroup
from doorward.cli.installation import Place, as_json, at_a_place
from doorward.cli.operations import perform
from doorward.cli.printing import emit, moment, table


@click.group(cls=CommandGroup, context_settings=HELP_OPTIONS)
def command() -> None:
    """Keys that sign tokens and encrypt what is stored."""


@command.command("list")
@as_json
@at_a_place
def list_(place: Place, *, as_json: bool) -> None:
    """List the keys: current, retired (still decrypt and verify) and upcoming."""
    from doorward.administration import keys

    found = msgspec.to_builtins(perform(place, keys.LIST, keys.ListKeys()).items)
    if as_json:
        emit(found)
        return
    table(
        ("KEY", "USE", "STATE", "CREATED", "ACTIVE FROM", "UNTIL"),
        ((each["kid"], each["use"], each["state"], *(moment(each[at]) for at in _INSTANTS)) for each in found),
        empty="There are no keys.",
    )


@command.command()
@click.option(
    "--kind",
    type=click.Choice(["signing", "encryption"]),
    default="signing",
    show_default=True,
    help="The key to replace.",
)
@click.option("--now", "at_once", is_flag=True, help="Use the new key at once, because the old one has leaked.")
@as_json
@at_a_place
def rotate(place: Place, *, kind: Literal["signing", "encryption"], at_once: bool, as_json: bool) -> None:
    """Create a new key, which takes over within minutes; everything that the old one signed or encrypted stays valid.

    Running servers load the new key within seconds. It is used later, when everyone who verifies has had time to fetch
    it.
    """
    from doorward.administration import keys

    made = perform(place, keys.ROTATE, keys.RotateKey(kind=kind, at_once=at_once))
    if as_json:
        emit(made)
    else:
        click.echo(f"New {kind} key {made.kid}, in use from {moment(made.active_at)}.")


_INSTANTS = ("created_at", "active_at", "expires_at")
