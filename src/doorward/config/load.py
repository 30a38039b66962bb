"""Loads flags, environment and file into one `Config`, or reports every fault at once.

Precedence: flag, `DOORWARD_*` (then `PORT` and `WEB_CONCURRENCY`), `doorward.toml` or `[tool.doorward]`, default. The
file is the one named by `--config` or `DOORWARD_CONFIG`, else `doorward.toml`, else `pyproject.toml`, in the working
directory. Relative paths are relative to where they were written; the default data directory is next to the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doorward.config import door_tables, doors, sources
from doorward.config.draft import Draft
from doorward.config.faults import suggestion
from doorward.config.model import Config
from doorward.config.settings import catalogue, door_settings
from doorward.config.sources import Entry
from doorward.errors import ConfigError, Problem

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and the source of each."""

    config: Config
    origins: Mapping[str, str]
    """By setting: `--port`, `DOORWARD_PORT`, `port in doorward.toml` or `default`. A door's own by `doors.NAME.KEY`."""
    file: Path | None = None
    """The file that was read."""


def load(flags: Mapping[str, object], environ: Mapping[str, str], cwd: Path, *, needs_target: bool = False) -> Loaded:
    """Load the settings; `flags` has field names, and `config` for the file. None means not given.

    Raises:
        ConfigError: lists every fault.
    """
    problems: list[Problem] = []
    path, named = sources.find_file(flags, environ, cwd)
    entries = {each.key: each for each in _written(path, named, environ, cwd, problems)}
    entries.update((each.key, each) for each in sources.from_flags(flags, cwd))
    config = _settled(entries, path.parent if path else cwd, problems)
    if needs_target and "target" not in entries and not doors.named(entries):
        problems.append(_NO_TARGET)
    if problems or config is None:
        raise ConfigError(list(dict.fromkeys(problems)))
    origins = {name: entries[name].where if name in entries else DEFAULT for name in catalogue()}
    origins.update((each.key, each.where) for each in entries.values() if each.door and each.name)
    return Loaded(config, origins, path)


def _written(
    path: Path | None, named: str, environ: Mapping[str, str], cwd: Path, problems: list[Problem]
) -> Iterator[Entry]:
    """Yield the entries of the file, then those of the environment."""
    names: list[str] = []
    for entry in sources.from_file(path, named, cwd, problems) if path else ():
        if entry.name != sources.DOORS:
            yield entry
            continue
        for each in door_tables.from_tables(entry, problems):
            names += [each.door] * (not each.name)
            yield each
    yield from sources.from_environment(environ, cwd, problems)
    yield from door_tables.from_environment(environ, cwd, names, problems)


def from_keywords(keywords: Mapping[str, object], cwd: Path) -> Config:
    """Build settings from the arguments of a Python call; environment and file are ignored.

    Raises:
        ConfigError: lists every fault.
    """
    problems: list[Problem] = []
    entries: dict[str, Entry] = {}
    for name, value in keywords.items():
        where = f"Door({name}=...)"
        if name not in catalogue():
            near = suggestion(name, catalogue())
            fix = f"Did you mean {near}?" if near else ""
            problems.append(Problem("there is no such setting", "", fix, where))
        elif value is not None:
            plain = list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
            entries[name] = Entry(name, plain, where, cwd, typed=True)
    config = _settled(entries, cwd, problems)
    if problems or config is None:
        raise ConfigError(problems)
    return config


def _settled(entries: Mapping[str, Entry], base: Path, problems: list[Problem]) -> Config | None:
    """Return the settings; faults are added to `problems`, and the result may then be None."""
    values: dict[str, Any] = {each.name: each.default for each in catalogue().values()}
    values["data_dir"] = base.absolute() / values["data_dir"]
    draft = Draft(values, entries, problems)
    draft.broken = {each.key for each in entries.values() if not each.door and not draft.accept(each, values)}
    settled = doors.settle(draft)
    if problems:
        return None
    of_installation = {name: value for name, value in values.items() if name not in door_settings()}
    return Config(**of_installation, doors=settled)


_NO_TARGET = Problem(
    "there is nothing to serve",
    "Doorward stands in front of an MCP server; name it.",
    "doorward serve server.py, doorward serve http://127.0.0.1:9000/mcp, or doorward serve -- npx -y some-server",
    "TARGET",
)


def load_here(flags: Mapping[str, object], *, needs_target: bool = False) -> Loaded:
    """Load the settings of this process: its environment and its working directory.

    Raises:
        ConfigError: lists every fault.
    """
    return load(flags, os.environ, Path.cwd(), needs_target=needs_target)
