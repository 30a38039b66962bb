"""Finds a place for a client without a user, for registrations and metadata documents alike.

Both share the places, so the limit holds for them together.
"""

from __future__ import annotations

from doorward.clock import Entropy
from doorward.oauth.clients.unused import Place, best_place, is_free
from doorward.oauth.policy import Policy
from doorward.records.oauth import Client, RegistrationSlot
from doorward.storage.port import Store

PLACES_LOOKED_AT = 4
_PLACE_BYTES = 8


async def find_place(store: Store, entropy: Entropy, policy: Policy, now: int) -> Place:
    """Return the best of a few random places: a free one, or else the one whose client has waited longest."""
    seen: list[Place] = []
    for _ in range(PLACES_LOOKED_AT):
        slot = str(int.from_bytes(entropy.random_bytes(_PLACE_BYTES), "big") % policy.unused_clients_limit)
        taken = await store.get(RegistrationSlot, slot)
        place = Place(slot, taken, await store.get(Client, taken.record.client_id) if taken else None)
        seen.append(place)
        if is_free(place, now=now):
            break
    return best_place(seen, now=now)
