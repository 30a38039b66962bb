"""What is known about one request while it is served, the lines the log gets about it, and how it is counted."""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import Literal

from doorward.door import replies
from doorward.door.inbound import Inbound
from doorward.door.ports import Headers
from doorward.door.stream import UpstreamReply
from doorward.logs import log
from doorward.mcp.jsonrpc import Message, Refusal, RpcId
from doorward.upstreams.port import Caller, Era, Receive, Scope, Send

LOGGER = logging.getLogger("doorward.door")

Outcome = tuple[str, int, str, str]
"""How a request ended, its status, its era where it was read, and why it was refused: words of ours only."""
_REASONS = {
    400: "message",
    403: "origin",
    404: "session",
    405: "method",
    406: "accept",
    408: "slow_body",
    413: "too_large",
    415: "content_type",
    421: "host",
    429: "rate_limited",
}
"""What each status of a refusal that is not about a credential stands for."""


class DoorCounts:
    """What the door of one process has counted since its start."""

    def __init__(self) -> None:
        self.requests: defaultdict[Outcome, int] = defaultdict(int)
        self.standing = 0
        """Streams that are open and end only when somebody leaves."""


class Exchange:
    """One request and its answer."""

    __slots__ = (
        *("base", "body", "caller", "era", "inbound", "message", "outcome", "receive", "reply"),
        *("rpc_id", "rpc_method", "scope", "send", "share"),
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, inbound: Inbound, identifier: str) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.inbound = inbound
        self.base: Headers = [(b"x-request-id", identifier.encode("ascii"))]
        """What every answer carries: the id, first, and CORS headers once the origin was accepted."""
        self.body = b""
        self.message: Message | None = None
        self.caller: Caller | None = None
        self.share = ""
        """Whose share of the upstream's places the request uses."""
        self.rpc_id: RpcId | None = None
        self.rpc_method: str | None = None
        self.era: Era | Literal[""] = ""
        self.reply: UpstreamReply | None = None
        self.outcome: Outcome | None = None
        """None where somebody else has counted the request, or nobody needs to."""

    @property
    def has_started(self) -> bool:
        """Whether the client has got the head of an answer."""
        return self.reply is not None and self.reply.started

    async def end_stream(self, error: bytes) -> None:
        """End an event stream that was begun, with a JSON-RPC error for its request if the client can take one.

        Any other answer that was begun is left without an end: the server closes the connection, and the client sees
        that something is missing.
        """
        if self.reply is not None and self.reply.started and not self.reply.finished:
            await self.reply.end_with_error(error)

    def stop_keep_alive(self) -> None:
        """Write no more comments."""
        if self.reply is not None:
            self.reply.close()

    async def refuse(self, refusal: Refusal) -> None:
        """Answer a message that goes no further."""
        await replies.send_refusal(self.send, self.base, refusal)
        self.note_refused(refusal.status, refusal.message)

    def note_refused(self, status: int, reason: str, *, counted: str = "") -> None:
        """Log a refusal, and count it under a word that no stranger chooses."""
        self.outcome = ("refused", status, self.era, counted or _REASONS.get(status, "other"))
        log(
            LOGGER,
            logging.INFO,
            "refused",
            method=self.scope["method"],
            status=status,
            reason=reason,
            rpc_method=self.rpc_method,
            user=None if self.caller is None else self.caller.user_id,
        )

    def note_failed(self, outcome: str, status: int) -> None:
        """Count a request that got no verdict."""
        self.outcome = (outcome, status, self.era, "")

    def note_served(self, era: Era, status: int) -> None:
        """Log an answer of the upstream, for operators who want every request in the log."""
        self.outcome = ("served", status, era, "")
        if LOGGER.isEnabledFor(logging.DEBUG):
            log(
                LOGGER,
                logging.DEBUG,
                "served",
                method=self.scope["method"],
                status=status,
                era=era,
                rpc_method=self.rpc_method,
                user=None if self.caller is None else self.caller.user_id,
            )
