"""`/-/arrival`: shows a request as it arrived, for this installation's own requests only.

A proxy may drop credentials, or hide the original client address; neither is visible from outside. The proof is sealed
with the installation's key and valid for a minute. So every node accepts it, and no one else can create it.

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
    """Reports what arrived of a request with a proof of this installation."""

    def __init__(self, sealer: Sealer, clock: Clock, trusts: Callable[[str], bool]) -> None:
        self._sealer = sealer
        self._clock = clock
        self._trusts = trusts
        """Whether an address belongs to a proxy that the operator listed."""

    async def __call__(self, request: Request) -> Response:
        """Answer a request with a valid proof; all others get a 404."""
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
        # The clocks of the two nodes may differ.
        return sealed_at is not None and abs(self._clock.now() - int(sealed_at)) <= _VALID_SECONDS
