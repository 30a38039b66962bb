"""Rotation on one clock with several nodes: what was sealed or signed stays good, and one rotation wins."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from doorward.clock import FixedClock, SystemEntropy
from doorward.errors import Unavailable
from doorward.keys.ring import Keys, ring_order
from doorward.keys.rotation import LEAD_SECONDS, Rotation
from doorward.keys.signing import JwtSigner
from doorward.oauth.policy import Policy
from doorward.records.keys import KeyRecord
from doorward.storage.memory import MemoryStore
from doorward.storage.port import Store

MASTER_KEY = "bW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW0="
POLICY = Policy(issuer="https://mcp.example.com", resources={})
DAY = 86_400


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
async def store(backend) -> AsyncIterator[Store]:
    store = backend()
    await store.open()
    yield store
    await store.close()


async def node(store: Store, clock: FixedClock, tmp_path) -> Rotation:
    keys = await Keys.load(store, tmp_path, clock, SystemEntropy(), master_key=MASTER_KEY)
    return Rotation(store, keys, clock, POLICY)


@pytest.mark.parametrize("use", ["encryption", "signing"])
async def test_a_new_key_is_known_everywhere_before_it_is_used(store, clock, tmp_path, use):
    one, two = await node(store, clock, tmp_path), await node(store, clock, tmp_path)
    before = getattr(one.keys, use)[0].kid
    made = await one.rotate(use)
    await two.keys.refresh()
    assert [each.kid for each in getattr(two.keys, use)] == [before, made.kid]
    clock.advance(LEAD_SECONDS[use])
    await two.keys.refresh()
    assert [each.kid for each in getattr(two.keys, use)] == [made.kid, before]


async def test_what_was_sealed_before_and_after_a_rotation_opens_on_every_node(store, clock, tmp_path):
    one, two = await node(store, clock, tmp_path), await node(store, clock, tmp_path)
    sealers = [one.keys.sealer("reply"), two.keys.sealer("reply")]
    sealed = [sealers[0].seal(b"before")]
    made = await one.rotate("encryption")
    await two.keys.refresh()
    clock.advance(LEAD_SECONDS["encryption"])
    await one.keys.refresh()
    # The other node has not looked since: it still seals with the key before, and opens what the new key sealed.
    sealed += [sealers[0].seal(b"new"), sealers[1].seal(b"late")]
    assert sealed[1][1:5].hex() == made.kid
    assert sealed[2][1:5].hex() != made.kid
    for sealer in sealers:
        assert [sealer.unseal(each) for each in sealed] == [b"before", b"new", b"late"]


async def test_a_key_is_taken_away_when_nothing_that_it_made_can_be_alive(store, clock, tmp_path):
    rotation = await node(store, clock, tmp_path)
    sealer = rotation.keys.sealer("reply")
    sealed = sealer.seal(b"x")
    await rotation.rotate("encryption", at_once=True)
    clock.advance(POLICY.grant_absolute_seconds)
    await rotation.keys.refresh()
    assert sealer.unseal(sealed) == b"x"
    clock.advance(2 * DAY)
    await rotation.keys.refresh()
    assert sealer.unseal(sealed) is None
    assert len(rotation.keys.encryption) == 1
    assert await store.purge(clock.now()) == 1


async def test_a_signing_key_stays_published_longer_than_its_tokens_live(store, clock, tmp_path):
    rotation = await node(store, clock, tmp_path)
    old = rotation.keys.signing[0].kid
    await rotation.rotate("signing")
    clock.advance(LEAD_SECONDS["signing"] + POLICY.access_token_seconds)
    await rotation.keys.refresh()
    assert [each.kid for each in rotation.keys.signing][1:] == [old]
    clock.advance(DAY)
    await rotation.keys.refresh()
    assert old not in [each.kid for each in rotation.keys.signing]


async def test_a_rotation_at_once_signs_with_the_new_key_without_a_restart(store, clock, tmp_path):
    rotation = await node(store, clock, tmp_path)
    sign = JwtSigner(rotation.keys)
    before = sign({"a": 1}, header_type="jwt")
    made = await rotation.rotate("signing", at_once=True)
    clock.advance(1)
    await rotation.keys.refresh()
    after = sign({"a": 1}, header_type="jwt")
    assert before.split(".")[0] != after.split(".")[0]
    assert rotation.keys.signing[0].kid == made.kid


async def test_a_key_that_waits_is_not_overtaken_but_can_be_hurried(store, clock, tmp_path):
    rotation = await node(store, clock, tmp_path)
    clock.advance(10)
    waiting = await rotation.rotate("signing")
    assert await rotation.rotate("signing") == waiting
    hurried = await rotation.rotate("signing", at_once=True)
    assert (hurried.kid, hurried.active_at) == (waiting.kid, clock.now())
    assert rotation.keys.signing[0].kid == waiting.kid
    assert len(rotation.keys.signing) == 2


async def test_of_nodes_that_rotate_at_once_one_wins(store, clock, tmp_path):
    nodes = [await node(store, clock, tmp_path) for _ in range(8)]
    made = await asyncio.gather(*[each.rotate("signing") for each in nodes])
    assert len({record.kid for record in made}) == 1
    signing = [each.record for each in await store.find(KeyRecord) if each.record.use == "signing"]
    assert len(signing) == 2


async def test_nodes_that_start_at_once_on_a_new_store_make_one_ring(store, clock, tmp_path):
    nodes = await asyncio.gather(*[node(store, clock, tmp_path) for _ in range(6)])
    assert len({each.keys.encryption[0].secret for each in nodes}) == 1
    assert len(await store.find(KeyRecord)) == 3


async def test_keys_follow_each_other_even_within_one_second(store, clock, tmp_path):
    rotation = await node(store, clock, tmp_path)
    made = [await rotation.rotate("encryption", at_once=True) for _ in range(2)]
    clock.advance(5)
    made.append(await rotation.rotate("encryption", at_once=True))
    clock.advance(5)
    await rotation.keys.refresh()
    records = [each.record for each in await store.find(KeyRecord)]
    kids = [record.kid for record in ring_order(records, "encryption", clock.now())]
    assert kids[0] == made[-1].kid
    assert [each.kid for each in rotation.keys.encryption] == kids


async def test_a_signing_key_is_replaced_when_it_is_old(store, clock, tmp_path):
    rotation = await node(store, clock, tmp_path)
    clock.advance(90 * DAY - 1)
    await rotation.rotate_when_old("signing", 90)
    assert len(rotation.keys.signing) == 1
    clock.advance(1)
    await rotation.rotate_when_old("signing", 0)
    assert len(rotation.keys.signing) == 1
    await rotation.rotate_when_old("signing", 90)
    await rotation.rotate_when_old("signing", 90)
    assert len(rotation.keys.signing) == 2


async def test_a_clock_that_is_behind_uses_the_keys_that_another_node_has_just_made(store, clock, tmp_path):
    await node(store, clock, tmp_path)
    behind = await node(store, FixedClock(clock.now() - 30), tmp_path)
    assert behind.keys.sealer("reply").unseal(behind.keys.sealer("reply").seal(b"x")) == b"x"


async def test_tending_goes_on_when_the_store_is_away(clock, tmp_path, caplog):
    store = MemoryStore()
    await store.open()
    rotation = await node(store, clock, tmp_path)
    await store.close()
    with pytest.raises(Unavailable):
        await rotation.rotate("signing")
    with caplog.at_level(logging.WARNING):
        task = asyncio.create_task(rotation.run(90))
        while not caplog.records:
            await asyncio.sleep(0)
    assert caplog.records[0].message == "keys_not_refreshed"
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
