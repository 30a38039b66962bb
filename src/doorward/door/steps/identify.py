"""Step two: the sender of the request. Its body is read only afterwards.

Sets the caller and the verified proof of possession, and adds the next nonce to the headers of every later response.
"""

from __future__ import annotations

from doorward.door.bearer import Authenticator
from doorward.door.parts import Admitted, Identified
from doorward.door.replies import nonce_header


class Identify:
    """Refuses requests without a credential that the door accepts."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def take(self, admitted: Admitted) -> Identified:
        """Return the request with its caller.

        Raises:
            BearerError: no credential, an invalid one, or one without the scopes of the door.
            Unavailable: the store cannot answer.
        """
        exchange, headers = admitted.exchange, admitted.headers
        caller, proof = await self._authenticator.identify(exchange.inbound, exchange.scope["method"])
        if proof is not None and proof.fresh_nonce is not None:
            headers = [*headers, nonce_header(proof.fresh_nonce)]
        return Identified(exchange, headers, caller, proof)
