"""The OpenAPI description of the API, generated from the catalogue, so that it always matches what is served.

Implements OpenAPI 3.1. Does not know how a request is authenticated, except for the name of the scheme.
"""

from __future__ import annotations

from typing import Any

import msgspec

from doorward.administration.catalogue import OPERATIONS
from doorward.administration.operation import CAPABILITIES, Operation

VERSION = "1"
_DESCRIPTION = (
    "The operations of the command line over HTTP. A request carries a header token created with capabilities "
    "(`doorward tokens create --name NAME --capability admin:read`); each operation names the one it needs. "
    f"Capabilities: {', '.join(CAPABILITIES)}."
)
_REFUSALS = {
    "400": "The parameters cannot be used.",
    "401": "The token is missing, or is not an admin token.",
    "403": "The token lacks the capability.",
    "404": "The named object does not exist.",
    "405": "The address does not support this method.",
    "409": "The name is taken.",
    "413": "The body is larger than 64 KiB.",
    "503": "The store cannot answer now; nothing was changed.",
}


class Problem(msgspec.Struct):
    """One fault: what is wrong, why it matters, what to do."""

    what: str
    why: str
    fix: str


class Error(msgspec.Struct):
    """A refusal."""

    error: str
    error_description: str
    problems: list[Problem] = []


def document(root: str) -> dict[str, Any]:
    """Return the OpenAPI document of the API at `root`."""
    types = [each for operation in OPERATIONS for each in (operation.parameters, operation.result)]
    schemas, components = msgspec.json.schema_components([*types, Error], ref_template="#/components/schemas/{name}")
    error = schemas[-1]
    pairs = zip(OPERATIONS, schemas[0::2], schemas[1::2], strict=False)
    paths: dict[str, dict[str, Any]] = {}
    used: dict[str, Any] = {}
    for operation, asked, answered in pairs:
        described = _described(operation, _resolve(asked, components), answered, error)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    _collect(paths, components, used)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Doorward administration", "version": VERSION, "description": _DESCRIPTION},
        "servers": [{"url": root}],
        "security": [{"header_token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"header_token": {"type": "http", "scheme": "bearer", "bearerFormat": "dwk_..."}},
            "schemas": dict(sorted(used.items())),
        },
    }


def _described(
    operation: Operation[Any, Any], asked: dict[str, Any], answered: dict[str, Any], error: dict[str, Any]
) -> dict[str, Any]:
    properties: dict[str, Any] = asked["properties"]
    required = set(asked.get("required", ()))
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"Needs the capability `{operation.capability}`.",
        "parameters": [_parameter(name, properties[name], "path", required=True) for name in operation.in_path],
        "responses": {
            str(operation.status): {
                "description": "Done.",
                "content": {"application/json": {"schema": answered}},
            },
            **{
                status: {"description": text, "content": {"application/json": {"schema": error}}}
                for status, text in _REFUSALS.items()
            },
        },
    }
    others = {name: schema for name, schema in properties.items() if name not in operation.in_path}
    if operation.method in {"POST", "PUT"}:
        if others:
            needed = sorted(required - set(operation.in_path))
            body: dict[str, Any] = {"type": "object", "properties": others, "additionalProperties": False}
            if needed:
                body["required"] = needed
            described["requestBody"] = {"required": bool(needed), "content": {"application/json": {"schema": body}}}
    else:
        described["parameters"] += [
            _parameter(name, schema, "query", required=name in required) for name, schema in others.items()
        ]
    return described


def _parameter(name: str, schema: dict[str, Any], where: str, *, required: bool) -> dict[str, Any]:
    """Describe one parameter; a query has no null, so a missing parameter means null."""
    plain = {key: value for key, value in schema.items() if not (key == "default" and value is None)}
    if "anyOf" in plain:
        others = [each for each in plain.pop("anyOf") if each.get("type") != "null"]
        plain |= others[0] if len(others) == 1 else {"anyOf": others}
    return {"name": name, "in": where, "required": required, "schema": plain}


def _resolve(schema: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    name = str(schema["$ref"]).rpartition("/")[2]
    found = components[name]
    assert isinstance(found, dict)
    return found


def _collect(part: object, components: dict[str, Any], used: dict[str, Any]) -> None:
    """Collect every schema that `part` refers to."""
    if isinstance(part, dict):
        name = str(part.get("$ref", "")).rpartition("/")[2]
        if name and name not in used:
            used[name] = components[name]
            _collect(components[name], components, used)
        for value in part.values():
            _collect(value, components, used)
    elif isinstance(part, list):
        for value in part:
            _collect(value, components, used)
