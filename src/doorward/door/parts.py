"""What is known about a request after each step of the door.

A part is complete when it is passed on, and never changes. A step takes the part of the previous step and returns the
next one. So no step can read what is not known yet, and none can change an earlier decision. Every part has the fields
that logs and responses need; each is None or empty until the step that sets it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol

import msgspec

from doorward.authority.dpop_proofs import CheckedProof
from doorward.door.inbound import Inbound
from doorward.door.ports import Headers
from doorward.door.stream import UpstreamReply
from doorward.mcp.era import Legacy, Modern
from doorward.mcp.jsonrpc import Message, RpcId
from doorward.mcp.sessions import McpSession
from doorward.upstreams.port import Caller, Era, Receive, Scope, Send


class Part(msgspec.Struct, frozen=True, gc=False):
    """The fields that a request has after any step."""

    @property
    def exchange(self) -> Exchange:
        """The request as it arrived."""
        raise NotImplementedError  # every part has its own; a struct cannot be an abc.ABC

    @property
    def headers(self) -> Headers:
        """The headers of every response."""
        raise NotImplementedError  # every part has its own; a struct cannot be an abc.ABC

    @property
    def caller(self) -> Caller | None:
        """The sender of the request."""
        return None

    @property
    def rpc_id(self) -> RpcId | None:
        """The id under which the client awaits a response to its message."""
        return None

    @property
    def rpc_method(self) -> str | None:
        """The method of the message."""
        return None

    @property
    def era_name(self) -> Era | Literal[""]:
        """The protocol era of the request."""
        return ""

    @property
    def reply(self) -> UpstreamReply | None:
        """The path of the upstream's response to the client."""
        return None


class Exchange(Part, frozen=True, gc=False):
    """A request as the server received it, with sorted headers, and the way to its client."""

    scope: Scope
    receive: Receive
    send: Send
    inbound: Inbound
    headers: Headers
    """The headers of every response: the request id."""

    @property
    def exchange(self) -> Exchange:
        """The request itself, as every later part has it."""
        return self


class Admitted(Part, frozen=True, gc=False):
    """The request's host and origin are allowed."""

    exchange: Exchange
    headers: Headers
    """The headers of every response: the request id, and those of the steps so far."""


class Identified(Admitted, frozen=True, gc=False):
    """The sender is known."""

    caller: Caller | None
    """None at a door without sign-in."""
    proof: CheckedProof | None
    """The proof of possession: verified, but not consumed yet."""


class Received(Identified, frozen=True, gc=False):
    """The body was read."""

    body: bytes
    message: Message | None
    """None for GET and DELETE, which have no body."""


class Classified(Received, frozen=True, gc=False):
    """The protocol era is known."""

    era: Modern | Legacy

    @property
    def rpc_id(self) -> RpcId | None:
        """The id of a request; None for every other kind of message."""
        return self.era.rpc_id

    @property
    def rpc_method(self) -> str | None:
        """The method of the message; None for a response, and for GET and DELETE."""
        return self.era.method or None

    @property
    def era_name(self) -> Era:
        """The era, as the upstream gets it."""
        return "modern" if type(self.era) is Modern else "legacy"


class InSession(Classified, frozen=True, gc=False):
    """The `mcp_session` and its worker are known."""

    session: McpSession | None
    """None if it names none."""
    names: Headers
    """The headers with the session and event ids for the upstream."""
    reply: UpstreamReply


class Served(msgspec.Struct, frozen=True, gc=False):
    """The upstream has answered the request."""

    request: InSession
    status: int


class Answered(msgspec.Struct, frozen=True):
    """The door itself has answered the request: an empty part."""

    status: int
    headers: Headers


Next = Part | Served | Answered | None
"""The result of a step: the next part, or that the request was answered. None: another worker has answered it."""


class Step(Protocol):
    """One step. Takes the part of the previous step, and raises to refuse the request."""

    @property
    def take(self) -> Callable[[Any], Next] | Callable[[Any], Awaitable[Next]]:
        """Process a request. A step that never waits is a plain function, because every request goes through it."""
        ...
