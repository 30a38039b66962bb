"""DPoP at the door: a key-bound token needs a proof made for this request.

The proof is verified when the caller is identified, and consumed just before the request goes to the upstream. A worker
that forwards the request to the session's worker leaves that to the other worker.

Spec: RFC 9449 s4.3, s7, s9, s11.1.
"""

from __future__ import annotations

from doorward.authority.dpop_proofs import CheckedProof, DpopProofs
from doorward.door.inbound import Inbound
from doorward.oauth.dpop import target
from doorward.oauth.errors import BearerError, InvalidDpopProof, OAuthError, Reason, UseDpopNonce
from doorward.oauth.policy import Resource
from doorward.oauth.tokens import bearer
from doorward.records.oauth import AccessToken


class Possession:
    """Verifies the proofs of one door."""

    def __init__(self, proofs: DpopProofs, resource: Resource) -> None:
        self._proofs = proofs
        # A door answers with and without a last slash, so a proof may name either URL.
        spellings = (target(resource.uri), target(resource.uri + "/"))
        self._urls = frozenset(filter(None, spellings))

    def check(self, record: AccessToken, inbound: Inbound, *, token: str, method: str) -> CheckedProof:
        """Return the proof that came with a token, if the token's key signed it for this request.

        Raises:
            BearerError: the token is not bound to a key, or the proof is not valid.
        """
        bearer.check_bound(record)
        lines = [] if b"dpop" not in inbound.captured else [inbound.captured[b"dpop"].decode("latin-1")]
        if b"dpop" in inbound.doubled:
            lines *= 2
        try:
            checked = self._proofs.check(lines, method=method, urls=self._urls, access_token=token)
        except (InvalidDpopProof, UseDpopNonce) as error:
            refused = _refused(error)
            refused.nonce = error.nonce if isinstance(error, UseDpopNonce) else None
            raise refused from None
        if checked.proof.jkt != record.dpop_jkt:
            raise BearerError(Reason.FOREIGN_KEY, "The access token is bound to another key.", scheme="DPoP")
        return checked

    async def use(self, checked: CheckedProof) -> None:
        """Consume the proof.

        Raises:
            BearerError: it was used before, here or at another node.
            Unavailable: the store cannot answer.
        """
        try:
            await self._proofs.use(checked)
        except InvalidDpopProof as error:
            raise _refused(error) from None


def _refused(error: OAuthError) -> BearerError:
    return BearerError(error.reason, error.description, error=error.error, scheme="DPoP")
