"""Header tokens: created for a user who stands, listed in order, removed by id or by the only name."""

from __future__ import annotations

import pytest

from doorward.clock import CountingEntropy, FixedClock
from doorward.directory.accounts import add_user, disable_user
from doorward.directory.header_tokens import (
    NewHeaderToken,
    create_header_token,
    is_header_token,
    list_header_tokens,
    revoke_header_token,
)
from doorward.errors import ConfigError
from doorward.oauth.tokens.opaque import digest
from doorward.records.accounts import HeaderToken
from doorward.storage.memory import MemoryStore

CLOCK, ENTROPY = FixedClock(), CountingEntropy()


@pytest.fixture
async def store():
    store = MemoryStore()
    await store.open()
    await add_user(store, CLOCK, "ann", kind="service", password=None)
    return store


async def created(store, name: str = "ci", **changes) -> tuple[str, HeaderToken]:
    values = {"name": name, "user_id": "ann", "scopes": ["mcp"], "lifetime_seconds": None} | changes
    return await create_header_token(store, CLOCK, ENTROPY, NewHeaderToken(**values))


async def test_only_the_digest_is_stored_and_nothing_is_doubled(store):
    token, record = await created(store, scopes=["a", "b", "a"], capabilities=["c", "c"], door="notes")
    assert (record.token_digest, record.scopes, record.capabilities) == (digest(token), ("a", "b"), ("c",))
    assert (record.door, record.expires_at) == ("notes", None)
    assert (await store.get(HeaderToken, record.key)).record == record


async def test_a_lifetime_counts_from_now(store):
    _, record = await created(store, lifetime_seconds=60)
    assert record.expires_at == CLOCK.now() + 60


async def test_nobody_gets_a_token_for_an_account_that_is_not_there_or_has_ended(store):
    with pytest.raises(ConfigError, match="bob"):
        await created(store, user_id="bob")
    await disable_user(store, CLOCK, "ann")
    with pytest.raises(ConfigError, match="disabled"):
        await created(store)
    assert await store.find(HeaderToken) == []


async def test_tokens_are_listed_oldest_first_and_those_of_others_are_not(store):
    await add_user(store, CLOCK, "bob", kind="service", password=None)
    first, second = [(await created(store, name))[1] for name in ("b", "a")]
    await created(store, user_id="bob")
    assert await list_header_tokens(store, "ann") == sorted([first, second], key=lambda each: each.token_id)


async def test_a_token_is_removed_by_id_or_by_the_only_name(store):
    _, one = await created(store, "one")
    _, two = await created(store, "two")
    assert await is_header_token(store, one.token_id)
    assert await revoke_header_token(store, one.token_id) == one
    assert not await is_header_token(store, one.token_id)
    assert await revoke_header_token(store, "two") == two
    assert await list_header_tokens(store, "ann") == []


async def test_a_name_that_several_have_removes_none_and_shows_their_ids(store):
    records = [(await created(store, "ci"))[1] for _ in range(2)]
    with pytest.raises(ConfigError) as refused:
        await revoke_header_token(store, "ci")
    assert all(each.token_id in str(refused.value) for each in records)
    assert len(await list_header_tokens(store, "ann")) == 2
    with pytest.raises(ConfigError, match="there is no token"):
        await revoke_header_token(store, "cj")
