"""The catalogue of settings, read from the annotations of `Config` and `DoorSettings`.

Loader, JSON Schema, reference page and `config show` all use this list, so a new field appears in all of them. Does not
know where a value comes from.
"""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from doorward.config.bounds import Within
from doorward.config.model import Config, DoorSettings
from doorward.oauth.trusted_issuers import TrustedIssuer

Kind = Literal["string", "integer", "boolean", "list", "table", "issuers", "path", "choice", "target"]

PREFIX = "DOORWARD_"
_NO_SETTINGS = {"doors", "name", "source"}
"""Fields that the tables define, not keys in them."""


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One field of `Config` or `DoorSettings`."""

    name: str
    """The key in a file."""
    kind: Kind
    choices: tuple[str, ...]
    """The allowed values of a choice."""
    optional: bool
    """True if leaving it out has its own meaning."""
    secret: bool
    """True if its value is never shown; such a setting has a `*_file` twin that names a file with the value."""
    default: Any
    bounds: Within | None
    """The bounds of an integer."""
    of_door: bool
    """True if each door has its own; outside the doors' tables, it is the default for all doors."""

    @property
    def variable(self) -> str:
        """The environment variable."""
        return PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        """The command-line option, for settings that have one."""
        return "--" + self.name.replace("_", "-")


@functools.cache
def catalogue() -> dict[str, Setting]:
    """Return every setting by name, in the order of the model."""
    settings = [*_settings(DoorSettings, of_door=True), *_settings(Config, of_door=False)]
    return {each.name: each for each in settings}


def _settings(owner: type, *, of_door: bool) -> Iterator[Setting]:
    hints = get_type_hints(owner, include_extras=True)
    for field in dataclasses.fields(owner):
        if field.name not in _NO_SETTINGS:
            yield _setting(field, hints[field.name], of_door=of_door)


def door_settings() -> dict[str, Setting]:
    """Return every setting that each door has of its own."""
    return {name: each for name, each in catalogue().items() if each.of_door}


def file_keys(settings: Mapping[str, Setting] | None = None) -> list[str]:
    """Return every key that a file may have, or a table of these settings."""
    chosen = catalogue() if settings is None else settings
    return [key for each in chosen.values() for key in ([each.name, f"{each.name}_file"][: 1 + each.secret])]


def variables() -> list[str]:
    """Return every `DOORWARD_*` variable, including `DOORWARD_CONFIG`."""
    return [PREFIX + key.upper() for key in [*file_keys(), "config"]]


def _setting(field: dataclasses.Field[Any], hint: Any, *, of_door: bool) -> Setting:
    hint, *facts = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    parts = get_args(hint) if get_origin(hint) in (types.UnionType, Union) else (hint,)
    inner = [part for part in parts if part is not type(None)]
    return Setting(
        name=field.name,
        kind=_kind(field.name, inner[0]),
        choices=get_args(inner[0]) if get_origin(inner[0]) is Literal else (),
        optional=len(inner) < len(parts),
        secret=not field.repr,
        default=field.default if field.default_factory is dataclasses.MISSING else field.default_factory(),
        bounds=next((fact for fact in facts if isinstance(fact, Within)), None),
        of_door=of_door,
    )


def _kind(name: str, hint: Any) -> Kind:
    if name == "target":
        return "target"
    if get_origin(hint) is Literal:
        return "choice"
    if get_origin(hint) is tuple:
        return "issuers" if get_args(hint)[0] is TrustedIssuer else "list"
    if get_origin(hint) is Mapping:
        return "table"
    kinds: dict[Any, Kind] = {str: "string", int: "integer", bool: "boolean", Path: "path"}
    return kinds[hint]
