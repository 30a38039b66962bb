"""`doorward keys`: which keys there are, and new ones in place of old ones. No key itself is ever shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import click

from doorward.cli.groups import HELP_OPTIONS, CommandGroup
from doorward.cli.installation import Installation, Place, as_json, at_a_place, work
from doorward.cli.printing import emit, moment, table

if TYPE_CHECKING:
    from doorward.oauth.key_records import KeyRecord


@click.group(cls=CommandGroup, context_settings=HELP_OPTIONS)
def command() -> None:
    """Keys that sign tokens and encrypt what is stored."""


@command.command("list")
@as_json
@at_a_place
def list_(place: Place, *, as_json: bool) -> None:
    """List the keys: the current ones, those that only open and verify any more, and those that are to come."""
    from doorward.oauth.key_records import KeyRecord
    from doorward.storage.keys import ring_order

    async def operation(here: Installation) -> list[dict[str, object]]:
        records = [stored.record for stored in await here.store.find(KeyRecord)]
        now = here.clock.now()
        return [
            _described(record, place, now)
            for use in ("encryption", "signing")
            for place, record in enumerate(ring_order(records, use, now))
        ]

    found = work(place, operation)
    if as_json:
        emit(found)
        return
    table(
        ("KEY", "USE", "STATE", "CREATED", "ACTIVE FROM", "UNTIL"),
        (
            (each["kid"], each["use"], each["state"], *(moment(cast("int | None", each[at])) for at in _INSTANTS))
            for each in found
        ),
        empty="There are no keys.",
    )


@command.command()
@click.option(
    "--kind",
    type=click.Choice(["signing", "encryption"]),
    default="signing",
    show_default=True,
    help="Which key to replace.",
)
@click.option("--now", "at_once", is_flag=True, help="Use the new key at once: the old one is known to others.")
@as_json
@at_a_place
def rotate(place: Place, *, kind: Literal["signing", "encryption"], at_once: bool, as_json: bool) -> None:
    """Make a new key, which takes over within minutes; what the old one has signed or encrypted stays good.

    Running servers know the new key within seconds. It is used later, when everybody who verifies has had the time to
    fetch it.
    """
    from doorward.storage.key_rotation import Rotation

    async def operation(here: Installation) -> dict[str, object]:
        rotation = Rotation(here.store, here.keys, here.clock, here.policy)
        record = await rotation.rotate(kind, at_once=at_once)
        return _described(record, 0, here.clock.now())

    made = work(place, operation)
    if as_json:
        emit(made)
    else:
        click.echo(f"New {kind} key {made['kid']}, in use from {moment(cast('int', made['active_at']))}.")


_INSTANTS = ("created_at", "active_at", "expires_at")


def _described(record: KeyRecord, place: int, now: int) -> dict[str, object]:
    """Describe a key; `place` is the one in its ring, where the current one is first."""
    state = "next" if record.active_at > now else "current" if place == 0 else "previous"
    return {
        "kid": record.kid,
        "use": record.use,
        "state": state,
        "created_at": record.created_at,
        "active_at": record.active_at,
        "expires_at": record.expires_at,
    }
