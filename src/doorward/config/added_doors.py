"""Doors that were added by command, beside those of the settings: each read like a table, and what keeps one out.

The settings win: a door of theirs keeps its name and its path. The defaults that a file has for all its doors are not
those of an added door, which stays what it is when another operator changes the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from doorward.config import doors, rules
from doorward.config.door_tables import setting_entries, table_fault
from doorward.config.draft import Draft
from doorward.config.faults import Fault, shown
from doorward.config.model import Config, DoorSettings
from doorward.config.settings import catalogue, door_settings
from doorward.config.sources import Entry
from doorward.errors import ConfigError, Problem


@dataclass(frozen=True, slots=True)
class Beside:
    """The settings with the added doors that can stand there, and why each of the others cannot."""

    config: Config
    kept_out: Mapping[str, Problem] = field(default_factory=dict)
    """By name."""
    hidden: frozenset[str] = frozenset()
    """The names that the settings have as well."""


def read_added(name: str, table: Mapping[str, Any], config: Config) -> DoorSettings:
    """Return the door that a table describes; relative paths count from where the data directory lies.

    Raises:
        ConfigError: with every fault that was found.
    """
    where, base = f"doors.{name}", config.data_dir.absolute().parent
    if fault := table_fault(name, table):
        raise ConfigError([Problem(fault.what, fault.why, fault.fix)])
    problems: list[Problem] = []
    entries = [Entry("", None, where, base, typed=True, door=name)]
    for key, value in table.items():
        twin = f"{where}.{key.removesuffix('_file')}" if key.removesuffix("_file") in table else ""
        entry = Entry(key, value, f"{where}.{key}", base, typed=True, door=name)
        entries += setting_entries(entry, "" if twin == entry.where else twin, problems)
    own = {each.name: getattr(config, each.name) for each in fields(Config)}
    values = {**{key: each.default for key, each in catalogue().items()}, **own}
    draft = Draft(values, {each.key: each for each in entries}, problems)
    of_door = doors.of_table(name, draft)
    doors.check_below_public_url(name, of_door["path"], draft)
    for settings, mistake in rules.cross_field_rules_of_door({**values, **of_door}):
        draft.complain(settings, mistake, name)
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return DoorSettings(name=name, source="command", **{key: of_door[key] for key in door_settings()})


def beside(config: Config, added: Iterable[DoorSettings]) -> Beside:
    """Return the settings with added doors; those of the settings and earlier ones keep their names and paths.

    A client that names no door means the same one as before: adding a door must not change that.
    """
    found: list[DoorSettings] = []
    kept_out: dict[str, Problem] = {}
    names = {each.name for each in config.doors}
    paths = {each.path: each.name for each in config.doors}
    hidden = set()
    for door in added:
        if door.name in names:
            hidden.add(door.name)
            kept_out[door.name] = in_the_file(door.name)
        elif other := paths.get(door.path):
            kept_out[door.name] = _of(doors.path_is_taken(door.path, other))
        else:
            found.append(door)
            paths[door.path] = door.name
    only = config.doors[0].name if len(config.doors) == 1 else ""
    default = config.default_door or (only if found else "")
    return Beside(replace(config, doors=(*config.doors, *found), default_door=default), kept_out, frozenset(hidden))


def in_the_file(name: str) -> Problem:
    """Return what keeps an added door out whose name is that of a door in the settings."""
    return Problem(
        f"the settings have a door {shown(name)} as well",
        "The door of the settings is served; it wins over one that was added by command.",
        "Change it in the file, and send SIGHUP to the server. Or add a door with another name.",
    )


def _of(fault: Fault) -> Problem:
    return Problem(fault.what, fault.why, fault.fix)
