"""Descriptions of the settings: the JSON Schema for editors of `doorward.toml`, and the reference table of the docs.

Both are generated from `Config`: names and types from its annotations, texts from its field docstrings.
"""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from doorward.config import model
from doorward.config.door_tables import NAME
from doorward.config.doors import OWN
from doorward.config.settings import Setting, catalogue, door_settings


@functools.cache
def descriptions() -> dict[str, str]:
    """Return the docstring of each setting, as one line."""
    classes = {node.name: node for node in ast.parse(inspect.getsource(model)).body if isinstance(node, ast.ClassDef)}
    found: dict[str, str] = {}
    for body in (classes[name].body for name in ("DoorSettings", "Config")):
        for field, text in pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
                assert isinstance(text.value, ast.Constant)
                found[field.target.id] = " ".join(str(text.value.value).split())
    return {name: found[name] for name in catalogue()}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a settings file. Spec: JSON Schema 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "doorward.toml",
        "type": "object",
        "properties": {**_properties(catalogue()), "doors": _doors()},
        "additionalProperties": False,
        # If there are tables for doors, these settings are in the tables.
        "dependentSchemas": {"doors": {"properties": dict.fromkeys(OWN, False)}},
    }


def _doors() -> dict[str, Any]:
    properties = _properties(door_settings())
    properties["path"] = {**properties["path"], "description": "The path of the door. Default: `/NAME/mcp`."}
    del properties["path"]["default"]
    return {
        "description": "Many doors: one table `[doors.NAME]` for each, with its `target`.",
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": f"^{NAME.pattern}$"},
        "additionalProperties": {
            "type": "object",
            "properties": properties,
            "required": ["target"],
            "additionalProperties": False,
        },
    }


def _properties(settings: Mapping[str, Setting]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for setting in settings.values():
        properties[setting.name] = {"description": descriptions()[setting.name], **_type(setting)}
        if setting.secret:
            properties[f"{setting.name}_file"] = {
                "description": f"A file that holds `{setting.name}`, instead of the value itself.",
                "type": "string",
            }
    return properties


def _type(setting: Setting) -> dict[str, Any]:
    default = _plain(setting.default)
    result: dict[str, Any] = {} if default in (None, "") else {"default": default}
    texts = {"type": "array", "items": {"type": "string"}}
    match setting.kind:
        case "integer":
            assert setting.bounds
            result |= {"type": "integer", "minimum": setting.bounds.low, "maximum": setting.bounds.high}
        case "boolean":
            result |= {"type": "boolean"}
        case "list":
            result |= texts
        case "table":
            result |= {"type": "object", "additionalProperties": {**texts, "minItems": 1}}
        case "issuers":
            result |= {"type": "array", "items": _ISSUER}
        case "choice":
            result |= {"enum": list(setting.choices)}
        case "target":
            result |= {"anyOf": [{"type": "string", "pattern": _NOT_BLANK}, {**texts, "minItems": 1}]}
        case _:
            result |= {"type": "string", "pattern": _NOT_BLANK}
    return result


_NOT_BLANK = r"\S"
_TEXTS = {"type": "array", "items": {"type": "string"}}
_ISSUER = {
    "type": "object",
    "required": ["issuer"],
    "properties": {
        "issuer": {"type": "string"},
        "jwks_uri": {"type": "string"},
        "jwks": {"type": "object"},
        "clients": _TEXTS,
        "scopes": _TEXTS,
        "create_users": {"type": "boolean"},
    },
    "additionalProperties": False,
}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value


def reference_table(flags: Iterable[str]) -> str:
    """Return the Markdown reference of all settings; `flags` are the options of `doorward serve`."""
    known = set(flags)
    return "\n".join(_entry(setting, known) for setting in catalogue().values())


_PLAIN_KINDS = {"list": "list of strings", "table": "table of lists of strings", "issuers": "list of tables"}


def _entry(setting: Setting, flags: set[str]) -> str:
    plain = _PLAIN_KINDS.get(setting.kind, setting.kind)
    kind = " or ".join(f"`{word}`" for word in setting.choices) or plain
    names = [f"variable `{setting.variable}`"]
    if setting.secret:
        twin = f"`{setting.variable}_FILE` or key `{setting.name}_file`"
        names.append(f"{twin}: the path of a file that holds it")
    if setting.flag in flags:
        names.insert(0, f"flag `{setting.flag}`")
    elif setting.name == "target":
        names.insert(0, "argument `TARGET`")
    default = _toml(setting.default)
    lines = [f"## `{setting.name}`", "", descriptions()[setting.name], "", f"- Kind: {kind}"]
    lines += [f"- From {setting.bounds.low} to {setting.bounds.high}. {setting.bounds.why}"] if setting.bounds else []
    lines += [f"- Default: `{default}`"] if default else []
    lines += ["- Each [door](#many-doors) has its own"] if setting.of_door else []
    return "\n".join([*lines, f"- Also: {', '.join(names)}", ""])


def _toml(value: Any) -> str:
    match value:
        case None | "":
            return ""
        case bool():
            return str(value).lower()
        case tuple():
            return "[" + ", ".join(f'"{part}"' for part in value) + "]"
        case int():
            return str(value)
        case dict():
            return "{}"
        case _:
            return f'"{value}"'
