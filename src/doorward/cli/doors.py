"""`doorward doors`: which doors there are and whether they are served; add, change and remove them."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from doorward.cli.groups import HELP_OPTIONS, CommandGroup
from doorward.cli.installation import Place, as_json, at_a_place
from doorward.cli.operations import every, perform
from doorward.cli.printing import emit, facts, moment, plain, table
from doorward.cli.serve import ServeCommand

if TYPE_CHECKING:
    from doorward.administration.door_views import DoorView

PATIENCE_SECONDS = 10
"""How long a command waits until the running processes have taken in a change."""
LOOK_SECONDS = 0.2


class TargetCommand(ServeCommand):
    """Takes everything after two dashes as the command behind the door."""

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Name both forms."""
        del ctx
        return ["[OPTIONS]", "NAME", "TARGET | -- COMMAND ARGS..."]


@click.group(cls=CommandGroup, context_settings=HELP_OPTIONS)
def command() -> None:
    """Doors: which there are, and those added by command."""


@command.command("list")
@as_json
@at_a_place
def list_(place: Place, *, as_json: bool) -> None:
    """List every door, where it is set, and whether it is served."""
    from doorward.administration import doors

    found = every(place, doors.LIST, doors.ListDoors())
    if as_json:
        emit(found)
        return
    table(
        ("DOOR", "STATE", "URL", "SET BY", "AUTH", "TARGET", "EXAMINED", "FINDINGS"),
        (
            (
                each["name"],
                each["state"],
                each["url"],
                each["source"],
                each["auth"],
                each["target"],
                moment(each["examined_at"]),
                _rules(each),
            )
            for each in found
        ),
        empty="There are no doors here yet. The first `doorward serve TARGET` opens one.",
    )
    for each in found:
        if each["reason"]:
            click.echo(f"\n{plain(each['name'])}: {plain(each['reason'])}")


@command.command()
@click.argument("name")
@as_json
@at_a_place
def show(place: Place, *, name: str, as_json: bool) -> int:
    """Show a door, and what it found when it last looked at itself from outside."""
    from doorward.administration import doors
    from doorward.cli.check_output import coloured, width
    from doorward.doctor.report.formats import finding_lines, findings_of

    door = perform(place, doors.SHOW, doors.OneDoor(name=name))
    if as_json:
        emit(door)
    else:
        _print(door)
        for line in finding_lines(findings_of(door.findings), width=width(), colour=coloured()):
            click.echo(line)
        if door.examined_at is not None and not door.findings:
            click.echo("Nothing was found.")
    return 1 if door.findings or door.state == "failed" else 0


def _settings(callback: Any) -> Any:
    for option in (
        click.option("--path", help="Path of the door.  [default: /NAME/mcp]"),
        click.option("--auth", metavar="MODE", help="oauth, token or none.  [default: oauth]"),
        click.option(
            "--scope", "--scopes", "scopes", multiple=True, help="A scope that every call needs; may be repeated."
        ),
        click.option("--set", "others", multiple=True, metavar="KEY=VALUE", help="Another setting, as in a file."),
        click.option("--no-wait", is_flag=True, help="Do not wait until the running processes serve it."),
    ):
        callback = option(callback)
    return callback


@command.command(cls=TargetCommand, context_settings=HELP_OPTIONS)
@click.argument("name")
@click.argument("target", nargs=-1)
@_settings
@as_json
@at_a_place
def add(place: Place, *, name: str, target: tuple[str, ...], no_wait: bool, as_json: bool, **given: Any) -> int:
    """Add a door to the running server.

    TARGET is what `doorward serve` takes. The door stays until it is removed, and is kept in the database.
    """
    from doorward.administration import doors

    asked = doors.AddDoor(name=name, target=_target(target, required=True), **_given(given))
    perform(place, doors.ADD, asked, creates=True)
    return _report(place, name, wait=not no_wait, as_json=as_json)


