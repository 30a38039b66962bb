"""What each client accepts of a tool: names, schemas, counts. The limits are data in `tool_rules.toml`.

Owns the checks that the data names, each a question about one tool. Does not know the network.

Spec: MCP 2025-11-25 server/tools; JSON Schema 2020-12 as far as a reference must be followed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from doorward.doctor.engine.rules import profiles

Tool = dict[str, Any]
_UNIONS = ("anyOf", "oneOf", "allOf")
_PROPERTY_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_POSITIONS_LIMIT = 5000


@dataclass(frozen=True, slots=True)
class NameRule:
    """The tool names that a client accepts."""

    clients: tuple[str, ...]
    pattern: str
    most_chars: int
    prefix_chars: int
    """The likely length of the prefix that the client adds."""
    inferred: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SchemaRule:
    """A schema feature that a client refuses."""

    check: str
    """A function of this module that returns the JSON pointer of the fault in a tool, or None."""
    says: str
    clients: tuple[str, ...]
    only_legacy: bool = False
    """Whether the newer era allows it."""
    inferred: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CountRule:
    """How many tools a client accepts."""

    clients: tuple[str, ...]
    most_tools: int
    inferred: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolRules:
    """All rules."""

    names: tuple[NameRule, ...]
    schemas: tuple[SchemaRule, ...]
    counts: tuple[CountRule, ...]


@cache
def tool_rules() -> ToolRules:
    """Return the rules, with "all" expanded."""
    tables = tomllib.loads(files(__package__).joinpath("tool_rules.toml").read_text(encoding="utf-8"))
    for rule in (each for table in tables.values() for each in table):
        if rule["clients"] == ["all"]:
            rule["clients"] = list(profiles())
    return msgspec.convert(tables, ToolRules)


def pointer_to_fault(rule: SchemaRule, tool: Tool) -> str | None:
    """Apply a rule to a tool; return the JSON pointer of the fault, or None."""
    return _CHECKS[rule.check](tool)


def _input_is_no_object(tool: Tool) -> str | None:
    schema = tool.get("inputSchema")
    if not isinstance(schema, dict):
        return "/inputSchema"
    return None if schema.get("type") == "object" else "/inputSchema/type"


def _properties_are_no_object(tool: Tool) -> str | None:
    for name in ("inputSchema", "outputSchema"):
        schema = tool.get(name)
        if isinstance(schema, dict) and not isinstance(schema.get("properties", {}), dict):
            return f"/{name}/properties"
    return None


def _root_is_union(tool: Tool) -> str | None:
    schema = tool.get("inputSchema")
    unions = [name for name in _UNIONS if isinstance(schema, dict) and name in schema]
    return f"/inputSchema/{unions[0]}" if unions else None


def _property_name_is_refused(tool: Tool) -> str | None:
    schema = tool.get("inputSchema")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    names = properties if isinstance(properties, dict) else {}
    refused = next((name for name in names if not _PROPERTY_NAME.fullmatch(name)), None)
    return None if refused is None else f"/inputSchema/properties/{refused}"


def _reference_leads_nowhere(tool: Tool) -> str | None:
    for name in ("inputSchema", "outputSchema"):
        schema = tool.get(name)
        for pointer, reference in _references(schema):
            if _leads_nowhere(schema, reference):
                return f"/{name}{pointer}"
    return None


def _leads_nowhere(schema: object, reference: object) -> bool:
    if not isinstance(reference, str):
        return True
    if reference.startswith("#"):
        # `#name` refers to an anchor anywhere in the schema: anchors are not resolved, and not reported as missing.
        return reference.startswith("#/") and resolved(schema, reference) is None
    names = [node["$id"] for _, node in _positions(schema) if "$id" in node]
    return not any(isinstance(name, str) and name == reference.partition("#")[0] for name in names)


def _output_is_no_object(tool: Tool) -> str | None:
    if "outputSchema" not in tool:
        return None
    schema = tool["outputSchema"]
    if not isinstance(schema, dict):
        return "/outputSchema"
    return None if schema.get("type") == "object" else "/outputSchema/type"


_CHECKS: dict[str, Callable[[Tool], str | None]] = {
    "input_is_no_object": _input_is_no_object,
    "properties_are_no_object": _properties_are_no_object,
    "root_is_union": _root_is_union,
    "property_name_is_refused": _property_name_is_refused,
    "reference_leads_nowhere": _reference_leads_nowhere,
    "output_is_no_object": _output_is_no_object,
}


def _references(root: object) -> Iterator[tuple[str, object]]:
    """Yield each `$ref` of a schema with its pointer."""
    for pointer, node in _positions(root):
        if "$ref" in node and not pointer.endswith("/properties"):
            yield f"{pointer}/$ref", node["$ref"]


def _positions(root: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each object of a schema with its pointer; bounded, against huge schemas."""
    waiting: list[tuple[str, object]] = [("", root)]
    for _ in range(_POSITIONS_LIMIT):
        if not waiting:
            return
        pointer, node = waiting.pop()
        if isinstance(node, list):
            waiting += [(f"{pointer}/{index}", each) for index, each in enumerate(node)]
        elif isinstance(node, dict):
            yield pointer, node
            waiting += [(f"{pointer}/{name}", each) for name, each in node.items() if name not in _DATA]


_DATA = frozenset({"default", "examples", "const", "enum"})
"""Keywords whose values are data, so that a `$ref` inside does not count."""


def resolved(root: object, reference: str) -> dict[str, Any] | bool | None:
    """Resolve a JSON pointer inside a schema; None if it is malformed or leads nowhere."""
    if reference != "#" and not reference.startswith("#/"):
        return None
    node = root
    for part in reference.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict) and key in node:
            node = node[key]
        elif isinstance(node, list) and key.isdecimal() and int(key) < len(node):
            node = node[int(key)]
        else:
            return None
    return node if isinstance(node, dict | bool) else None
