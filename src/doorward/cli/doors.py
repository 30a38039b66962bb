"""`doorward doors`: the results of each door's last self-examination from outside."""

from __future__ import annotations

import click

from doorward.cli.groups import HELP_OPTIONS, CommandGroup
from doorward.cli.installation import Place, as_json, at_a_place
from doorward.cli.operations import every, perform
from doorward.cli.printing import emit, moment, plain, table


@click.group(cls=CommandGroup, context_settings=HELP_OPTIONS)
def command() -> None:
    """Doors, and what they found when they looked at themselves from outside."""


@command.command("list")
@as_json
@at_a_place
def list_(place: Place, *, as_json: bool) -> None:
    """List the doors that have been opened here."""
    from doorward.administration import doors

    found = every(place, doors.LIST, doors.ListDoors())
    if as_json:
        emit(found)
        return
    table(
        ("DOOR", "URL", "EXAMINED", "FINDINGS"),
        ((each["name"], each["url"], moment(each["examined_at"]), _rules(each["findings"])) for each in found),
        empty="No door has examined itself yet; each does so when it opens.",
    )


@command.command()
@click.argument("name")
@as_json
@at_a_place
def show(place: Place, *, name: str, as_json: bool) -> int:
    """Show the results of a door's last self-examination from outside, as `doorward check` prints them."""
    from doorward.administration import doors
    from doorward.cli.check_output import coloured, width
    from doorward.doctor.report.formats import finding_lines, findings_of

    door = perform(place, doors.SHOW, doors.ShowDoor(name=name))
    if as_json:
        emit(door)
    else:
        click.echo(f"{plain(door.url)}, examined {moment(door.examined_at)}")
        for line in finding_lines(findings_of(door.findings), width=width(), colour=coloured()):
            click.echo(line)
        if not door.findings:
            click.echo("Nothing was found.")
    return 1 if door.findings else 0


def _rules(findings: list[dict[str, str]]) -> str:
    return ", ".join(each["rule"] for each in findings) or "none"
