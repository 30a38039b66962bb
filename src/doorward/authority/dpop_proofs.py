"""Proofs of possession as all nodes see them: which were used, and the nonces that make them fresh.

Both the token endpoint and the doors ask here. A proof is used up by one insert that only the first can make, so of two
nodes that get the same proof at the same moment one refuses it. That insert is the price of a DPoP call: it cannot
wait for a batch, because until it is made another node would still say yes. Nonces are sealed times and are not kept.

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
"""A used proof is kept this much longer than it is good, because the clocks of nodes differ."""
_MINUTES_SWEPT = 3


@dataclass(frozen=True, slots=True)
class CheckedProof:
    """A good proof, before it is used up."""

    proof: Proof
    record: SeenProof
    fresh_nonce: str | None
    """What the answer should hand out, because the nonce of the proof gets old."""


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
        """Check the `DPoP` header lines of one request. Whether the proof was used before shows when it is used.

        Raises:
            InvalidDpopProof: no proof, several, or one that does not count here and now.
            UseDpopNonce: it has no nonce where one is needed, or one that is not ours or too old.
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
        """Raise `InvalidDpopProof` when the proof was used already; a decision that inserts it asks this first."""
        if await self._store.get(SeenProof, checked.record.key) is not None:
            raise _replayed()

    def using(self, checked: CheckedProof) -> tuple[Change, ...]:
        """Return the changes that use the proof up, as part of a decision."""
        return (Insert(checked.record), *self._sweep())

    async def use(self, checked: CheckedProof) -> None:
        """Use the proof up, or learn that it was used.

        Raises:
            InvalidDpopProof: it was, here or at another node.
            Unavailable: the store cannot tell.
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
        """Once a minute, remove what was used minutes ago: the regular purge would keep it for a day."""
        minute = self._clock.now() // 60
        if minute == self._swept_minute:
            return ()
        self._swept_minute = minute
        newest = minute - _MINUTES_KEPT
        return tuple(DeleteAll(SeenProof, "minute", str(newest - each)) for each in range(_MINUTES_SWEPT))


def _replayed() -> InvalidDpopProof:
    return InvalidDpopProof("The DPoP proof was used before. Make one for each request.", Reason.REPLAYED_PROOF)
