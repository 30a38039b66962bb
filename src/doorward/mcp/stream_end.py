"""Whether an event stream may be given an end that its upstream did not write: an error for the request it answers.

Owns what has to be known of the bytes that passed: that they end with an event, that no id was among them by which the
client could resume, and that none of them can be the response itself. Nothing is decoded while the stream runs: an
event that contains the key of a response is kept, and read only when the stream has failed.

Spec: MCP 2025-11-25 basic/transports (the stream should eventually hold the response; resumability); JSON-RPC 2.0 s5.
"""

from __future__ import annotations

from typing import Final

from doorward.mcp.events import read_events
from doorward.mcp.jsonrpc import RpcId

LONGEST_EVENT: Final = 64 * 1024
"""Bytes kept of one event, and of all events that may be the response."""
_KEYS: Final = (b'"result"', b'"error"')
"""Every response has one of them: JSON-RPC 2.0 s5."""
_METHOD: Final = b'"method"'
_DATA: Final = b"data"
_TAIL: Final = max(map(len, _KEYS)) - 1


class ResponseWatch:
    """Follows one stream, and says whether it held the response to the request `rpc_id`."""

    __slots__ = ("_event", "_is_unsure", "_only_notices", "_rpc_id", "_size", "_suspects")

    def __init__(self, rpc_id: RpcId) -> None:
        self._rpc_id = rpc_id
        self._event: list[bytes] = []
        """The event that is passing; of one that is too large to be kept, the last bytes."""
        self._size = 0
        self._suspects = b""
        """Events that contain the key of a response."""
        self._is_unsure = False
        """Whether such an event was too large to be kept."""
        self._only_notices = True
        """Whether all data that passed was notifications and requests of the server."""

    def feed(self, chunk: bytes, *, starts_event: bool) -> None:
        """Take note of the next bytes of the stream; `starts_event`: the bytes before them ended an event."""
        if self._is_unsure:
            return
        if starts_event:
            self._settle()
        self._event.append(chunk)
        self._size += len(chunk)
        if self._size > LONGEST_EVENT:
            event = b"".join(self._event)
            if _has_key(event):
                self._give_up()
            else:
                self._event = [event[-_TAIL:]]
                self._only_notices = False

    def may_have_passed(self) -> bool:
        """Return whether something passed that can be meant as the response, judged by its bytes alone."""
        self._settle()
        return self._is_unsure or bool(self._suspects) or not self._only_notices

    def has_passed(self) -> bool | None:
        """Return whether the response passed; None if an event that may have been it was too large to be kept."""
        self._settle()
        if self._is_unsure:
            return None
        return any(
            isinstance(message, dict) and message.get("id") == self._rpc_id and "method" not in message
            for message in read_events(self._suspects).messages
        )

    def _settle(self) -> None:
        """Keep the event that has passed if it can be the response."""
        if not self._event:
            return
        event = self._event[0] if len(self._event) == 1 else b"".join(self._event)
        self._event.clear()
        self._size = 0
        if _has_key(event):
            self._suspects += event
            if len(self._suspects) > LONGEST_EVENT:
                self._give_up()
        elif self._only_notices:
            self._only_notices = _METHOD in event or _DATA not in event

    def _give_up(self) -> None:
        self._is_unsure = True
        self._event.clear()
        self._suspects = b""


def _has_key(event: bytes) -> bool:
    return any(key in event for key in _KEYS)


def error_event(body: bytes) -> bytes:
    """Write a JSON-RPC error as the last event of a stream."""
    return b"event: message\ndata: " + body + b"\n\n"
