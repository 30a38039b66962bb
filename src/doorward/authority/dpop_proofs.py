"""Used DPoP proofs, shared by all nodes, and the nonces that keep proofs fresh.

The token endpoint and the doors both use this. A proof is consumed by an insert that succeeds only once, so if two
nodes get the same proof at the same time, one refuses it. Every DPoP call pays for that insert. It cannot wait for a
batch, because until it is durable another node would still accept the proof. Nonces are sealed timestamps and are not
stored.

Spec: RFC 9449 s8, s9, s11.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from doorward.clock import Clock
from doorward.errors import Conflict
from doorward.oauth.dpop import Proof, check_proof, make_nonce, nonce_age_seconds, seen
from doorward.oauth.errors import InvalidDpopProof, Reason, UseDpopNonce
from doorward.oauth.policy import Policy
from doorward.oauth.tokens.reply import Sealing
from doorward.records.changes import Change, DeleteAll, Insert
from doorward.records.oauth import SeenProof
from doorward.storage.port import Store

_MINUTES_KEPT = 5
"""A used proof is kept this much longer than it is valid, because the nodes' clocks differ."""
_MINUTES_SWEPT = 3


@dataclass(frozen=True, slots=True)
class CheckedProof:
    """A valid proof that is not consumed yet."""

    proof: Proof
    record: SeenProof
    fresh_nonce: str | None
    """The nonce to send with the response, because the proof's own nonce is getting old."""


class DpopProofs:
    """The proofs of one installation. `sealing` makes the nonces."""

    def __init__(self, *, policy: Policy, store: Store, clock: Clock, sealing: Sealing) -> None:
        self._policy = policy
        self._store = store
        self._clock = clock
        self._sealing = sealing
        self._swept_minute = 0

    def check(
        self, headers: Sequence[str], *, method: str, urls: frozenset[str], access_token: str | None = None
    ) -> CheckedProof:
        """Check the `DPoP` header lines of one request. Replay is only detected by `use` or `using`.

        Raises:
            InvalidDpopProof: no proof, several, or one that is not valid here and now.
            UseDpopNonce: a nonce is required and missing, not ours, or too old.
        """
        if len(headers) != 1:
            said = "is missing" if not headers else "was sent more than once"
            reason = Reason.MISSING_PROOF if not headers else Reason.MALFORMED_PROOF
            raise InvalidDpopProof(f"The DPoP header {said}.", reason)
        now = self._clock.now()
        proof = check_proof(
            headers[0], method=method, urls=urls, now=now, policy=self._policy, access_token=access_token
        )
        return CheckedProof(proof, seen(proof, policy=self._policy), self._next_nonce(proof.nonce, now))

    async def refuse_replay(self, checked: CheckedProof) -> None:
        """Raise `InvalidDpopProof` if the proof was used already; call this first in a decision that inserts it."""
        if await self._store.get(SeenProof, checked.record.key) is not None:
            raise _replayed()

    def using(self, checked: CheckedProof) -> tuple[Change, ...]:
        """Return the changes that consume the proof, as part of a decision."""
        return (Insert(checked.record), *self._sweep())

    async def use(self, checked: CheckedProof) -> None:
        """Consume the proof.

        Raises:
            InvalidDpopProof: it was used before, here or at another node.
            Unavailable: the store cannot answer.
        """
        try:
            await self._store.apply(self.using(checked))
        except Conflict:
            raise _replayed() from None

    def _next_nonce(self, nonce: str | None, now: int) -> str | None:
        policy = self._policy
        if nonce is None:
            if policy.dpop_nonce_required:
                raise UseDpopNonce(make_nonce(self._sealing, now=now))
            return None
        age = nonce_age_seconds(nonce, self._sealing, now=now)
        if age is None or not -policy.dpop_proof_seconds <= age < policy.dpop_nonce_seconds:
            raise UseDpopNonce(make_nonce(self._sealing, now=now))
        return make_nonce(self._sealing, now=now) if age > policy.dpop_nonce_seconds // 2 else None

    def _sweep(self) -> tuple[Change, ...]:
        """Once a minute, delete proofs that expired minutes ago: the regular purge would keep them for a day."""
        minute = self._clock.now() // 60
        if minute == self._swept_minute:
            return ()
        self._swept_minute = minute
        newest = minute - _MINUTES_KEPT
        return tuple(DeleteAll(SeenProof, "minute", str(newest - each)) for each in range(_MINUTES_SWEPT))


def _replayed() -> InvalidDpopProof:
    return InvalidDpopProof("The DPoP proof was used before. Make one for each request.", Reason.REPLAYED_PROOF)
