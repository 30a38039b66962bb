"""Checks a value against a JSON Schema, and reports only certain mismatches.

Owns the keywords that decide most tool schemas. Unknown keywords count as satisfied, so a reported fault is always
real. It follows only references inside the schema, and only to a limited depth.

Spec: JSON Schema 2020-12 core, validation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from doorward.doctor.checks.tool_rules import resolved

_DEPTH = 32
_STEPS = 5000
_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
}


def first_misfit(value: object, schema: object) -> str | None:
    """Return where and how a value does not match; None if it matches, or if that is uncertain."""
    return next(_Comparison(schema).misfits(value, schema, "", _DEPTH), None)


class _Comparison:
    """One value against one schema, in a bounded number of steps, because branches of references multiply."""

    """Return the fault of a value, ignoring its members."""

    def __init__(self, root: object) -> None:
        self.root = root
        self.steps = _STEPS

    def misfits(self, value: object, schema: object, at: str, depth: int) -> Iterator[str]:
        self.steps -= 1
        if schema is False:
            yield f"{at or '/'}: nothing is allowed here"
        if not isinstance(schema, dict) or not depth or self.steps <= 0:
            return
        wrong = _of_itself(value, schema)
        if wrong:
            yield f"{at or '/'}: {wrong}"
            return
        yield from self._branches(value, schema, at, depth)
        if isinstance(value, dict):
            yield from self._members(value, schema, at, depth)
        elif isinstance(value, list) and "prefixItems" not in schema:
            for index, each in enumerate(value):
                yield from self.misfits(each, schema.get("items"), f"{at}/{index}", depth - 1)

    def _branches(self, value: object, schema: dict[str, Any], at: str, depth: int) -> Iterator[str]:
        every = schema.get("allOf")
        all_of = list(every) if isinstance(every, list) else []
        if isinstance(schema.get("$ref"), str):
            all_of.append(resolved(self.root, schema["$ref"]))
        for each in all_of:
            yield from self.misfits(value, each, at, depth - 1)
        for keyword in ("anyOf", "oneOf"):
            some = schema.get(keyword)
            if isinstance(some, list) and some and not any(self._fits(value, each, at, depth) for each in some):
                yield f"{at or '/'}: fits no branch of {keyword}"

    def _fits(self, value: object, schema: object, at: str, depth: int) -> bool:
        return next(self.misfits(value, schema, at, depth - 1), None) is None

    def _members(self, value: dict[str, Any], schema: dict[str, Any], at: str, depth: int) -> Iterator[str]:
        required = schema.get("required")
        for name in required if isinstance(required, list) else []:
            if isinstance(name, str) and name not in value:
                yield f"{at}/{name}: missing"
        properties = schema.get("properties")
        known = properties if isinstance(properties, dict) else {}
        for name, each in value.items():
            if name in known:
                yield from self.misfits(each, known[name], f"{at}/{name}", depth - 1)
            elif schema.get("additionalProperties") is False and "patternProperties" not in schema:
                yield f"{at}/{name}: not among the properties"


def _of_itself(value: object, schema: dict[str, Any]) -> str | None:
    """Say what is wrong with a value apart from what it holds."""
    kinds = schema.get("type")
    allowed = [kinds] if isinstance(kinds, str) else kinds if isinstance(kinds, list) else []
    if allowed and not any(_is(value, kind) for kind in allowed):
        return f"not of type {' or '.join(map(str, allowed))}"
    if "const" in schema and not _same(value, schema["const"]):
        return "not the constant of the schema"
    choices = schema.get("enum")
    if isinstance(choices, list) and not any(_same(value, each) for each in choices):
        return "not among the values of enum"
    return None


def _is(value: object, kind: object) -> bool:
    if not isinstance(kind, str):
        return True
    if kind in {"number", "integer"}:
        whole = not isinstance(value, float) or value.is_integer()
        return isinstance(value, int | float) and not isinstance(value, bool) and (kind == "number" or whole)
    wanted = _TYPES.get(kind)
    return wanted is None or isinstance(value, wanted)


def _same(left: object, right: object) -> bool:
    """Compare like JSON: true is not 1."""
    return left == right and isinstance(left, bool) == isinstance(right, bool)
