"""No sealed reply outlives its window, whatever keeps it and whichever process gave it."""

from __future__ import annotations

import msgspec
import pytest
from oauth.given import POLICY
from storage.samples import NOW, least
from world import world

from doorward.authority.kept_replies import KeptReplies, wipe_all
from doorward.errors import Unavailable
from doorward.records.changes import Insert, Replace, Stored
from doorward.records.kinds import RECORD_TYPES
from doorward.records.oauth import AuthorizationCode, DeviceAuthorization, RefreshToken

SPENT = {
    AuthorizationCode: {"redeemed_at": NOW},
    RefreshToken: {"rotated_at": NOW},
    DeviceAuthorization: {"redeemed_at": NOW},
}
WINDOW = {AuthorizationCode: 10, RefreshToken: 30, DeviceAuthorization: 10}
MARGIN = 3


def spent(kind):
    return msgspec.structs.replace(least(kind), sealed_reply=b"sealed", **SPENT[kind])


def test_every_kind_of_record_that_keeps_a_reply_is_known_here():
    assert {each for each in RECORD_TYPES if "sealed_reply" in each.__struct_fields__} == set(SPENT)


@pytest.mark.parametrize("kind", SPENT, ids=lambda each: each.kind)
async def test_a_reply_of_this_process_is_wiped_when_its_window_is_over_and_not_before(store, kind):
    kept = KeptReplies()
    await store.apply([Insert(spent(kind))])
    kept.note([Replace(spent(kind), 1)], POLICY)
    await kept.wipe_due(store, NOW + WINDOW[kind])
    assert (await store.get(kind, "key")).record.sealed_reply == b"sealed"
    await kept.wipe_due(store, NOW + WINDOW[kind] + MARGIN)
    assert (await store.get(kind, "key")).record == msgspec.structs.replace(spent(kind), sealed_reply=None)
    assert len(kept) == 0
    assert await store.find(kind, keeps_reply="yes") == []


@pytest.mark.parametrize("kind", SPENT, ids=lambda each: each.kind)
async def test_the_purge_wipes_what_a_process_left_behind(store, kind):
    await store.apply([Insert(spent(kind))])
    assert await wipe_all(store, POLICY, NOW + WINDOW[kind]) == 0
    assert await wipe_all(store, POLICY, NOW + WINDOW[kind] + MARGIN) == 1
    assert (await store.get(kind, "key")).record.sealed_reply is None
    assert await wipe_all(store, POLICY, NOW + WINDOW[kind] + MARGIN) == 0


async def test_hundreds_at_once_are_wiped_although_some_change_meanwhile(store):
    records = [msgspec.structs.replace(spent(RefreshToken), refresh_digest=f"t{number}") for number in range(250)]
    await store.apply([Insert(each) for each in records])
    kept = KeptReplies()
    kept.note([Replace(each, 1) for each in records], POLICY)
    get = store.get

    async def stale(kind, key):
        found = await get(kind, key)
        return Stored(found.record, found.version + 1) if key == "t7" else found

    store.get = stale
    await kept.wipe_due(store, NOW + 40)
    left = await store.find(RefreshToken, keeps_reply="yes")
    assert [each.record.refresh_digest for each in left] == ["t7"]


async def test_a_store_that_fails_loses_nothing_that_was_noted(sqlite_store):
    kept = KeptReplies()
    await sqlite_store.apply([Insert(spent(RefreshToken))])
    kept.note([Replace(spent(RefreshToken), 1)], POLICY)
    apply = sqlite_store.apply

    async def down(changes):
        raise Unavailable("down")

    sqlite_store.apply = down
    with pytest.raises(Unavailable):
        await kept.wipe_due(sqlite_store, NOW + 40)
    sqlite_store.apply = apply
    await kept.wipe_due(sqlite_store, NOW + 40)
    assert (await sqlite_store.get(RefreshToken, "key")).record.sealed_reply is None


async def test_a_decision_that_keeps_no_reply_notes_nothing():
    kept = KeptReplies()
    kept.note([Insert(least(RefreshToken)), Replace(least(RefreshToken), 1)], POLICY)
    assert len(kept) == 0


async def test_a_door_notes_what_it_answers_and_an_honest_repeat_still_gets_it(tmp_path):
    async with world(tmp_path) as w:
        kept = w.door.running.authority.kept
        client_id = (await w.register())["client_id"]
        code = await w.code(client_id)
        tokens = (await w.redeem(client_id, code)).json()
        form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": tokens["refresh_token"]}
        refreshed = (await w.token(**form)).json()
        assert len(kept) == 2
        w.clock.advance(30)
        await kept.wipe_due(w.door.store, w.clock.now())
        assert (await w.token(**form)).json() == refreshed
        w.clock.advance(5)
        await kept.wipe_due(w.door.store, w.clock.now())
        assert len(kept) == 0
        for kind in SPENT:
            assert await w.door.store.find(kind, keeps_reply="yes") == []
        assert (await w.token(**form)).json()["error"] == "invalid_grant"


async def test_a_door_that_starts_wipes_what_the_one_before_left(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        await w.redeem(client_id, await w.code(client_id))
        assert len(await w.door.store.find(AuthorizationCode, keeps_reply="yes")) == 1
        clock = w.clock
    clock.advance(60)
    async with world(tmp_path, clock=clock, limit_registrations_per_minute=0) as w:
        while await w.door.store.find(AuthorizationCode, keeps_reply="yes"):
            await w.register()
