"""The upstream port: send one request to the MCP server behind the door, and stream its response.

An upstream answers through ASGI `send` messages, so that an in-process app costs nothing to reach, and a remote one is
streamed. The door has already authenticated the caller, checked the body and removed every header that an upstream must
not see; an upstream only carries bytes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import msgspec

from doorward.errors import Problem
from doorward.mcp import jsonrpc

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

Era = Literal["legacy", "modern"]


class Caller(msgspec.Struct, frozen=True):
    """The caller, as the door identified it. Never holds the credential itself."""

    user_id: str
    client_id: str
    scopes: tuple[str, ...]
    resource: str
    issuer: str
    expires_at: int | None
    token_id: str
    """Public handle of the credential, for logs; it cannot be used as one."""
    dpop_jkt: str | None = None
    """Thumbprint of the key that the credential is bound to; None: a bearer token. Spec: RFC 9449 s6."""


@dataclass(slots=True)
class UpstreamCall:
    """One request for the upstream."""

    method: Literal["POST", "GET", "DELETE"]
    headers: list[tuple[bytes, bytes]]
    """Lower-case names. No `host`, `content-length`, `authorization`, hop-by-hop or client-supplied `forwarded`
    headers; the upstream adds its own `host` and framing."""
    query_string: bytes
    body: bytes
    era: Era
    rpc_method: str | None
    """The JSON-RPC `method` of the body; None for a response, and for GET and DELETE."""
    rpc_id: str | int | None
    """The JSON-RPC `id`, if the body is a request."""
    mcp_session_id: str | None
    """The upstream's own session id (already unsealed); also present in `headers`."""
    caller: Caller | None
    scope: Scope
    """The original ASGI scope, for an in-process app; other upstreams ignore it."""
    share: str = ""
    """The key for fair shares of limited resources: the user or, without sign-in, the client address."""
    message: jsonrpc.Message | None = None
    """The body, decoded once for all readers; None for GET and DELETE, which have none."""


class Upstream(Protocol):
    """One MCP server behind a door, or an upstream that wraps another one."""

    @property
    def name(self) -> str:
        """The server's name in errors, logs and labels. Clients see it, so it must not contain an internal address."""
        ...

    @property
    def audience(self) -> str | None:
        """The URL of the server, as the audience of identity JWTs; None if it has no URL."""
        ...

    @property
    def keeps_sessions_here(self) -> bool:
        """Whether an `mcp_session` lives in the memory of this process, so that no other worker can serve it."""
        ...

    @property
    def problem(self) -> Problem | None:
        """A problem found at start that affects every client; None if none is known."""
        ...

    async def era(self) -> Era | None:
        """Return the only era that the server speaks, probed once and cached; None if it speaks both, or is unknown.

        Raises:
            UpstreamError: the server must be probed, and does not answer.
        """
        ...

    async def start(self) -> None:
        """Prepare. Raises `StartError` if the upstream cannot be used as configured."""
        ...

    async def stop(self) -> None:
        """End connections, children and lifespan; safe to call twice."""
        ...

    async def handle(self, call: UpstreamCall, receive: Receive, send: Send) -> None:
        """Carry one request. `receive` only reports `http.disconnect`.

        Raises:
            UpstreamError: before `http.response.start` was sent, or after it if the response cannot continue. The door
                then ends an event stream with an error for the request, and cuts any other response off.
        """
        ...
