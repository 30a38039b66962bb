"""Parses a child's lines into messages, one per line as specified, or however the child formats them.

A valid message passes unchanged. Any other line is repaired, split (a batch, two messages in one line, text before a
message) or joined with the next ones (indented JSON). Pure, except for the line that it is waiting with.

Spec: MCP 2025-11-25 and 2026-07-28 basic/transports (stdio).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from doorward.upstreams.stdio.message import ChildMessage, NotAMessage, NotJson, read_message
from doorward.upstreams.stdio.repair import (
    Nesting,
    Shape,
    as_text,
    beginnings,
    repaired,
    shape_of,
    shape_of_long,
    split_objects,
)

REPAIR_LIMIT_BYTES: Final = 2 * 1024 * 1024
"""A longer line is passed on whole or not at all: a repair would block other users for too long."""
_SPLIT_LIMIT_BYTES: Final = 128 * 1024
_ENTANGLED: Final = 8

_BEGINS_LIKE_A_MESSAGE: Final = re.compile(rb'\{\s*"(?:jsonrpc|id|method|params|result|error)"\s*:')
_MARKED: Final = re.compile(r'"jsonrpc"\s*:\s*"2\.0"')


class Heard(NamedTuple):
    """The content of a line."""

    messages: tuple[ChildMessage, ...] = ()
    noise: bytes = b""
    """A line that is not a message, or contains more than messages; for the log."""


class LineReader:
    """Parses the lines of one child, in order."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._nesting = Nesting()

    def feed(self, line: bytes) -> Heard:
        """Parse one line without its line break."""
        if b"\r" in line:
            line = line.replace(b"\r", b" ")  # it would end a line of an event stream
        if self._held and not _BEGINS_LIKE_A_MESSAGE.match(line):
            return self._continued(line)
        given_up = self._give_up()
        heard = self._fresh(line)
        return Heard(given_up.messages + heard.messages, heard.noise or given_up.noise) if given_up.noise else heard

    @property
    def is_waiting(self) -> bool:
        """Whether an incomplete message may continue in the next line."""
        return bool(self._held)

    def flush(self) -> Heard:
        """Stop waiting for the rest of an incomplete message."""
        return self._give_up()

    def _fresh(self, line: bytes) -> Heard:
        stripped = line.strip()
        if b"{" not in stripped and stripped != b"[":
            return Heard(noise=stripped)
        try:
            return Heard((read_message(stripped),))
        except NotJson:
            pass
        except NotAMessage:
            if stripped.startswith(b"{"):
                return Heard(noise=stripped)
        if len(stripped) > REPAIR_LIMIT_BYTES:
            return _unreadable(shape_of_long(as_text(stripped)), stripped)
        text = repaired(as_text(stripped))
        try:
            return Heard((read_message(text.encode()),))
        except NotAMessage:
            if len(stripped) > _SPLIT_LIMIT_BYTES:
                return _unreadable(shape_of_long(text), stripped)
        if text.startswith(("{", "[")) and self._opens(text):
            self._held, self._held_bytes = [line], len(line)
            # Two threads of a child may have written into each other's lines.
            return self._give_up() if len(beginnings(text)) > 1 else Heard()
        return taken_apart(text, stripped)

    def _opens(self, text: str) -> bool:
        """Return whether the text starts a message that continues in the next line."""
        nesting = Nesting()
        if nesting.closes_at(text) is not None:
            return False
        self._nesting = nesting
        return True

    def _continued(self, line: bytes) -> Heard:
        self._held.append(line)
        self._held_bytes += len(line)
        if self._held_bytes > _SPLIT_LIMIT_BYTES:
            return self._give_up()
        if self._nesting.closes_at("\n" + as_text(line)) is None:
            return Heard()
        whole = b"\n".join(self._held)
        self._forget()
        return taken_apart(repaired(as_text(whole)), whole)

    def _give_up(self) -> Heard:
        """Drop a message that was started and does not end."""
        if not self._held:
            return Heard()
        whole = b"\n".join(self._held)
        self._forget()
        text = as_text(whole)
        shapes = {shape_of(text[start:]) for start in beginnings(text)[:_ENTANGLED]} or {shape_of(text)}
        return Heard(tuple(message for each in shapes for message in _unreadable(each, b"").messages), whole)

    def _forget(self) -> None:
        self._held, self._held_bytes = [], 0


def taken_apart(text: str, line: bytes) -> Heard:
    """Return the messages in a text that is not one valid message, but has valid JSON tokens."""
    split = split_objects(text)
    before = split.before.strip()
    # Text before a message: a server that logs a message must not appear to send it.
    quoted = bool(before) and not before.startswith("[")
    messages: list[ChildMessage] = []
    for each in split.objects:
        message = _read_object(each)
        if message is not None and (not quoted or _is_plain_answer(message, each)):
            messages.append(message)
    if split.rest:
        messages += _unreadable(shape_of(split.rest), b"").messages
    return Heard(tuple(messages), line if not messages or quoted or split.rest else b"")


def _read_object(text: str) -> ChildMessage | None:
    try:
        return read_message(text.replace("\n", " ").encode())
    except NotJson:
        shape = shape_of(text)
        return ChildMessage("unreadable", b"", "", shape.rpc_id) if shape.is_answer else None
    except NotAMessage:
        return None


def _is_plain_answer(message: ChildMessage, text: str) -> bool:
    return message.kind == "response" and message.rpc_id is not None and _MARKED.search(text) is not None


def _unreadable(shape: Shape, line: bytes) -> Heard:
    messages = (ChildMessage("unreadable", b"", "", shape.rpc_id),) if shape.is_answer else ()
    return Heard(messages, line)
