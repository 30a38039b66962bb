"""Whether a failed event stream may be ended with an error for the request that it answers.

Owns the conditions on the bytes that passed: they end with an event, held no id with which the client could resume, and
held nothing that can be the response. Nothing is decoded while the stream runs. An event that contains a key of a
response is kept, and decoded only if the stream fails.
Spec: MCP 2025-11-25 basic/transports (the stream should eventually hold the response; resumability); JSON-RPC 2.0 s5.
"""

from __future__ import annotations

from typing import Final

from doorward.mcp.events import read_events
from doorward.mcp.jsonrpc import RpcId

LONGEST_EVENT: Final = 64 * 1024
"""Limit in bytes for one event, and for all kept events together."""
_KEYS: Final = (b'"result"', b'"error"')
"""Every response has one of these members: JSON-RPC 2.0 s5."""
_METHOD: Final = b'"method"'
_DATA: Final = b"data"
_TAIL: Final = max(map(len, _KEYS)) - 1


class ResponseWatch:
    """Watches one stream for the response to the request `rpc_id`."""

    __slots__ = ("_event", "_is_unsure", "_only_notices", "_rpc_id", "_size", "_suspects")

    def __init__(self, rpc_id: RpcId) -> None:
        self._rpc_id = rpc_id
        self._event: list[bytes] = []
        """The current event; if it is too large to keep, its last bytes."""
        self._size = 0
        self._suspects = b""
        """Events that contain the key of a response."""
        self._is_unsure = False
        """Whether such an event was too large to be kept."""
        self._only_notices = True
        """Whether all data that passed was notifications and requests of the server."""

    def feed(self, chunk: bytes, *, starts_event: bool) -> None:
        """Update the state with the next bytes; `starts_event`: the bytes before them ended an event."""
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
        """Return whether something passed that could be the response, judged only by its bytes."""
        self._settle()
        return self._is_unsure or bool(self._suspects) or not self._only_notices

    def has_passed(self) -> bool | None:
        """Return whether the response passed; None if a possible response was too large to keep."""
        self._settle()
        if self._is_unsure:
            return None
        return any(
            isinstance(message, dict) and message.get("id") == self._rpc_id and "method" not in message
            for message in read_events(self._suspects).messages
        )

    def _settle(self) -> None:
        """Keep the finished event if it can be the response."""
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
    """Encode a JSON-RPC error as the last event of a stream."""
    return b"event: message\ndata: " + body + b"\n\n"
