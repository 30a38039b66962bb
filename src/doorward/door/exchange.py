"""What is known about one request while it is served, and the lines the log gets about it."""

from __future__ import annotations

import logging

from doorward.door import replies
from doorward.door.inbound import Inbound
from doorward.door.ports import Headers
from doorward.door.stream import UpstreamReply
from doorward.logs import log
from doorward.mcp.jsonrpc import Refusal, RpcId
from doorward.upstreams.port import Caller, Receive, Scope, Send

LOGGER = logging.getLogger("doorward.door")


class Exchange:
    """One request and its answer."""

    __slots__ = ("base", "body", "caller", "inbound", "receive", "reply", "rpc_id", "rpc_method", "scope", "send")

    def __init__(self, scope: Scope, receive: Receive, send: Send, inbound: Inbound, identifier: str) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.inbound = inbound
        self.base: Headers = [(b"x-request-id", identifier.encode("ascii"))]
        """What every answer carries: the id, first, and CORS headers once the origin was accepted."""
        self.body = b""
        self.caller: Caller | None = None
        self.rpc_id: RpcId | None = None
        self.rpc_method: str | None = None
        self.reply: UpstreamReply | None = None

    @property
    def has_started(self) -> bool:
        """Whether the client has got the head of an answer."""
        return self.reply is not None and self.reply.started

    async def refuse(self, refusal: Refusal) -> None:
        """Answer a message that goes no further."""
        await replies.send_refusal(self.send, self.base, refusal)
        self.note_refused(refusal.status, refusal.message)

    def note_refused(self, status: int, reason: str) -> None:
        """Log a refusal."""
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

    def note_served(self, era: str, status: int) -> None:
        """Log an answer of the upstream, for whoever wants every request in the log."""
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
