"""Sealed session ids of the handshake era: any node can open one, and no one else can create or use one.

Owns the contents of an id (the worker and the upstream's own id) and its binding (the door and the principal). An id of
another principal or door fails to open exactly like a forged one, so the response cannot tell them apart. Event ids are
sealed too, and also bound to their session, because upstreams keep the events of all sessions together and replay
whatever follows the given id. Does not know how sealing works: the caller passes two callables.

Spec: MCP 2025-11-25 basic/transports (session management: visible ASCII, unguessable, bound to the user; resumability).
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from doorward import base64url

Seal = Callable[[bytes, bytes], bytes]
"""Encrypts data and authenticates it together with the second argument, which is not stored."""
Unseal = Callable[[bytes, bytes], bytes | None]
"""Reverses `Seal` with the same second argument; None for a value that it did not create."""

LONGEST_ID = 4096
"""Characters; longer values are refused unopened."""

_SEALED = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_PURPOSE = b"mcp_session"
_EVENT_PURPOSE = b"mcp_event"


class McpSession(msgspec.Struct, frozen=True):
    """One session of an upstream, and the worker that holds it in memory."""

    worker_id: str
    upstream_id: str


def session_context(server: str, principal: tuple[str, ...]) -> bytes:
    """Encode the binding of a session id; each part is prefixed with its length, so no two bindings collide."""
    return _context(_PURPOSE, (server, *principal))


def event_context(server: str, principal: tuple[str, ...], upstream_session_id: str) -> bytes:
    """Encode the binding of an event id; a server without sessions has an empty session id."""
    return _context(_EVENT_PURPOSE, (server, upstream_session_id, *principal))


def _context(purpose: bytes, parts: tuple[str, ...]) -> bytes:
    return purpose + b"".join(b"\x00%d:%s" % (len(part), part) for part in (text.encode() for text in parts))


def seal_session_id(session: McpSession, context: bytes, seal: Seal) -> str:
    """Return the session id that the client gets."""
    packed = b"%s\x00%s" % (session.worker_id.encode(), session.upstream_id.encode("latin-1"))
    return _text(seal(packed, context))


def unseal_session_id(value: str, context: bytes, unseal: Unseal) -> McpSession | None:
    """Open a client's session id; return None if it was not made for this door and this principal."""
    packed = _opened(value, context, unseal)
    if packed is None:
        return None
    worker_id, _, upstream_id = packed.partition(b"\x00")
    return McpSession(worker_id.decode(), upstream_id.decode("latin-1"))


def seal_event_id(event_id: bytes, context: bytes, seal: Seal) -> bytes:
    """Return the event id that the client gets."""
    return _text(seal(event_id, context)).encode("ascii")


def unseal_event_id(value: str, context: bytes, unseal: Unseal) -> bytes | None:
    """Open a client's event id; return None if it was not made for this session."""
    return _opened(value, context, unseal)


def _text(sealed: bytes) -> str:
    return base64url.encode(sealed)


def _opened(value: str, context: bytes, unseal: Unseal) -> bytes | None:
    if len(value) > LONGEST_ID or _SEALED.fullmatch(value) is None or len(value) % 4 == 1:
        return None
    sealed = base64url.decode(value)
    return unseal(sealed, context) if sealed else None
