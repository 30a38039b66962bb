"""Reads settings from flags, environment and file, into entries that remember their place.

The only code that reads the environment. It distinguishes unknown names from those that container platforms add
automatically, and reads the files that `*_FILE` variables name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from doorward.config.faults import suggestion
from doorward.config.settings import PREFIX, catalogue, file_keys, variables
from doorward.errors import Problem

FILE_NAME = "doorward.toml"
DOORS = "doors"
"""The table with one table per door; `door_tables.py` parses it."""
DOORS_PREFIX = "DOORWARD_DOORS_"
OTHER_VARIABLES = frozenset({"DOORWARD_CHECK_TOKEN"})
"""Variables of commands without settings; listed so that they are not reported as unknown."""
PLATFORM_VARIABLES = {"PORT": "port", "WEB_CONCURRENCY": "workers"}
"""Set by hosting platforms; they count as environment, with lower precedence than Doorward's own names."""

_SERVICE_LINK = re.compile(
    r"DOORWARD_(.+_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_SERVICE_LINK_PORT = re.compile(r"DOORWARD_(.+_)?PORT")


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting as it was written."""

    name: str
    value: Any
    where: str
    """Its place, as the operator knows it: `--port`, `DOORWARD_PORT`, `port in doorward.toml`."""
    base: Path
    """The base of relative paths in it."""
    typed: bool
    """True for TOML, whose values have types; False for strings."""
    door: str = ""
    """The door whose setting it is; empty for the installation, or for all doors."""

    @property
    def key(self) -> str:
        """Its place in a file, such as `port` or `doors.time.path`."""
        return ".".join(part for part in ("doors" * bool(self.door), self.door, self.name) if part)


def from_flags(flags: Mapping[str, object], cwd: Path) -> Iterator[Entry]:
    """Yield the given flags. A tuple as `target` is a command."""
    settings = catalogue()
    for name, value in flags.items():
        if value is not None and name in settings:
            where = "TARGET" if name == "target" else settings[name].flag
            yield Entry(name, value, where, cwd, typed=False)


def from_environment(environ: Mapping[str, str], cwd: Path, problems: list[Problem]) -> Iterator[Entry]:
    """Yield the settings in the environment, platform names first so that Doorward's own take precedence.

    An empty variable counts as not set, because compose files pass variables on that way. Variables of single doors are
    parsed in `door_tables.py`.
    """
    for variable, name in PLATFORM_VARIABLES.items():
        if environ.get(variable):
            yield Entry(name, environ[variable], variable, cwd, typed=False)
    names = {each.variable: each for each in catalogue().values()}
    known = variables()
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or not value or is_service_link(variable, value):
            continue
        if variable.startswith(DOORS_PREFIX):
            continue
        if setting := names.get(variable):
            yield Entry(setting.name, value, variable, cwd, typed=False)
        elif variable in OTHER_VARIABLES:
            continue
        elif variable not in known:
            problems.append(unknown(variable, variable.removeprefix(PREFIX), [*file_keys(), "config"], PREFIX))
        elif variable.endswith("_FILE"):
            twin = variable.removesuffix("_FILE")
            pointer = Entry(twin.removeprefix(PREFIX).lower(), value, variable, cwd, typed=False)
            yield from secret_file(pointer, twin if environ.get(twin) else "", problems)


def is_service_link(variable: str, value: str) -> bool:
    """Return whether Kubernetes created this variable, because a service is named `doorward` or starts with it."""
    if _SERVICE_LINK.fullmatch(variable):
        return True
    return bool(_SERVICE_LINK_PORT.fullmatch(variable)) and value.startswith(("tcp://", "udp://", "sctp://"))


def find_file(flags: Mapping[str, object], environ: Mapping[str, str], cwd: Path) -> tuple[Path | None, str]:
    """Return the settings file and what named it; without a name, look for `doorward.toml` and pyproject.toml."""
    for where, named in (("--config", flags.get("config")), ("DOORWARD_CONFIG", environ.get("DOORWARD_CONFIG"))):
        if named:
            return cwd / Path(str(named)).expanduser(), where
    if (cwd / FILE_NAME).is_file():
        return cwd / FILE_NAME, ""
    pyproject = cwd / "pyproject.toml"
    return (pyproject if pyproject.is_file() else None), ""


def from_file(path: Path, named: str, cwd: Path, problems: list[Problem]) -> Iterator[Entry]:
    """Yield the settings of a TOML file; `named` is the flag or variable that named it, or empty.

    The table `doors` is one entry.
    """
    shown_path = str(path.relative_to(cwd)) if path.is_relative_to(cwd) else str(path)
    table = _table(path, shown_path, named, problems)
    base = path.parent.absolute()
    known, settings = file_keys(), catalogue()
    for key, value in table.items():
        where = f"{key} in {shown_path}"
        if key == DOORS:
            yield Entry(DOORS, value, where, base, typed=True)
        elif key not in known:
            problems.append(unknown(where, key, [*known, DOORS], ""))
        elif key in settings:
            yield Entry(key, value, where, base, typed=True)
        else:
            name = key.removesuffix("_file")
            twin = f"{name} in {shown_path}" if name in table else ""
            yield from secret_file(Entry(name, value, where, base, typed=False), twin, problems)


def _table(path: Path, shown_path: str, named: str, problems: list[Problem]) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.append(Problem(f"there is no file {shown_path}", f"Looked for {path.absolute()}.", where=named))
        return {}
    except OSError as error:
        problems.append(Problem(f"{shown_path} cannot be read: {error.strerror}", where=named))
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        if path.name != "pyproject.toml" or named:
            problems.append(Problem(f"not valid TOML: {error}", fix="Strings must be quoted.", where=shown_path))
        return {}
    if path.name != "pyproject.toml":
        return document
    table = document.get("tool", {}).get("doorward", {})
    if named and not table:
        problems.append(Problem(f"{shown_path} has no table [tool.doorward]", where=named))
    return table if isinstance(table, dict) else {}


def unknown(where: str, name: str, known: list[str], prefix: str) -> Problem:
    """Return the fault of an unknown name; a variable is its `prefix` and a known name."""
    meant = suggestion(name.replace("-", "_").lower(), known)
    spelled = prefix + meant.upper() if meant and prefix else meant
    fix = f"Did you mean {spelled}?" if meant else "`doorward config schema` lists every setting."
    return Problem("there is no such setting", "A misspelt setting would silently leave the default.", fix, where)


def secret_file(pointer: Entry, twin: str, problems: list[Problem]) -> Iterator[Entry]:
    """Read the file that an entry names; `twin` is where the same secret is also set directly, or empty."""
    fault = "" if not twin else f"{twin} is set as well, and one of the two has to go"
    secret = ""
    path = pointer.base / Path(str(pointer.value)).expanduser()
    try:
        secret = path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
        fault = fault or ("" if secret else f"{path} is empty")
    except OSError as error:
        fault = fault or f"{path} cannot be read: {(error.strerror or type(error).__name__).lower()}"
    except UnicodeDecodeError:
        fault = fault or f"{path} is not text"
    if fault:
        problems.append(Problem(fault, "The value of the secret is read from that file.", where=pointer.where))
    else:
        yield replace(pointer, value=secret)
