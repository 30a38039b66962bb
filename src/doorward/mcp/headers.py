"""The request headers that mirror the body: `MCP-Protocol-Version`, `Mcp-Method`, `Mcp-Name`.

Owns how they are collected, decoded and compared with the body. Does not know which era a request belongs to, and
never looks at `Mcp-Param-*`: those are for the server that published the tool's schema, and are passed on untouched.

Intermediaries route and apply policy by these headers, while the server acts on the body. So a mismatch is treated as
an attack. Names are case-insensitive (the caller passes them in lower case), values are case-sensitive.

Spec: MCP 2026-07-28 basic/transports (Streamable HTTP).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Container, Mapping

import msgspec

VERSION_HEADER = b"mcp-protocol-version"
METHOD_HEADER = b"mcp-method"
NAME_HEADER = b"mcp-name"
SESSION_HEADER = b"mcp-session-id"

MIRRORED_HEADERS = (VERSION_HEADER, METHOD_HEADER, NAME_HEADER)

_SENTINEL_START = "=?base64?"
_SENTINEL_END = "?="

_NAME_PARAMETER: Mapping[str, str] = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_TASK_METHODS = frozenset({"tasks/get", "tasks/update", "tasks/cancel"})


class Mirrored(msgspec.Struct, frozen=True):
    """The values of the mirrored headers; None for each that was not sent."""

    version: str | None = None
    method: str | None = None
    name: str | None = None
    doubled: str | None = None
    """The name of a header that was sent twice, so that its value is ambiguous."""


def read_mirrored(lines: Mapping[bytes, bytes], doubled: Container[bytes]) -> Mirrored:
    """Extract the mirrored headers from headers by lower-case name; `doubled` holds names sent more than once."""
    for name in MIRRORED_HEADERS:
        if name in doubled:
            return Mirrored(doubled=name.decode("ascii"))
    return Mirrored(_text(lines.get(VERSION_HEADER)), _text(lines.get(METHOD_HEADER)), _text(lines.get(NAME_HEADER)))


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.strip(b" \t").decode("latin-1")


def encode_value(value: str) -> str:
    """Encode a value for `Mcp-Name` or `Mcp-Param-*`: unchanged, or as a base64 sentinel if a field cannot carry it.

    A value that looks like a sentinel is encoded too, because it would otherwise be decoded.
    """
    plain = value.isascii() and value.isprintable() and value == value.strip()
    if plain and not (value.startswith(_SENTINEL_START) and value.endswith(_SENTINEL_END)):
        return value
    return f"{_SENTINEL_START}{base64.b64encode(value.encode()).decode('ascii')}{_SENTINEL_END}"


def decode_value(value: str) -> str | None:
    """Decode the base64 sentinel of `Mcp-Name`; other values are returned unchanged.

    A sentinel whose payload is not canonical base64 of UTF-8 gives None, which equals no body value.
    """
    if not (value.startswith(_SENTINEL_START) and value.endswith(_SENTINEL_END)):
        return value
    payload = value[len(_SENTINEL_START) : -len(_SENTINEL_END)]
    try:
        decoded = base64.b64decode(payload, validate=True)
        return decoded.decode("utf-8") if base64.b64encode(decoded).decode("ascii") == payload else None
    except (binascii.Error, ValueError):
        return None


def disagreement(mirrored: Mirrored, method: str, params: Mapping[str, object]) -> str | None:
    """Return how `Mcp-Method` and `Mcp-Name` fail to mirror this request, or None if they match it."""
    if mirrored.method is None:
        return "The Mcp-Method header is missing; it must repeat the method of the body."
    if mirrored.method != method:
        return "The Mcp-Method header does not match the method of the body."
    parameter = _NAME_PARAMETER.get(method)
    if parameter is not None:
        return _name_disagreement(mirrored.name, params.get(parameter), parameter)
    if method in _TASK_METHODS and mirrored.name is not None:
        # Clients older than the tasks extension do not mirror the id; a wrong id is still refused.
        return _name_disagreement(mirrored.name, params.get("taskId"), "taskId")
    return None


def _name_disagreement(header: str | None, value: object, parameter: str) -> str | None:
    if header is None:
        # If the body lacks the parameter, there is nothing to mirror; the server refuses the body.
        return f"The Mcp-Name header is missing; it must repeat params.{parameter}." if value is not None else None
    if value is None or decode_value(header) != value:
        return f"The Mcp-Name header does not match params.{parameter} of the body."
    return None
