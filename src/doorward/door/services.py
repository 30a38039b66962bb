"""The shared services of all doors: store, keys, clock, counters and limits."""

from __future__ import annotations

from dataclasses import dataclass

from doorward.authority.authority import Sealing
from doorward.authority.dpop_proofs import DpopProofs
from doorward.authority.last_used import LastUsed
from doorward.clock import Clock, Entropy
from doorward.door.ports import Peers
from doorward.door.refusal_counts import Refusals
from doorward.edge.client_address import ClientAddresses
from doorward.hooks import NO_HOOKS, Hooks
from doorward.oauth.policy import Policy
from doorward.oauth.tokens.access_token_jwt import Sign
from doorward.storage.port import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorServices:
    """The parts of the installation that a door uses. What is specific to one door is in its settings."""

    policy: Policy
    store: Store
    clock: Clock
    entropy: Entropy
    sealer: Sealing
    """Seals the ids of sessions and of events."""
    addresses: ClientAddresses
    sign: Sign | None = None
    """Signs the caller's identity for upstreams; None: no door of the installation sends it."""
    proofs: DpopProofs | None = None
    """None: no token is bound to a key."""
    refusals: Refusals | None = None
    last_used: LastUsed | None = None
    hooks: Hooks = NO_HOOKS
    peers: Peers | None = None
    worker_id: str = ""
    """The id of this worker process; empty if it is the only one."""
    listens_on: str = "127.0.0.1"
    """The host that the process listens on, as configured."""
    write_timeout_seconds: float = 20
    """How long a client may not read, if the ASGI server has no such limit."""
