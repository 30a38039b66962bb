"""`/-/arrival`: how a request looks when it arrives, for this installation alone.

A proxy may drop the credentials, or hide whose request it passes on; neither can be seen from outside. The proof is
sealed with the installation's own key and good for a minute: every node answers it, and nobody else can ask.

Spec: RFC 9110 s11.6.2; RFC 7239 s5
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from doorward.clock import Clock
from doorward.edge.frame import json_response, not_found
from doorward.keys.sealing import Sealer

PROOF_HEADER = "x-doorward-proof"
_VALID_SECONDS = 60
_FORWARDING = ("x-forwarded-for", "forwarded", "x-real-ip")


def proof_of_origin(sealer: Sealer, clock: Clock) -> str:
    """Return a proof that this installation sends a request now."""
    return base64.urlsafe_b64encode(sealer.seal(str(clock.now()).encode())).decode()


class Arrival:
    """Answers what has arrived of a request that carries a proof of this installation."""

    def __init__(self, sealer: Sealer, clock: Clock, trusts: Callable[[str], bool]) -> None:
        self._sealer = sealer
        self._clock = clock
        self._trusts = trusts
        """Whether an address is that of a proxy that the operator has listed."""

    async def __call__(self, request: Request) -> Response:
        """Answer the proof; to everybody else there is nothing here."""
        if not self._is_own(request.headers.get(PROOF_HEADER, "")):
            return not_found()
        arrived = {
            "authorization": "authorization" in request.headers,
            "host": request.headers.get("host", ""),
            "forwarded": [name for name in _FORWARDING if name in request.headers],
            "proxy_trusted": request.client is not None and self._trusts(request.client.host),
        }
        return json_response(arrived)

    def _is_own(self, proof: str) -> bool:
        try:
            sealed = base64.b64decode(proof.encode("ascii"), altchars=b"-_", validate=True)
        except (UnicodeError, binascii.Error):
            return False
        sealed_at = self._sealer.unseal(sealed)
        # The clock of the node that answers may be behind that of the one that asks.
        return sealed_at is not None and abs(self._clock.now() - int(sealed_at)) <= _VALID_SECONDS
