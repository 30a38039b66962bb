"""Step three: the request's body, complete and within the limit of the door.

Sets the body and the message in it.
"""

from __future__ import annotations

from doorward.door.accept import check_accept, check_content
from doorward.door.body import read_body
from doorward.door.parts import Identified, Received
from doorward.door.replies import MessageRefused, Refused
from doorward.mcp.jsonrpc import Refusal, read_message

_ALLOW = [(b"allow", b"GET, POST, DELETE, OPTIONS")]


class Read:
    """Refuses methods that MCP does not have, and bodies that are not a JSON-RPC message."""

    def __init__(self, body_limit_bytes: int) -> None:
        self._body_limit_bytes = body_limit_bytes

    async def take(self, sent: Identified) -> Received:
        """Return the request with its message; it has none if it is a GET or a DELETE.

        Raises:
            Refused: another method (405), a body of the wrong type (415), size (413) or speed (408), or an `Accept`
                that admits no response (406).
            MessageRefused: the body is not a message.
            ClientGone: the client has disconnected.
        """
        exchange = sent.exchange
        method: str = exchange.scope["method"]
        if method in {"GET", "DELETE"}:
            return Received(exchange, sent.headers, sent.caller, sent.proof, b"", None)
        if method != "POST":
            raise Refused(405, "The method is not supported here.", headers=_ALLOW)
        inbound = exchange.inbound
        check_content(inbound)
        check_accept("POST", inbound.captured.get(b"accept"))
        body = await read_body(exchange.scope, exchange.receive, inbound, self._body_limit_bytes)
        message = read_message(body)
        if isinstance(message, Refusal):
            raise MessageRefused(message)
        return Received(exchange, sent.headers, sent.caller, sent.proof, body, message)
