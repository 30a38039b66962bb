"""`doorward config`: check the settings, show each with its source, and print their schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from doorward.cli.groups import HELP_OPTIONS, CommandGroup
from doorward.cli.installation import Place, as_json, at_a_place
from doorward.cli.printing import emit, plain, table

if TYPE_CHECKING:
    from doorward.config.load import Loaded


@click.group(cls=CommandGroup, context_settings=HELP_OPTIONS)
def command() -> None:
    """The settings."""


@command.command()
@as_json
@at_a_place
def check(place: Place, *, as_json: bool) -> None:
    """Check the settings; every fault is listed, and the exit code is then 2."""
    from doorward.config.load import DEFAULT, load_here
    from doorward.errors import ConfigError

    try:
        loaded = load_here(place)
    except ConfigError as error:
        if as_json:
            emit(
                {
                    "good": False,
                    "problems": [
                        {"where": each.where, "what": each.what, "why": each.why, "fix": each.fix}
                        for each in error.problems
                    ],
                }
            )
        raise
    given = sum(origin != DEFAULT for origin in loaded.origins.values())
    if as_json:
        emit({"good": True, "problems": []})
    else:
        click.echo(f"The settings are valid. File: {loaded.file or 'none'}; settings given: {given}.")


@command.command()
@as_json
@at_a_place
def show(place: Place, *, as_json: bool) -> None:
    """Show every setting with its value and source; secrets are masked."""
    from doorward.config.load import load_here

    loaded = load_here(place)
    rows = list(_rows(loaded))
    if as_json:
        emit({key: {"value": value or None, "origin": origin} for key, value, origin in rows})
        return
    table(("SETTING", "VALUE", "FROM"), ((key, plain(value), origin) for key, value, origin in rows), empty="")


@command.command()
def schema() -> None:
    """Print the JSON Schema of doorward.toml, for editors."""
    from doorward.config.schema import json_schema

    emit(json_schema())


def _rows(loaded: Loaded) -> Iterator[tuple[str, str, str]]:
    """Yield key, value and source of every setting; if doors have tables, their settings by door name."""
    from doorward.config.doors import OWN
    from doorward.config.load import DEFAULT
    from doorward.config.settings import catalogue, door_settings

    tables = [door for door in loaded.config.doors if f"doors.{door.name}.target" in loaded.origins]
    for name, setting in catalogue().items():
        if not tables or not setting.of_door:
            owner = loaded.config.doors[0] if setting.of_door else loaded.config
            yield name, _shown(name, getattr(owner, name)), loaded.origins[name]
    for door in tables:
        for name in door_settings():
            key = f"doors.{door.name}.{name}"
            default = DEFAULT if name in OWN else loaded.origins[name]
            yield key, _shown(name, getattr(door, name)), loaded.origins.get(key, default)


def _shown(name: str, value: Any) -> str:
    from doorward.config.settings import catalogue
    from doorward.config.targets import spelled
    from doorward.oauth.trusted_issuers import TrustedIssuer
    from doorward.secret_shapes import mask_urls, mask_userinfo

    if value is None:
        return ""
    if name == "database":
        # Show the address without its password, which is the only secret in it.
        return mask_userinfo(value)
    if catalogue()[name].secret:
        return "***"
    if name == "target":
        return spelled(value)
    if isinstance(value, tuple):
        return mask_urls(", ".join(each.issuer if isinstance(each, TrustedIssuer) else str(each) for each in value))
    if isinstance(value, dict):
        return ", ".join(f"{key}={' '.join(scopes)}" for key, scopes in value.items())
    return str(value).lower() if isinstance(value, bool) else mask_urls(str(value))
