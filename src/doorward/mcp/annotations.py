"""`x-mcp-header`: which annotations of an input schema a client may mirror, and which make it drop the tool.

Owns the walk over the positions of a schema. Never follows a `$ref`, and treats the contents of `default`, `enum` and
similar keywords as data, so an annotation inside them does not count.

Spec: MCP 2026-07-28 basic/transports (custom headers); RFC 9110 s5.6.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

ANNOTATION = "x-mcp-header"
MIRRORED_TYPES = ("string", "integer", "boolean")
"""Without `number`: two programs may encode the same number differently."""
_FIELD_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_ONE = frozenset(
    {"items", "contains", "unevaluatedItems", "additionalProperties", "propertyNames", "unevaluatedProperties"}
) | {"not", "if", "then", "else", "contentSchema"}
_SEVERAL = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_NAMED = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})


def annotation_faults(schema: object) -> tuple[str, ...]:
    """Return the faults of an input schema's annotations, each with its JSON pointer."""
    faults: list[str] = []
    taken: dict[str, str] = {}
    for pointer, plain, position in _positions(schema):
        if ANNOTATION not in position:
            continue
        value = position[ANNOTATION]
        if not plain or not pointer:
            faults.append(f"{pointer or '/'}: it is not on a property of the arguments, or of an object among them")
        elif not isinstance(value, str) or not _FIELD_NAME.fullmatch(value):
            faults.append(f"{pointer}: its value is not the name of a header field")
        elif position.get("type") not in MIRRORED_TYPES:
            faults.append(f"{pointer}: the property is not a string, an integer or a boolean")
        elif value.lower() in taken:
            faults.append(f"{pointer}: {taken[value.lower()]} has the same name")
        else:
            taken[value.lower()] = pointer
    return tuple(faults)


def _positions(root: object) -> Iterator[tuple[str, bool, dict[str, object]]]:
    """Yield each schema in a schema: its pointer, whether only `properties` lead to it, and itself."""
    # A list instead of recursion: a client controls the depth of the schema.
    waiting: list[tuple[str, bool, object]] = [("", True, root)]
    while waiting:
        pointer, plain, node = waiting.pop()
        if not isinstance(node, dict):
            continue
        yield pointer, plain, node
        for keyword, value in node.items():
            here = f"{pointer}/{keyword}"
            if keyword in _NAMED and isinstance(value, dict):
                inner = plain and keyword == "properties"
                waiting += [(f"{here}/{name}", inner, each) for name, each in value.items()]
            elif keyword in _ONE:
                waiting.append((here, False, value))
            elif keyword in _SEVERAL and isinstance(value, list):
                waiting += [(f"{here}/{index}", False, each) for index, each in enumerate(value)]
