"""Finding a place for a client that nobody uses yet."""

from __future__ import annotations

from itertools import chain, repeat

import msgspec
import pytest
from storage.samples import least

from doorward.authority.unused_places import PLACES_LOOKED_AT, find_place
from doorward.oauth.policy import Policy
from doorward.records.changes import Insert
from doorward.records.oauth import Client, RegistrationSlot
from doorward.storage.memory import MemoryStore

NOW = 1_800_000_000
POLICY = Policy(issuer="https://mcp.example.com", resources={}, unused_clients_limit=10)


class Numbers:
    """Gives these numbers in turn, and counts how many were asked for."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = chain(numbers, repeat(99))
        self.asked = 0

    def random_bytes(self, length: int) -> bytes:
        self.asked += 1
        return next(self.numbers).to_bytes(length, "big")


@pytest.fixture
async def store() -> MemoryStore:
    """Places 0 to 8 are taken, place 5 for the longest; nobody has place 9."""
    store = MemoryStore()
    await store.open()
    for number in range(9):
        taken_at = NOW - 500 if number == 5 else NOW - 100 - number
        client = msgspec.structs.replace(least(Client, f"client {number}"), source="dynamic", expires_at=NOW + 600)
        slot = RegistrationSlot(slot=str(number), client_id=client.client_id, taken_at=taken_at, expires_at=NOW + 600)
        await store.apply([Insert(client), Insert(slot)])
    return store


async def test_a_free_place_ends_the_search(store):
    entropy = Numbers(1, 19, 5)
    place = await find_place(store, entropy, POLICY, NOW)
    assert (place.slot, place.taken, place.holder) == ("9", None, None)
    assert entropy.asked == 2


async def test_of_a_few_taken_places_the_client_that_has_waited_longest_is_evicted(store):
    entropy = Numbers(1, 2, 5, 3, 9)
    place = await find_place(store, entropy, POLICY, NOW)
    assert place.slot == "5"
    assert place.holder.record.client_id == "client 5"
    assert entropy.asked == PLACES_LOOKED_AT


async def test_a_place_whose_client_has_expired_is_free(store):
    entropy = Numbers(3)
    place = await find_place(store, entropy, POLICY, NOW + 601)
    assert place.slot == "3"
    assert entropy.asked == 1
