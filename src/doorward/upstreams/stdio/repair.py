"""Repairs nearly valid JSON of a child, and finds where messages in it start and end. Pure.

It repairs only what has one meaning: bytes that are not UTF-8, lone surrogates, control characters in strings, and
numbers that JSON cannot express. It never looks for messages inside strings or other messages: what a user made a
server say must not become a message of the server.

Spec: RFC 8259 s7, s8.2
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from doorward.mcp.jsonrpc import RpcId

_TOKEN: Final = re.compile(
    # As much as possible that needs no repair, then one string or number that may need it.
    r'(?:[^"NI-]++|"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u(?:[0-9abcefABCEF]|[dD][0-7])[0-9a-fA-F]{2,3}))*+"'
    r"|-(?!I)|N(?!aN)|I(?!nfinity))++"
    r'|"(?:[^"\\]++|\\.)*+"|-?(?:Infinity|NaN)|.',
    re.DOTALL,
)
_ODD_IN_STRING: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair, which stays
    r"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\(?:u[0-9a-fA-F]{4}|[\"\\/bfnrt])|\\.|[\x00-\x1f]",
    re.DOTALL,
)
_STRING_END: Final = re.compile(r'(?:[^"\\]++|\\.)*+"', re.DOTALL)
_MARK: Final = re.compile(r'["{}\[\]]')
_BEGINNING: Final = re.compile(r'\{\s*"(?:jsonrpc|id|method|params|result|error)"\s*:')
_ID_VALUE: Final = re.compile(r'\s*:\s*(?:"([^"\\]{0,200})"|(-?[0-9]{1,18})(?:\.0+)?(?=[\s,}]))')
_COLON: Final = re.compile(r"\s*:")
_ID_AT_END: Final = re.compile(r'[,{]\s*"id"\s*:\s*(?:"([^"\\]{0,200})"|(-?[0-9]{1,18}))\s*\}\s*\Z')
_SEARCHED: Final = 4096
_DECISIVE: Final = frozenset({"result", "error", "method"})
REPLACEMENT: Final = "\ufffd"


def as_text(line: bytes) -> str:
    """Decode bytes that may not be UTF-8; surrogate pairs that were encoded one by one are joined."""
    try:
        text = line.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        text = line.decode("utf-8", "replace")
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.lstrip("\ufeff")


def repaired(text: str) -> str:
    """Return the text with every string and number as valid JSON."""
    return _TOKEN.sub(_token, text)


def _token(found: re.Match[str]) -> str:
    token = found[0]
    if token.lstrip("-") in {"NaN", "Infinity"}:
        return "null"
    return _ODD_IN_STRING.sub(_character, token) if token[0] == '"' else token


def _character(found: re.Match[str]) -> str:
    odd = found[0]
    if odd < " ":
        return f"\\u{ord(odd):04x}"
    if len(odd) == 6 and odd[2] in "dD" and odd[3] in "89abcdefABCDEF":  # noqa: PLR2004
        return REPLACEMENT
    if odd[0] == "\\" and odd[1] not in 'u"\\/bfnrt':
        return "\\\\" + odd[1] if odd[1] >= " " else f"\\\\\\u{ord(odd[1]):04x}"
    return odd if len(odd) != 2 or odd[1] != "u" else "\\\\u"  # noqa: PLR2004


class Nesting:
    """The bracket depth of a text, read in chunks."""

    def __init__(self) -> None:
        self.depth = 0
        self._in_string = False

    def closes_at(self, text: str, start: int = 0) -> int | None:
        """Return where the outermost bracket closes, or None if it does not close within this text."""
        position = start
        while position < len(text):
            if self._in_string:
                end = _STRING_END.match(text, position)
                if end is None:
                    return None
                position, self._in_string = end.end(), False
                continue
            mark = _MARK.search(text, position)
            if mark is None:
                return None
            position = mark.end()
            if mark[0] == '"':
                self._in_string = True
            elif mark[0] in "{[":
                self.depth += 1
            else:
                self.depth -= 1
                if self.depth <= 0:
                    return position
        return None


class Split(NamedTuple):
    """The objects in a text."""

    before: str
    """The text before the first one."""
    objects: tuple[str, ...]
    rest: str
    """An object that is not closed."""


def beginnings(text: str) -> list[int]:
    """Return the positions where something starts like a message."""
    return [found.start() for found in _BEGINNING.finditer(text)]


def split_objects(text: str) -> Split:
    """Find the outermost objects of a text, from the first one that starts like a message."""
    beginning = _BEGINNING.search(text)
    start = beginning.start() if beginning is not None else text.find("{")
    if start < 0:
        return Split(text, (), "")
    before = text[:start]
    objects: list[str] = []
    while start >= 0:
        end = Nesting().closes_at(text, start)
        if end is None:
            return Split(before, tuple(objects), text[start:])
        objects.append(text[start:end])
        start = text.find("{", end)
    return Split(before, tuple(objects), "")


class Shape(NamedTuple):
    """The visible structure of a message that cannot be decoded."""

    rpc_id: RpcId | None
    is_answer: bool


def shape_of(text: str) -> Shape:
    """Return the id of a broken message, and whether it is a response, from its outermost members alone."""
    members: set[str] = set()
    rpc_id: RpcId | None = None
    depth = position = 0
    while (mark := _MARK.search(text, position)) is not None:
        if rpc_id is not None and "jsonrpc" in members and members & _DECISIVE:
            break
        position = mark.end()
        if mark[0] != '"':
            depth += 1 if mark[0] in "{[" else -1
            continue
        end = _STRING_END.match(text, position)
        if end is None:
            break
        name, position = text[position : end.end() - 1], end.end()
        if depth == 1 and _COLON.match(text, position):
            members.add(name)
            if name == "id" and (value := _ID_VALUE.match(text, position)):
                rpc_id = value[1] if value[1] is not None else int(value[2])
    is_answer = "jsonrpc" in members and (rpc_id is not None or bool(members & {"result", "error"}))
    return Shape(rpc_id, is_answer and "method" not in members)


def shape_of_long(text: str) -> Shape:
    """Return the id of a broken message that is too long to scan, from its beginning or its end."""
    shape = shape_of(text[:_SEARCHED])
    last = _ID_AT_END.search(text, max(0, len(text) - _SEARCHED))
    if shape.rpc_id is not None or last is None:
        return shape
    return Shape(last[1] if last[1] is not None else int(last[2]), shape.is_answer or '"jsonrpc"' in text[:_SEARCHED])
