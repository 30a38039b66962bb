"""Session ids of the handshake era as sealed values: any node can read one, nobody else can make or use one.

Owns what such an id holds (the worker and the upstream's own id) and what it is bound to (the door and the
principal). An id of another principal or another door fails to open exactly like one that was made up, so the answer
cannot tell them apart. The ids of events are sealed likewise, bound to their session too: upstreams keep the events of
all sessions together and are asked for what follows one of them. Does not know how sealing works: a pair of callables
does it, given as arguments.

Spec: MCP 2025-11-25 basic/transports (session management: visible ASCII, unguessable, bound to the user; resumability).
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from doorward import base64url

Seal = Callable[[bytes, bytes], bytes]
"""Encrypt and authenticate data; the second argument is authenticated with it but not contained."""
Unseal = Callable[[bytes, bytes], bytes | None]
"""Undo `Seal` with the same second argument; None for anything it did not make."""

LONGEST_ID = 4096
"""Characters; longer values are refused unread."""

_SEALED = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_PURPOSE = b"mcp_session"
_EVENT_PURPOSE = b"mcp_event"


class McpSession(msgspec.Struct, frozen=True):
    """One session of an upstream, and the worker whose memory holds it."""

    worker_id: str
    upstream_id: str


def session_context(door_path: str, principal: tuple[str, ...]) -> bytes:
    """Encode what an id is bound to; every part is preceded by its length, so no two bindings coincide."""
    return _context(_PURPOSE, (door_path, *principal))


def event_context(door_path: str, principal: tuple[str, ...], upstream_session_id: str) -> bytes:
    """Encode what the id of an event is bound to; the session of a server that keeps none is empty."""
    return _context(_EVENT_PURPOSE, (door_path, upstream_session_id, *principal))


def _context(purpose: bytes, parts: tuple[str, ...]) -> bytes:
    return purpose + b"".join(b"\x00%d:%s" % (len(part), part) for part in (text.encode() for text in parts))


def seal_session_id(session: McpSession, context: bytes, seal: Seal) -> str:
    """Make the id that the client gets to see."""
    packed = b"%s\x00%s" % (session.worker_id.encode(), session.upstream_id.encode("latin-1"))
    return _text(seal(packed, context))


def unseal_session_id(value: str, context: bytes, unseal: Unseal) -> McpSession | None:
    """Read an id that a client presents; None when it was not made for this door and this principal."""
    packed = _opened(value, context, unseal)
    if packed is None:
        return None
    worker_id, _, upstream_id = packed.partition(b"\x00")
    return McpSession(worker_id.decode(), upstream_id.decode("latin-1"))


def seal_event_id(event_id: bytes, context: bytes, seal: Seal) -> bytes:
    """Make the id under which the client gets to see an event."""
    return _text(seal(event_id, context)).encode("ascii")


def unseal_event_id(value: str, context: bytes, unseal: Unseal) -> bytes | None:
    """Read the id of an event that a client presents; None when it saw no such event in this session."""
    return _opened(value, context, unseal)


def _text(sealed: bytes) -> str:
    return base64url.encode(sealed)


def _opened(value: str, context: bytes, unseal: Unseal) -> bytes | None:
    if len(value) > LONGEST_ID or _SEALED.fullmatch(value) is None or len(value) % 4 == 1:
        return None
    sealed = base64url.decode(value)
    return unseal(sealed, context) if sealed else None
