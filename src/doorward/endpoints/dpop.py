"""The `DPoP` header at OAuth endpoints: parse it, consume the proof with the decision, issue nonces.

Spec: RFC 9449 s5, s8.
"""

from __future__ import annotations

from typing import TypeVar

from starlette.requests import Request

from doorward.authority.authority import Authority
from doorward.authority.dpop_proofs import CheckedProof
from doorward.oauth.dpop import target
from doorward.records.changes import Decision

Reply = TypeVar("Reply")


def presented_proof(authority: Authority, request: Request, path: str) -> CheckedProof | None:
    """Return the proof of the request to `path`; None if it has none.

    Raises:
        InvalidDpopProof: the proof is not valid.
        UseDpopNonce: its nonce is missing or no longer valid.
    """
    headers = request.headers.getlist("dpop")
    if not headers:
        return None
    urls = frozenset(filter(None, [target(authority.policy.url_of(path))]))
    return authority.proofs.check(headers, method=request.method, urls=urls)


async def with_proof(authority: Authority, proof: CheckedProof | None, decision: Decision[Reply]) -> Decision[Reply]:
    """Return the decision with a change that consumes the proof in the same transaction.

    Raises:
        InvalidDpopProof: it was used before.
    """
    if proof is None:
        return decision
    await authority.proofs.refuse_replay(proof)
    return Decision(decision.reply, decision.changes + authority.proofs.using(proof))


def nonce_header(proof: CheckedProof | None) -> dict[str, str]:
    """Return the header with the next nonce, if one is due."""
    return {"dpop-nonce": proof.fresh_nonce} if proof is not None and proof.fresh_nonce is not None else {}
