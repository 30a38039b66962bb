"""Converts written settings to typed values: strings of flags and variables, and the typed values of TOML.

Only the form is checked here (whether it is a number, or one of the choices); `rules.py` checks the meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from doorward.config.faults import Fault, shown, suggestion
from doorward.config.settings import Kind, Setting
from doorward.config.targets import parse_target
from doorward.strict_json import InvalidJson, decode

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def from_text(setting: Setting, text: Any, base: Path) -> Any:
    """Convert the string of a flag or variable; a flag may also be typed already.

    Raises:
        Fault: quotes the string, unless the setting is secret.
    """
    if not isinstance(text, str):
        return from_toml(setting, list(text) if isinstance(text, tuple) else text, base)
    match setting.kind:
        case "integer":
            if not text.strip().removeprefix("-").isdecimal():
                raise Fault(f"{shown(text)} is not a whole number")
            return int(text)
        case "boolean":
            word = text.strip().lower()
            if word not in _TRUE | _FALSE:
                raise Fault(f"{shown(text)} is not true or false", "", "Write `true` or `false`.")
            return word in _TRUE
        case "list":
            return tuple(part.strip() for part in text.split(",") if part.strip())
        case "table":
            pairs = (part.partition("=") for part in text.split(",") if part.strip())
            return {name.strip(): tuple(words.split()) for name, _, words in pairs}
        case "issuers":
            return from_toml(setting, _json(text), base)
        case _:
            return from_toml(setting, text, base)


def from_toml(setting: Setting, value: Any, base: Path) -> Any:
    """Convert a value that already has a type; relative paths are relative to `base`.

    Raises:
        Fault: quotes the value, unless the setting is secret.
    """
    seen = "the value" if setting.secret else shown(value)
    fix = ""
    match setting.kind, value:
        case "integer", int() if not isinstance(value, bool):
            return value
        case "integer", str() if value.isdecimal():
            fix = f"Write {value} without quotes."
        case ("boolean", bool()) | ("issuers", list()):
            return value
        case "boolean", _:
            fix = "Write `true` or `false`, without quotes."
        case (("list" | "target"), list()) if all(isinstance(part, str) for part in value):
            return tuple(value) if setting.kind == "list" else parse_target(value, base)
        case "list", _:
            fix = 'Write them in brackets: ["one", "two"]'
        case "table", dict() if all(_is_texts(each) for each in value.values()):
            return {name: tuple(each) for name, each in value.items()}
        case "table", _:
            fix = f'Write a table: {setting.name} = {{ "name" = ["one", "two"] }}'
        case (("string" | "path" | "choice" | "target"), str()) if value.strip():
            return _text(setting, value, base)
    form = f"one of {', '.join(setting.choices)}" if setting.choices else _FORMS[setting.kind]
    raise Fault(f"{seen} is not {form}", "", fix)


_FORMS: Mapping[Kind, str] = {
    "string": "a string",
    "path": "a path",
    "integer": "a whole number",
    "boolean": "true or false",
    "list": "a list of strings",
    "table": "a table of lists of strings",
    "issuers": "a list of tables",
    "target": "a target",
}


def _json(text: str) -> Any:
    try:
        return decode(text.encode())
    except InvalidJson as error:
        raise Fault(
            "the value is not JSON", str(error), 'Write [{"issuer": "https://...", "jwks_uri": "..."}]'
        ) from None


def _is_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(part, str) for part in value)


def _text(setting: Setting, value: str, base: Path) -> Any:
    if setting.kind == "target":
        return parse_target(value, base)
    if setting.kind == "path":
        return (base / Path(value).expanduser()).absolute()
    if setting.kind == "choice" and value not in setting.choices:
        meant = suggestion(value.lower(), setting.choices)
        fix = f"Did you mean `{meant}`?" if meant else ""
        raise Fault(f"{shown(value)} is not one of {', '.join(setting.choices)}", "", fix)
    return value
