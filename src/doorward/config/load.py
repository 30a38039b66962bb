"""From flags, environment and file to one `Config`, or to every fault at once.

Precedence: flag, `DOORWARD_*` (then `PORT` and `WEB_CONCURRENCY`), `doorward.toml` or `[tool.doorward]`, default. The
file is the one named by `--config` or `DOORWARD_CONFIG`, else `doorward.toml`, else `pyproject.toml`, in the working
directory. Relative paths count from where they were written; the default data directory is beside the file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doorward.config import rules, sources
from doorward.config.database import absolute_database
from doorward.config.faults import Fault, suggestion
from doorward.config.model import Config
from doorward.config.settings import Setting, catalogue
from doorward.config.sources import Entry
from doorward.config.values import from_text, from_toml
from doorward.errors import ConfigError, Problem

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and for each the place it came from."""

    config: Config
    origins: Mapping[str, str]
    """By setting: `--port`, `DOORWARD_PORT`, `port in doorward.toml` or `default`."""
    file: Path | None = None
    """The file that was read."""


def load(flags: Mapping[str, object], environ: Mapping[str, str], cwd: Path, *, needs_target: bool = False) -> Loaded:
    """Put the settings together; `flags` holds field names, and `config` for the file. None means not given.

    Raises:
        ConfigError: with every fault that was found.
    """
    problems: list[Problem] = []
    path, named = sources.find_file(flags, environ, cwd)
    entries: dict[str, Entry] = {}
    if path:
        entries.update((each.name, each) for each in sources.from_file(path, named, cwd, problems))
    entries.update((each.name, each) for each in sources.from_environment(environ, cwd, problems))
    entries.update((each.name, each) for each in sources.from_flags(flags, cwd))
    values = _settled(entries, path.parent if path else cwd, problems)
    if needs_target and "target" not in entries:
        problems.append(_NO_TARGET)
    if problems:
        raise ConfigError(problems)
    origins = {name: entries[name].where if name in entries else DEFAULT for name in values}
    return Loaded(Config(**values), origins, path)


def from_keywords(keywords: Mapping[str, object], cwd: Path) -> Config:
    """Make settings of the arguments of a Python call; neither environment nor file is looked at.

    Raises:
        ConfigError: with every fault that was found.
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
    values = _settled(entries, cwd, problems)
    if problems:
        raise ConfigError(problems)
    return Config(**values)


def _settled(entries: Mapping[str, Entry], base: Path, problems: list[Problem]) -> dict[str, Any]:
    """Return every setting's value; what is wrong with one is added to `problems`."""
    values: dict[str, Any] = {each.name: each.default for each in catalogue().values()}
    values["data_dir"] = base.absolute() / values["data_dir"]
    broken = {entry.name for entry in entries.values() if not _accept(entry, values, problems)}
    _finish(values, entries, broken, problems)
    return values


_NO_TARGET = Problem(
    "there is nothing to serve",
    "Doorward stands in front of an MCP server; name it.",
    "doorward serve server.py, doorward serve http://127.0.0.1:9000/mcp, or doorward serve -- npx -y some-server",
    "TARGET",
)


def _accept(entry: Entry, values: dict[str, Any], problems: list[Problem]) -> bool:
    setting: Setting = catalogue()[entry.name]
    try:
        value = (from_toml if entry.typed else from_text)(setting, entry.value, entry.base)
        if rule := rules.FIELD_RULES.get(entry.name):
            value = rule(value)
    except Fault as fault:
        problems.append(_problem(fault, entry.where))
        return False
    values[entry.name] = absolute_database(value, entry.base) if entry.name == "database" else value
    return True


def _finish(values: dict[str, Any], entries: Mapping[str, Entry], broken: set[str], problems: list[Problem]) -> None:
    """Apply what ties settings together, leaving out whatever is broken already."""
    if values["public_url"] is not None and "path" not in broken:
        try:
            values["public_url"] = rules.public_url(values["public_url"], values["path"])
        except Fault as fault:
            problems.append(_problem(fault, entries["public_url"].where))
            broken.add("public_url")
    for names, mistake in rules.across(values):
        if not broken.intersection(names):
            problems.append(_problem(mistake, entries[names[0]].where))


def _problem(fault: Fault, where: str) -> Problem:
    return Problem(fault.what, fault.why, fault.fix, where)


def load_here(flags: Mapping[str, object], *, needs_target: bool = False) -> Loaded:
    """Load the settings of this process: its environment and its working directory.

    Raises:
        ConfigError: with every fault that was found.
    """
    return load(flags, os.environ, Path.cwd(), needs_target=needs_target)
