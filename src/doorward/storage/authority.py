"""What a decision needs around it: policy, store, clock, randomness and sealing, and the loop load, decide, apply.

Endpoints and pages hand `decide` a function that loads records and asks a pure function of `doorward.oauth` what to do.
The answer is returned only after its changes are durable. When another request changed a record in between, the
function runs again on what is true now, so of any number of racers exactly one wins and the others learn of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from doorward.clock import Clock, Entropy
from doorward.errors import Conflict, Unavailable
from doorward.oauth.access_token_jwt import Sign
from doorward.oauth.changes import Decision
from doorward.oauth.policy import Policy
from doorward.oauth.token_reply import Sealing
from doorward.storage.dpop_proofs import DpopProofs
from doorward.storage.port import Store

__all__ = ["Authority", "Sealing"]

Reply = TypeVar("Reply")

ATTEMPTS = 5
"""Each lost race means that another request won, so progress is certain; more losses than this is overload."""


@dataclass(frozen=True, slots=True)
class Authority:
    """The ports of one authorization server."""

    policy: Policy
    store: Store
    clock: Clock
    entropy: Entropy
    sealing: Sealing
    proofs: DpopProofs
    sign: Sign

    async def decide(self, attempt: Callable[[], Awaitable[Decision[Reply]]]) -> Reply:
        """Run `attempt` until its changes are applied, and return its reply.

        Raises:
            Unavailable: the store is down, or the record is changed faster than it can be decided on.
        """
        for _ in range(ATTEMPTS):
            decision = await attempt()
            if not decision.changes:
                return decision.reply
            try:
                await self.store.apply(decision.changes)
            except Conflict:
                continue
            return decision.reply
        raise Unavailable("too many requests change the same record at once")
