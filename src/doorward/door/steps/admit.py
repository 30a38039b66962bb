"""Step one: the request's host and origin. Nothing else of the request is read before.

Sets the CORS headers of every later response. Answers a preflight, which carries no credential.
"""

from __future__ import annotations

from doorward.door.guard import Guard, cors_headers, preflight_headers
from doorward.door.parts import Admitted, Answered, Exchange
from doorward.door.replies import Refused


class Admit:
    """Refuses hosts and web origins that the door does not allow."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def take(self, exchange: Exchange) -> Admitted | Answered:
        """Return the request with its response headers, or the response to a preflight.

        Raises:
            Refused: the host (421) or the origin (403) is not allowed.
        """
        inbound, headers = exchange.inbound, exchange.headers
        captured, doubled = inbound.captured, inbound.doubled
        if not self._guard.host_is_allowed(captured.get(b"host")) or b"host" in doubled:
            raise Refused(421, "This server does not answer to that Host. Its owner can add it to allowed_hosts.")
        origin = captured.get(b"origin")
        if origin is not None:
            if b"origin" in doubled or not self._guard.origin_is_allowed(origin):
                raise Refused(403, "This Origin may not call this server. Its owner can add it to allowed_origins.")
            headers = [*headers, *cors_headers(origin)]
        if exchange.scope["method"] == "OPTIONS":
            requested = captured.get(b"access-control-request-headers")
            return Answered(204, [*exchange.headers, *preflight_headers(origin, requested)])
        return Admitted(exchange, headers)
