"""Server-sent events, parsed as strictly as the strictest client parses them.

Owns the contents of a finished stream, and its deviations from what every client can read: one JSON-RPC message per
event, on one data line, with no event name but `message`, each ended by a blank line. Does not judge the messages.

Spec: WHATWG HTML s9.2.5, s9.2.6; MCP 2026-07-28 basic/transports.
"""

from __future__ import annotations

import re

import msgspec

from doorward import strict_json

_LINE_END = re.compile(rb"\r\n|\n|\r")
_MARK = b"\xef\xbb\xbf"


class EventStream(msgspec.Struct, frozen=True):
    """The contents of a stream."""

    messages: tuple[object, ...]
    """The JSON values that a client sees, in order."""
    lost: tuple[str, ...]
    """Faults that make a conforming client lose a message."""
    fragile: tuple[str, ...]
    """What the specification allows, but some clients cannot read."""


def read_events(body: bytes) -> EventStream:
    """Parse a whole stream."""
    fragile = ["the stream begins with a byte order mark"] if body.startswith(_MARK) else []
    body = body.removeprefix(_MARK)
    ends = set(_LINE_END.findall(body))
    if b"\r" in ends:
        fragile.append("lines end in CR alone")
    lines = _LINE_END.split(body)
    messages: list[object] = []
    lost: list[str] = []
    data: list[bytes] = []
    name = b""
    for line in lines[:-1]:
        if line:
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"data":
                data.append(value)
            elif field == b"event":
                name = value
            continue
        _end_event(name, data, messages, lost, fragile)
        data, name = [], b""
    if any(data) or lines[-1].startswith(b"data:"):
        lost.append("the last event is not ended by a blank line")
    return EventStream(tuple(messages), tuple(lost), tuple(fragile))


def _end_event(name: bytes, data: list[bytes], messages: list[object], lost: list[str], fragile: list[str]) -> None:
    joined = b"\n".join(data)
    if not joined.strip():
        return  # a comment, or an event that only carries an id to resume from
    if name not in {b"", b"message"}:
        lost.append(f"an event is named {name.decode('utf-8', 'replace')!r:.40}, so it is no message")
        return
    try:
        messages.append(strict_json.decode(joined))
    except strict_json.InvalidJson:
        lost.append("the data of an event is not JSON")
        return
    if len(data) > 1:
        fragile.append("one message is spread over several data lines")
