"""Local accounts: who may sign in with a password, and how the owner comes to be."""

from __future__ import annotations

import re

import pytest

from doorward.clock import CountingEntropy, FixedClock
from doorward.errors import Conflict
from doorward.login.local import OWNER, ensure_owner, generate_password, hash_password, verify_password
from doorward.records.accounts import User
from doorward.records.changes import Insert
from doorward.storage.memory import MemoryStore

PASSWORD = "correct horse battery"
HASH = hash_password(PASSWORD)
CLOCK = FixedClock()


class Raced(MemoryStore):
    """A store to which another process has just written the owner."""

    async def apply(self, changes) -> None:
        raise Conflict


@pytest.fixture
async def store():
    store = MemoryStore()
    await store.open()
    return store


@pytest.mark.parametrize(
    ("changes", "password", "is_right"),
    [
        ({}, PASSWORD, True),
        ({}, PASSWORD + " ", False),
        ({}, "", False),
        ({"disabled_at": 1}, PASSWORD, False),
        ({"password_hash": None}, PASSWORD, False),
        ({"password_hash": None}, "nobody has this password", False),
        ({"password_hash": "not a hash"}, PASSWORD, False),
    ],
)
async def test_only_the_password_of_a_standing_account_signs_in(store, changes, password, is_right):
    await store.apply([Insert(User(**{"user_id": "ann", "password_hash": HASH, "created_at": 0} | changes))])
    found = await verify_password(store, "ann", password)
    assert (found is not None) is is_right
    assert found is None or found == await store.get(User, "ann")


@pytest.mark.parametrize("password", [PASSWORD, "nobody has this password"])
async def test_a_name_that_does_not_exist_has_no_password(store, password):
    assert await verify_password(store, "nobody", password) is None


async def test_the_first_start_makes_the_owner_and_shows_a_password_that_works(store):
    owner = await ensure_owner(store, CLOCK, CountingEntropy(), None)
    assert owner.created
    assert owner.generated_password not in repr(owner)
    assert await verify_password(store, OWNER, owner.generated_password) is not None
    assert await ensure_owner(store, CLOCK, CountingEntropy(), "another") == type(owner)()
    assert await verify_password(store, OWNER, "another") is None


async def test_a_given_password_is_taken_and_not_shown(store):
    owner = await ensure_owner(store, CLOCK, CountingEntropy(), PASSWORD)
    assert (owner.created, owner.generated_password) == (True, None)
    assert await verify_password(store, OWNER, PASSWORD) is not None


async def test_of_two_processes_one_makes_the_owner_and_the_other_shows_nothing():
    store = Raced()
    await store.open()
    owner = await ensure_owner(store, CLOCK, CountingEntropy(), None)
    assert (owner.created, owner.generated_password) == (False, None)


def test_a_generated_password_can_be_read_aloud_and_is_never_the_same():
    entropy = CountingEntropy()
    made = {generate_password(entropy) for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(r"[2-9a-hjkmnp-tv-z]{4}(-[2-9a-hjkmnp-tv-z]{4}){4}", each) for each in made)
