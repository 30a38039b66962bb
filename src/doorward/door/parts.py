"""What is known about a request after each step of the door.

A part is complete when it is handed on, and never changes. A step takes the part that the step before it has made, and
makes the next one. So no step can read what is not known yet, and none can change what an earlier one has decided. What
the log and the answers need of a request is readable in every part; it is None, or empty, until the step that finds it
out.
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
    """What can be asked of a request after any step."""

    @property
    def exchange(self) -> Exchange:
        """The request as it came."""
        raise NotImplementedError  # every part has its own; a struct cannot be an abc.ABC

    @property
    def headers(self) -> Headers:
        """What every answer carries."""
        raise NotImplementedError  # every part has its own; a struct cannot be an abc.ABC

    @property
    def caller(self) -> Caller | None:
        """Who sends the request."""
        return None

    @property
    def rpc_id(self) -> RpcId | None:
        """The id under which the client waits for an answer to its message."""
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
        """What the upstream's answer goes through."""
        return None


class Exchange(Part, frozen=True, gc=False):
    """A request as the server hands it over, its header lines sorted, and the way to its client."""

    scope: Scope
    receive: Receive
    send: Send
    inbound: Inbound
    headers: Headers
    """What every answer carries: the request id."""

    @property
    def exchange(self) -> Exchange:
        """The request itself, as every later part has it."""
        return self


class Admitted(Part, frozen=True, gc=False):
    """It came to a host, and from an origin, that the door answers."""

    exchange: Exchange
    headers: Headers
    """What every answer carries: the request id, and what the steps so far have added."""


class Identified(Admitted, frozen=True, gc=False):
    """It is known who sends it."""

    caller: Caller | None
    """None at a door without sign-in."""
    proof: CheckedProof | None
    """The proof of possession: checked, and not used up yet."""


class Received(Identified, frozen=True, gc=False):
    """Its body was read."""

    body: bytes
    message: Message | None
    """None for GET and DELETE, which have no body."""


class Classified(Received, frozen=True, gc=False):
    """Its protocol era is decided."""

    era: Modern | Legacy

    @property
    def rpc_id(self) -> RpcId | None:
        """The id of the request; None for every other kind of message."""
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
    """It is known which `mcp_session` it belongs to, and where that is kept."""

    session: McpSession | None
    """None if it names none."""
    names: Headers
    """The header lines that name session and event to the upstream."""
    reply: UpstreamReply


class Served(msgspec.Struct, frozen=True, gc=False):
    """The upstream has answered it."""

    request: InSession
    status: int


class Answered(msgspec.Struct, frozen=True):
    """The door has its answer: an empty one."""

    status: int
    headers: Headers


Next = Part | Served | Answered | None
"""What a step returns: what is known now, or that the request is answered. None: another worker has answered it."""


class Step(Protocol):
    """One step. Takes the part that the step before has made, and raises to refuse the request."""

    @property
    def take(self) -> Callable[[Any], Next] | Callable[[Any], Awaitable[Next]]:
        """Decide about a request. A step that waits for nothing is a plain function: each request goes through it."""
        ...
