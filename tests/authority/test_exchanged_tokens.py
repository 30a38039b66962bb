"""Which actors of an exchanged token may still act."""

from __future__ import annotations

import msgspec
import pytest
from storage.samples import least

from doorward.authority.exchanged_tokens import actor_stands
from doorward.records.accounts import User
from doorward.records.changes import Insert
from doorward.records.oauth import AccessToken, Client
from doorward.storage.memory import MemoryStore

NOW = 1_800_000_000


@pytest.mark.parametrize(
    ("client", "user", "stands"),
    [
        ({}, None, True),
        (None, {}, True),
        (None, None, False),
        ({"expires_at": NOW + 1}, None, True),
        ({"expires_at": NOW}, None, False),
        ({"expires_at": NOW - 1}, {}, False),
        (None, {"disabled_at": NOW - 1}, False),
        ({}, {"disabled_at": NOW - 1}, False),
    ],
)
@pytest.mark.parametrize("place", ["the client that exchanged it", "an actor before it"])
async def test_each_actor_must_still_exist_and_be_allowed_to_act(client, user, stands: bool, place: str):
    store = MemoryStore()
    await store.open()
    kept = [Insert(least(Client, "good"))]
    if client is not None:
        kept.append(Insert(msgspec.structs.replace(least(Client, "asked"), **client)))
    if user is not None:
        kept.append(Insert(msgspec.structs.replace(least(User, "asked"), **user)))
    await store.apply(kept)
    names = ("asked", "good") if place.startswith("the client") else ("good", "asked")
    token = msgspec.structs.replace(least(AccessToken, "token"), client_id=names[0], act=(names[1],))
    assert await actor_stands(store, token, now=NOW) is stands


async def test_a_token_that_was_not_exchanged_has_no_actors_to_look_up():
    token = msgspec.structs.replace(least(AccessToken, "token"), client_id="gone", act=())
    assert await actor_stands(MemoryStore(), token, now=NOW) is True
