"""Builds the doors from the settings: one door for a flat file, or one for each table `[doors.NAME]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from doorward.config import rules
from doorward.config.draft import Draft
from doorward.config.faults import Fault, shown, suggestion
from doorward.config.model import Config, DoorSettings, door_name
from doorward.config.settings import door_settings
from doorward.config.sources import Entry

OWN = ("target", "path", "title")
"""Settings that each door has in its own table; a default for all doors would make no sense."""


def named(entries: Mapping[str, Entry]) -> list[str]:
    """Return the names of the doors with a table, in file order."""
    return [each.door for each in entries.values() if each.door and not each.name]


def settle(draft: Draft) -> tuple[DoorSettings, ...]:
    """Return the doors, and check the rules between settings; faults are added to the draft."""
    names = named(draft.entries)
    doors = {name: of_table(name, draft) for name in names} if names else {"": draft.values}
    _settle_public_url(draft, None if names else draft.values["path"])
    for name, values in doors.items():
        check_below_public_url(name, values["path"], draft)
    for settings, mistake in rules.cross_field_rules(draft.values):
        draft.complain(settings, mistake)
    for name, values in doors.items():
        for settings, mistake in rules.cross_field_rules_of_door({**draft.values, **values}):
            draft.complain(settings, mistake, name)
    if names:
        _check_tables(doors, draft)
    _check_default([name or door_name(values["path"]) for name, values in doors.items()], draft)
    return tuple(
        DoorSettings(
            name=name or door_name(values["path"]),
            source="table" if names else "flat",
            **{key: values[key] for key in door_settings()},
        )
        for name, values in doors.items()
    )


def of_table(name: str, draft: Draft) -> dict[str, Any]:
    """Return the values of a door's table; faults are added to the draft."""
    values = {key: draft.values[key] for key in door_settings()}
    values["target"], values["path"], values["title"] = None, f"/{name}/mcp", ""
    own = [each for each in draft.entries.values() if each.door == name and each.name]
    draft.broken.update(each.key for each in own if not draft.accept(each, values))
    table = draft.entries[f"doors.{name}"]
    if f"doors.{name}.path" not in draft.entries:
        try:
            rules.FIELD_RULES["path"](values["path"])
        except Fault as fault:
            draft.add(Fault(fault.what, fault.why, "Give the door a `path`, or another name."), table.where)
            draft.broken.add(f"doors.{name}.path")
    if f"doors.{name}.target" not in draft.entries:
        draft.add(Fault("the door has nothing to serve", "", 'Write target = "server.py" in its table.'), table.where)
    return values


def _settle_public_url(draft: Draft, path: str | None) -> None:
    """Remove the path of the only door from the public URL."""
    values = draft.values
    if values["public_url"] is None or "path" in draft.broken:
        return
    try:
        values["public_url"] = rules.public_url(values["public_url"], path)
    except Fault as fault:
        draft.complain(("public_url",), fault)
        draft.broken.add("public_url")


def check_below_public_url(name: str, path: str, draft: Draft) -> None:
    """Add a fault if the path of a door begins with that of the public URL."""
    key = f"doors.{name}.path" if name else "path"
    if {key, "public_url"} & draft.broken:
        return
    try:
        rules.below_public_url(path, draft.values["public_url"])
    except Fault as fault:
        place = draft.entries.get(key) or draft.entries.get(f"doors.{name}") or draft.entries["public_url"]
        draft.add(fault, place.where)


def _check_tables(doors: Mapping[str, Mapping[str, Any]], draft: Draft) -> None:
    for key in OWN:
        if entry := draft.entries.get(key):
            why = "The file has a table for each door, and this does not say which door it is for."
            draft.add(Fault(f"{key} belongs to one door", why, "Move it below [doors.NAME]."), entry.where)
    paths: dict[str, str] = {}
    for name, values in doors.items():
        key = f"doors.{name}.path"
        if key in draft.broken:
            continue
        other = paths.setdefault(values["path"], name)
        if other != name:
            place = draft.entries.get(key) or draft.entries[f"doors.{name}"]
            draft.add(path_is_taken(values["path"], other), place.where)


def path_is_taken(path: str, other: str) -> Fault:
    """Return the fault of two doors with one path."""
    return Fault(
        f"{shown(path)} is the path of the door {other} as well",
        "One address leads to one door.",
        "Give each door a path of its own.",
    )


def _check_default(names: list[str], draft: Draft) -> None:
    default = draft.values["default_door"]
    if default and default not in names and "default_door" not in draft.broken:
        near = suggestion(default, names)
        fix = f"Did you mean {near}?" if near else f"The doors are {', '.join(names)}."
        draft.add(Fault(f"there is no door {shown(default)}", "", fix), draft.entries["default_door"].where)


def with_doors_of(config: Config, other: Config) -> Config:
    """Return the settings with the doors of other settings; their other values are ignored."""
    return replace(config, doors=other.doors, default_door=other.default_door)
