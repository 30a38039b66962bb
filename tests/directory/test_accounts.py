"""What the command line leaves untested: two administrators at once."""

import asyncio

import pytest

from doorward.authority.deciding import settle
from doorward.clock import FixedClock
from doorward.directory.accounts import add_user, disable_user, enable_user, load_user, remove_user, set_password
from doorward.directory.clients import remove_client
from doorward.errors import ConfigError, Conflict, Unavailable
from doorward.records.accounts import User
from doorward.records.changes import Expect, Insert, Replace
from doorward.records.oauth import Client, Grant
from doorward.storage.memory import MemoryStore

CLOCK = FixedClock()


@pytest.fixture
async def store():
    store = MemoryStore()
    await store.open()
    await add_user(store, CLOCK, "ann", kind="person", password=None)
    yield store
    await store.close()


async def test_of_many_who_add_one_name_exactly_one_does(store):
    attempts = [add_user(store, CLOCK, "bob", kind="person", password=None) for _ in range(5)]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["AlreadyExists"] * 4 + ["User"]


@pytest.mark.parametrize("change", ["add", "set"])
async def test_other_requests_go_on_while_a_password_is_hashed(store, change):
    went_on = []

    async def other_request():
        went_on.append(True)

    other = asyncio.create_task(other_request())
    if change == "add":
        await add_user(store, CLOCK, "bob", kind="person", password="correct horse")
    else:
        await set_password(store, "ann", "correct horse")
    assert went_on
    await other


async def test_a_lost_race_is_decided_again_on_what_is_true_now(store):
    seen = []

    async def attempt():
        stored = await load_user(store, "ann")
        seen.append(stored.version)
        if len(seen) == 1:
            await disable_user(store, CLOCK, "ann")
        return [Replace(stored.record, stored.version)]

    await settle(store, attempt)
    assert len(set(seen)) == 2


async def test_a_race_that_is_always_lost_is_unavailable_and_writes_nothing(store):
    async def attempt():
        return [Insert(User(user_id="zoe", created_at=0)), Insert(User(user_id="ann", created_at=0))]

    with pytest.raises(Unavailable):
        await settle(store, attempt)
    assert await store.get(User, "zoe") is None


async def test_an_account_disabled_twice_keeps_its_first_date(store):
    clock = FixedClock(1_000)
    await disable_user(store, clock, "ann")
    clock.advance(50)
    await disable_user(store, clock, "ann")
    assert (await load_user(store, "ann")).record.disabled_at == 1_000
    await enable_user(store, "ann")
    assert (await load_user(store, "ann")).record.disabled_at is None


async def test_removing_twice_is_told(store):
    await remove_user(store, CLOCK, "ann")
    with pytest.raises(ConfigError):
        await remove_user(store, CLOCK, "ann")


GRANT = Grant(
    grant_id="g1", user_id="ann", client_id="c1", redirect_uri="", scopes=(), resource="", created_at=CLOCK.now()
)


class ConsentMeanwhile(MemoryStore):
    """A user consents at the worst moment: an ending has looked for grants, and has not yet been applied."""

    def __init__(self):
        super().__init__()
        self.consented = False

    async def find(self, record_type, **index):
        found = await super().find(record_type, **index)
        if record_type is Grant and not self.consented:
            self.consented = True
            user, client = await self.get(User, "ann"), await self.get(Client, "c1")
            try:
                await self.apply(
                    [Insert(GRANT), Expect(User, "ann", user.version), Expect(Client, "c1", client.version)]
                )
            except Conflict:
                self.consented = False
        return found


@pytest.mark.parametrize("end", ["disable", "remove", "client"])
async def test_a_consent_at_the_same_moment_ends_with_the_account_or_the_client(end):
    store = ConsentMeanwhile()
    await store.open()
    await store.apply([Insert(Client(client_id="c1", source="registered", created_at=0))])
    await add_user(store, CLOCK, "ann", kind="person", password=None)
    endings = {
        "disable": lambda: disable_user(store, CLOCK, "ann"),
        "remove": lambda: remove_user(store, CLOCK, "ann"),
        "client": lambda: remove_client(store, CLOCK, "c1"),
    }
    ended = await endings[end]()
    grant = await store.get(Grant, "g1")
    assert store.consented
    assert grant.record.revoked_at is not None
    assert ended in {None, 1}
