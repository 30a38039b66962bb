"""The upstream port: send one request to the MCP server behind the door, get its answer as a stream.

An upstream answers through ASGI `send` messages, so an in-process app costs nothing to reach and a remote one is
streamed as it arrives. The door has already authenticated the caller, checked the body and removed every header an
upstream must not see; an upstream only carries bytes.
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
    """Who is calling, as the door established it. Never holds the credential itself."""

    user_id: str
    client_id: str
    scopes: tuple[str, ...]
    resource: str
    issuer: str
    expires_at: int | None
    token_id: str
    """Public handle of the credential, for logs; not usable as one."""
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
    """The JSON-RPC `id`, when the body is a request."""
    mcp_session_id: str | None
    """The upstream's own session id (already unsealed); also present in `headers`."""
    caller: Caller | None
    scope: Scope
    """The original ASGI scope, for an in-process app; other upstreams do not look at it."""
    share: str = ""
    """Whose share of what is limited the call uses: the user's, or at a door without sign-in the client address's."""
    message: jsonrpc.Message | None = None
    """The body, decoded once for all who read it; None for GET and DELETE, which have none."""


class Upstream(Protocol):
    """One MCP server behind a door, or an upstream around another one."""

    @property
    def name(self) -> str:
        """What errors, logs and labels call the server. Clients see it, so it holds no internal address."""
        ...

    @property
    def audience(self) -> str | None:
        """The URL at which the door reaches the server, to address statements to it; None if it has no URL."""
        ...

    @property
    def keeps_sessions_here(self) -> bool:
        """Whether an `mcp_session` lives in the memory of this process, and no other worker can serve it."""
        ...

    @property
    def problem(self) -> Problem | None:
        """What the start has found that no client can be served with; None if nothing is known to be wrong."""
        ...

    async def era(self) -> Era | None:
        """Return the only era that the server speaks, asked once and kept; None if it is both, or not known.

        Raises:
            UpstreamError: the server has to be asked, and does not answer.
        """
        ...

    async def start(self) -> None:
        """Make ready. Raises `StartError` when the upstream cannot be used as configured."""
        ...

    async def stop(self) -> None:
        """End connections, children and lifespan; safe to call twice."""
        ...

    async def handle(self, call: UpstreamCall, receive: Receive, send: Send) -> None:
        """Carry one request. `receive` tells only of `http.disconnect`.

        Raises:
            UpstreamError: before `http.response.start` was sent, or after it when the answer cannot go on. The door
                then ends an event stream with an error for the request, and cuts every other answer.
        """
        ...
