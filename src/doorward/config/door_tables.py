"""Parses the tables `[doors.NAME]` of a settings file, and the variables `DOORWARD_DOORS_NAME_*`, into entries.

The values are checked later, like every other setting.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from doorward.config.faults import Fault, shown
from doorward.config.model import DOOR_NAME_CHARACTERS
from doorward.config.settings import catalogue, door_settings, file_keys
from doorward.config.sources import DOORS_PREFIX, Entry, is_service_link, secret_file, unknown
from doorward.errors import Problem

NAME = re.compile(rf"[a-z][a-z0-9-]{{0,{DOOR_NAME_CHARACTERS - 1}}}")


def from_tables(doors: Entry, problems: list[Problem]) -> Iterator[Entry]:
    """Yield the entries of every door: first an unnamed one for the table itself, then its settings."""
    if not isinstance(doors.value, Mapping) or not doors.value:
        what = "there is no door in it" if doors.value == {} else f"{shown(doors.value)} is not a table of doors"
        problems.append(Problem(what, "", "Write [doors.NAME] and below it target = ...", doors.where))
        return
    in_file = doors.where.removeprefix("doors")
    for name, table in doors.value.items():
        where = f"doors.{name if NAME.fullmatch(name) else shown(name)}{in_file}"
        if fault := table_fault(name, table):
            problems.append(Problem(fault.what, fault.why, fault.fix, where))
            continue
        yield Entry("", None, where, doors.base, typed=True, door=name)
        for key, value in table.items():
            at = f"doors.{name}.{key}{in_file}"
            twin = f"doors.{name}.{key.removesuffix('_file')}{in_file}" if key.removesuffix("_file") in table else ""
            yield from setting_entries(Entry(key, value, at, doors.base, typed=True, door=name), twin, problems)


def from_environment(
    environ: Mapping[str, str], cwd: Path, doors: Collection[str], problems: list[Problem]
) -> Iterator[Entry]:
    """Yield the environment's settings for the doors in the file."""
    known: dict[str, list[tuple[str, str]]] = {}
    for door, key in itertools.product(doors, file_keys(door_settings())):
        known.setdefault(variable_of(door, key), []).append((door, key))
    for variable, value in environ.items():
        if not variable.startswith(DOORS_PREFIX) or not value or is_service_link(variable, value):
            continue
        if variable not in known:
            name = variable.removeprefix(DOORS_PREFIX)
            problem = unknown(variable, name, [each.removeprefix(DOORS_PREFIX).lower() for each in known], DOORS_PREFIX)
            problems.append(problem if known else _no_doors(variable))
            continue
        if len(known[variable]) > 1:
            problems.append(_two_meanings(variable, known[variable]))
            continue
        ((door, key),) = known[variable]
        twin = variable.removesuffix("_FILE") if environ.get(variable.removesuffix("_FILE")) else ""
        yield from setting_entries(Entry(key, value, variable, cwd, typed=False, door=door), twin, problems)


def variable_of(door: str, key: str) -> str:
    """Return the environment variable of one setting of one door."""
    return f"{DOORS_PREFIX}{door}_{key}".upper().replace("-", "_")


def table_fault(name: str, table: object) -> Fault | None:
    """Return what is wrong with the name of a door or with its table."""
    if not NAME.fullmatch(name):
        return Fault(
            f"{shown(name)} is not a name for a door",
            "It becomes part of the door's address, of log lines and of variables.",
            f"Use lower-case letters, digits and -, with a letter first, at most {DOOR_NAME_CHARACTERS} characters.",
        )
    if not isinstance(table, Mapping):
        return Fault(f"{shown(table)} is not a table", "", f"Write [doors.{name}] and below it target = ...")
    return None


def _no_doors(variable: str) -> Problem:
    return Problem("no such door is in the file", "", "Add the table [doors.NAME] to the file.", variable)


def _two_meanings(variable: str, meanings: list[tuple[str, str]]) -> Problem:
    places = " and ".join(f"doors.{door}.{key}" for door, key in meanings)
    return Problem("the name has two meanings", f"It is the variable of {places}.", "Write it in the file.", variable)


def setting_entries(entry: Entry, twin: str, problems: list[Problem]) -> Iterator[Entry]:
    """Yield the entry of a setting; if it names the file of a secret, read it. `twin` may set the same secret."""
    key = entry.name
    if key in door_settings():
        yield entry
    elif key in file_keys(door_settings()):
        pointer = Entry(key.removesuffix("_file"), entry.value, entry.where, entry.base, typed=False, door=entry.door)
        yield from secret_file(pointer, twin, problems)
    elif key in file_keys(catalogue()):
        what = f"{key} is not a setting of one door"
        fix = "Move it above the first table of the file: it holds for the whole installation."
        problems.append(Problem(what, "", fix, entry.where))
    else:
        problems.append(unknown(entry.where, key, file_keys(door_settings()), ""))
