"""Step four: the protocol era of the request. Sets the era, and so the id and method for the log."""

from __future__ import annotations

from doorward.door.accept import check_accept
from doorward.door.parts import Classified, Received
from doorward.door.replies import MessageRefused, Refused
from doorward.mcp.era import Legacy, Modern, classify, classify_bodiless
from doorward.mcp.headers import Mirrored, read_mirrored
from doorward.mcp.jsonrpc import Refusal

_ALLOW_MODERN = [(b"allow", b"POST, OPTIONS")]


class Classify:
    """Refuses requests that belong to no era, or whose headers and body disagree."""

    def take(self, received: Received) -> Classified:
        """Return the request with its era.

        Raises:
            MessageRefused: the version is not served, or the mirrored headers do not match the body.
            Refused: a GET or DELETE of an era without them (405), or with an `Accept` that admits no answer (406).
        """
        message = received.message
        era = self._without_body(received) if message is None else classify(message, _mirrored(received))
        if isinstance(era, Refusal):
            raise MessageRefused(era)
        return Classified(
            received.exchange, received.headers, received.caller, received.proof, received.body, message, era
        )

    def _without_body(self, received: Received) -> Legacy | Refusal:
        era = classify_bodiless(_mirrored(received))
        if isinstance(era, Modern):
            raise Refused(405, f"Version {era.version} of MCP uses POST only.", headers=_ALLOW_MODERN)
        if isinstance(era, Legacy):
            exchange = received.exchange
            check_accept(exchange.scope["method"], exchange.inbound.captured.get(b"accept"))
        return era


def _mirrored(received: Received) -> Mirrored:
    inbound = received.exchange.inbound
    return read_mirrored(inbound.captured, inbound.doubled)