@command.command(cls=TargetCommand, context_settings=HELP_OPTIONS)
@click.argument("name")
@click.argument("target", nargs=-1)
@_settings
@as_json
@at_a_place
def update(place: Place, *, name: str, target: tuple[str, ...], no_wait: bool, as_json: bool, **given: Any) -> int:
    """Change a door that was added; what is not named stays."""
    from doorward.administration import doors

    asked = doors.UpdateDoor(name=name, target=_target(target, required=False), **_given(given))
    perform(place, doors.UPDATE, asked)
    return _report(place, name, wait=not no_wait, as_json=as_json)


@command.command()
@click.argument("name")
@click.option("--no-wait", is_flag=True, help="Do not wait until no running process serves it.")
@as_json
@at_a_place
def remove(place: Place, *, name: str, no_wait: bool, as_json: bool) -> None:
    """Remove a door that was added; its calls under way may end, other doors notice nothing."""
    from doorward.administration import doors

    removed = perform(place, doors.REMOVE, doors.OneDoor(name=name))
    if not no_wait:
        _settled(place, name)
    if as_json:
        emit(removed)
    else:
        click.echo(f"Removed {plain(name)}.")


def _target(words: tuple[str, ...], *, required: bool) -> str | tuple[str, ...] | None:
    """Return the target that was given, a file of Python with its whole path."""
    from doorward.config.faults import Fault
    from doorward.config.model import PythonTarget
    from doorward.config.targets import parse_target, spelled

    started: tuple[str, ...] | None = click.get_current_context().meta.get("doorward.command")
    if len(words) > 1 or (words and started is not None):
        together = " ".join([*words, *(started or ())])
        raise click.UsageError(f"There is more than one target. To serve a command: NAME -- {together}")
    if started is not None:
        return started
    if not words:
        if required:
            raise click.UsageError("Missing argument 'TARGET': what the door stands in front of.")
        return None
    try:
        target = parse_target(words[0], Path.cwd())
    except Fault:
        return words[0]
    return spelled(target) if isinstance(target, PythonTarget) else words[0]


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """Return the options as parameters of the operation."""
    scopes = tuple(word for each in values["scopes"] for word in each.replace(",", " ").split())
    return {
        "path": values["path"],
        "auth": values["auth"],
        "scopes": scopes or None,
        "settings": dict(_setting(each) for each in values["others"]),
    }


def _setting(written: str) -> tuple[str, Any]:
    key, sign, value = written.partition("=")
    if not sign:
        raise click.UsageError(f"{written!r} is not a setting: write KEY=VALUE.")
    if key.endswith("_file"):
        return key, str(Path(value).expanduser().absolute())
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value


def _report(place: Place, name: str, *, wait: bool, as_json: bool) -> int:
    """Print how the door is served, once the running processes have taken it in."""
    from doorward.administration import doors

    door = _settled(place, name) if wait else perform(place, doors.SHOW, doors.OneDoor(name=name))
    if door is None:  # another operator has removed it meanwhile
        return 1
    if as_json:
        emit(door)
    else:
        _print(door)
    return 1 if door.state in {"failed", "hidden"} else 0


def _settled(place: Place, name: str) -> DoorView | None:
    """Return the door when every running process has taken in the last change, or as it is after a while."""
    from doorward.administration import doors
    from doorward.errors import NotFound

    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            door = perform(place, doors.SHOW, doors.OneDoor(name=name))
        except NotFound:
            return None
        if door.state != "pending" or time.monotonic() > until:
            return door
        time.sleep(LOOK_SECONDS)


def _print(door: DoorView) -> None:
    facts(
        {
            "door": door.name,
            "URL": door.url,
            "state": door.state,
            **({"reason": door.reason} if door.reason else {}),
            "set by": door.source,
            "auth": door.auth,
            "target": door.target,
            "examined": moment(door.examined_at),
        }
    )


def _rules(door: dict[str, Any]) -> str:
    none = "none" if door["examined_at"] is not None else ""
    return ", ".join(each["rule"] for each in door["findings"]) or none
