"""What every backend promises (`storage/port.py`), judged for each of them."""

from __future__ import annotations

import asyncio

import pytest
from storage.samples import NOW, full, least

from doorward.errors import Conflict, Unavailable
from doorward.records.accounts import BrowserSession, User
from doorward.records.changes import Delete, DeleteAll, Expect, Insert, Replace, Stored
from doorward.records.kinds import RECORD_TYPES
from doorward.records.oauth import AccessToken, Client, Grant, RefreshToken
from doorward.records.record import Record
from doorward.storage.port import Place


async def load(store, record_type: type[Record], key: str = "key") -> Stored:
    stored = await store.get(record_type, key)
    assert stored is not None
    return stored


async def keys_found(store, record_type: type[Record], **index: str) -> set[str]:
    found = await store.find(record_type, **index)
    keys = [each.record.key for each in found]
    assert len(keys) == len(set(keys))
    return set(keys)


@pytest.mark.parametrize("make", [least, full])
@pytest.mark.parametrize("record_type", RECORD_TYPES, ids=lambda each: each.kind)
async def test_a_record_of_each_kind_is_read_as_it_was_written(store, record_type, make):
    await store.apply([Insert(make(record_type))])
    stored = await load(store, record_type)
    assert stored.record == make(record_type)
    assert await store.find(record_type) == [stored]


async def test_a_key_that_was_never_written_is_absent(store):
    await store.apply([Insert(least(Client, "other"))])
    assert await store.get(Client, "key") is None
    assert await store.get(User, "other") is None


@pytest.mark.parametrize("key", ["", "it's", 'a"b', "a\x00b", "Tür 窓 \U0001f6aa", "x" * 5000, "%", "key "])
async def test_any_text_is_a_key_and_a_value(store, key):
    await store.apply([Insert(least(Grant, key, user_id=key)), Insert(least(Grant, "another"))])
    assert (await load(store, Grant, key)).record.key == key
    assert await keys_found(store, Grant, user_id=key) == {key}


async def test_an_expired_record_is_still_read(store):
    await store.apply([Insert(least(Client, expires_at=1))])
    assert (await load(store, Client)).record.expires_at == 1


async def test_no_changes_are_no_conflict(store):
    await store.apply([])


async def test_inserting_a_taken_key_conflicts_and_keeps_the_first(store):
    await store.apply([Insert(least(Client, client_name="first"))])
    with pytest.raises(Conflict):
        await store.apply([Insert(least(Client, client_name="second"))])
    assert (await load(store, Client)).record.client_name == "first"


async def test_one_key_serves_every_kind(store):
    await store.apply([Insert(least(each)) for each in RECORD_TYPES])
    for each in RECORD_TYPES:
        assert (await load(store, each)).record == least(each)


async def test_a_replacement_has_the_next_version(store):
    await store.apply([Insert(least(Client))])
    first = await load(store, Client)
    await store.apply([Replace(least(Client, client_name="new"), first.version)])
    second = await load(store, Client)
    assert second == Stored(least(Client, client_name="new"), first.version + 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda version: Replace(least(Client, client_name="late"), version),
        lambda version: Delete(Client, "key", version),
        lambda version: Expect(Client, "key", version),
    ],
    ids=["replace", "delete", "expect"],
)
async def test_a_change_that_names_an_old_version_conflicts(store, change):
    await store.apply([Insert(least(Client))])
    old = await load(store, Client)
    await store.apply([Replace(least(Client, client_name="current"), old.version)])
    with pytest.raises(Conflict):
        await store.apply([change(old.version)])
    assert (await load(store, Client)).record.client_name == "current"


@pytest.mark.parametrize(
    "change",
    [Replace(least(Client), 1), Delete(Client, "key", 1), Expect(Client, "key", 1)],
    ids=["replace", "delete", "expect"],
)
async def test_a_change_to_an_absent_record_conflicts(store, change):
    with pytest.raises(Conflict):
        await store.apply([change])
    assert await store.get(Client, "key") is None


async def test_a_record_added_anew_does_not_match_a_version_loaded_before(store):
    await store.apply([Insert(least(Client))])
    old = await load(store, Client)
    await store.apply([Delete(Client, "key", old.version)])
    await store.apply([Insert(least(Client, client_name="another"))])
    with pytest.raises(Conflict):
        await store.apply([Replace(least(Client, client_name="late"), old.version)])


async def test_an_expectation_that_holds_changes_nothing(store):
    await store.apply([Insert(least(Client))])
    before = await load(store, Client)
    await store.apply([Expect(Client, "key", before.version), Insert(least(User))])
    assert await load(store, Client) == before
    assert await store.get(User, "key") is not None


async def test_a_deleted_record_is_gone_from_every_index(store):
    await store.apply([Insert(least(Grant)), Insert(least(Grant, "other"))])
    await store.apply([Delete(Grant, "key", (await load(store, Grant)).version)])
    assert await store.get(Grant, "key") is None
    assert await keys_found(store, Grant) == {"other"}
    assert await keys_found(store, Grant, user_id="owner") == {"other"}


async def test_deleting_all_by_index_removes_those_of_the_value_and_kind_only(store):
    await store.apply(
        [
            Insert(least(AccessToken, "a", grant_id="one")),
            Insert(least(AccessToken, "b", grant_id="one")),
            Insert(least(AccessToken, "c", grant_id="two")),
            Insert(least(RefreshToken, "a", grant_id="one")),
        ]
    )
    await store.apply([DeleteAll(AccessToken, "grant_id", "one")])
    assert await keys_found(store, AccessToken) == {"c"}
    assert await keys_found(store, RefreshToken) == {"a"}


async def test_deleting_all_of_none_is_no_conflict(store):
    await store.apply([DeleteAll(AccessToken, "grant_id", "absent")])


async def test_deleting_all_also_removes_what_the_same_decision_added(store):
    await store.apply([Insert(least(AccessToken, grant_id="one")), DeleteAll(AccessToken, "grant_id", "one")])
    assert await keys_found(store, AccessToken) == set()


async def test_changes_of_one_decision_are_done_in_order(store):
    await store.apply([Insert(least(Client))])
    version = (await load(store, Client)).version
    await store.apply([Delete(Client, "key", version), Insert(least(Client, client_name="anew"))])
    assert (await load(store, Client)).record.client_name == "anew"


async def test_a_conflict_leaves_nothing_of_the_decision(store):
    grants = [Insert(least(Grant, name)) for name in ("replaced", "deleted", "kept")]
    tokens = [Insert(least(AccessToken, name, grant_id="one")) for name in ("a", "b")]
    await store.apply([*grants, *tokens])
    before = {each: await store.find(each) for each in RECORD_TYPES}
    with pytest.raises(Conflict):
        await store.apply(
            [
                Insert(least(Grant, "new", user_id="other")),
                Replace(least(Grant, "replaced", user_id="other"), (await load(store, Grant, "replaced")).version),
                Delete(Grant, "deleted", (await load(store, Grant, "deleted")).version),
                DeleteAll(AccessToken, "grant_id", "one"),
                Insert(least(Grant, "kept")),
            ]
        )
    for each in RECORD_TYPES:
        found = {stored.record.key: stored for stored in await store.find(each)}
        assert found == {stored.record.key: stored for stored in before[each]}
    assert await keys_found(store, Grant, user_id="owner") == {"replaced", "deleted", "kept"}
    assert await keys_found(store, Grant, user_id="other") == set()
    assert await keys_found(store, AccessToken, grant_id="one") == {"a", "b"}


async def test_an_index_follows_a_replacement(store):
    await store.apply([Insert(least(BrowserSession))])
    assert await keys_found(store, BrowserSession, user_id="owner") == set()
    await store.apply([Replace(least(BrowserSession, user_id="owner"), (await load(store, BrowserSession)).version)])
    assert await keys_found(store, BrowserSession, user_id="owner") == {"key"}
    await store.apply([Replace(least(BrowserSession), (await load(store, BrowserSession)).version)])
    assert await keys_found(store, BrowserSession, user_id="owner") == set()


async def test_two_indexes_must_both_match(store):
    await store.apply(
        [
            Insert(least(Grant, "a", user_id="u", client_id="c")),
            Insert(least(Grant, "b", user_id="u", client_id="d")),
            Insert(least(Grant, "c", user_id="v", client_id="c")),
        ]
    )
    assert await keys_found(store, Grant, user_id="u", client_id="c") == {"a"}
    assert await keys_found(store, Grant, client_id="c") == {"a", "c"}


async def test_a_field_that_is_no_index_is_refused(store):
    with pytest.raises(ValueError, match="no index"):
        await store.find(Client, client_name="x")
    with pytest.raises(ValueError, match="no index"):
        await store.apply([DeleteAll(Client, "client_name; DROP TABLE record_client", "x")])


async def test_a_purge_removes_what_expired_before_the_instant_and_counts_it(store):
    await store.apply(
        [
            Insert(least(Client, "before", expires_at=NOW - 1)),
            Insert(least(Client, "at", expires_at=NOW)),
            Insert(least(Client, "never")),
            Insert(least(AccessToken, "before", expires_at=NOW - 1)),
        ]
    )
    assert await store.purge(NOW) == 2
    assert await keys_found(store, Client) == {"at", "never"}
    assert await keys_found(store, Client, source="dynamic") == {"at", "never"}
    assert await keys_found(store, AccessToken) == set()
    assert await store.purge(NOW) == 0


async def test_a_large_purge_removes_everything(store):
    await store.apply([Insert(least(AccessToken, str(number), expires_at=number)) for number in range(1300)])
    assert await store.purge(1300) == 1300
    assert await keys_found(store, AccessToken) == set()


async def test_of_many_racers_on_one_version_exactly_one_wins(store):
    async def race(stored: Stored, name: str) -> bool:
        try:
            await store.apply(
                [
                    Replace(least(RefreshToken, predecessor_digest=name), stored.version),
                    Insert(least(AccessToken, name)),
                ]
            )
        except Conflict:
            return False
        return True

    await store.apply([Insert(least(RefreshToken))])
    for round_number in range(20):
        stored = await load(store, RefreshToken)
        names = [f"{round_number}-{racer}" for racer in range(16)]
        won = await asyncio.gather(*[race(stored, name) for name in names])
        assert won.count(True) == 1
        winner = names[won.index(True)]
        assert (await load(store, RefreshToken)).record.predecessor_digest == winner
        assert {each.split("-")[1] for each in await keys_found(store, AccessToken) if each in names} == {
            winner.split("-")[1]
        }


async def test_what_was_applied_is_seen_by_the_next_read(store):
    for number in range(50):
        await store.apply([Insert(least(Client, str(number)))])
        assert await store.get(Client, str(number)) is not None


async def test_another_store_on_the_same_data_sees_what_was_applied(store, backend):
    other = backend()
    await other.open()
    await store.apply([Insert(least(Client))])
    stored = await load(other, Client)
    await other.apply([Replace(least(Client, client_name="theirs"), stored.version)])
    assert (await load(store, Client)).record.client_name == "theirs"
    await other.close()


async def test_closing_and_opening_again_loses_nothing(backend):
    store = backend()
    await store.open()
    await store.apply([Insert(full(each)) for each in RECORD_TYPES])
    before = [await load(store, each) for each in RECORD_TYPES]
    await store.close()
    store = backend()
    await store.open()
    assert [await load(store, each) for each in RECORD_TYPES] == before
    await store.close()


@pytest.mark.parametrize("opened_before", [False, True])
async def test_a_store_that_is_not_open_is_unavailable_and_gives_no_verdict(backend, opened_before):
    store = backend()
    if opened_before:
        await store.open()
        await store.close()
        await store.close()
    with pytest.raises(Unavailable):
        await store.get(Client, "key")
    with pytest.raises(Unavailable):
        await store.find(Client)
    with pytest.raises(Unavailable):
        await store.apply([Insert(least(Client))])
    with pytest.raises(Unavailable):
        await store.purge(NOW)


async def test_closing_finishes_what_was_asked_before(backend):
    store = backend()
    await store.open()
    tasks = [asyncio.create_task(store.apply([Insert(least(Client, str(number)))])) for number in range(100)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*tasks)
    store = backend()
    await store.open()
    assert len(await store.find(Client)) == 100
    await store.close()


async def pages_of(store, record_type: type[Record], limit: int, **index: str) -> list[list[str]]:
    pages, after = [], None
    while rows := await store.page(record_type, limit=limit, after=after, **index):
        pages.append([each.stored.record.key for each in rows])
        after = rows[-1].place
    return pages


@pytest.mark.parametrize("record_type", RECORD_TYPES, ids=lambda each: each.kind)
async def test_a_page_of_each_kind_holds_what_a_read_by_key_does(store, record_type):
    await store.apply([Insert(full(record_type, key)) for key in ("c", "a", "b")])
    (first, second) = await store.page(record_type, limit=2)
    assert first == (Place(first.stored.record.ordered_at, "a"), await load(store, record_type, "a"))
    assert second.stored == await load(store, record_type, "b")
    assert [each.stored.record.key for each in await store.page(record_type, limit=2, after=second.place)] == ["c"]


async def test_pages_are_ordered_by_instant_and_then_by_key(store):
    places = [("d", 3), ("b", 5), ("a", 5), ("c", 5), ("é", 1), ("Z", 1), ("", 1), ("e", 2**40)]
    await store.apply([Insert(least(Grant, key, created_at=at)) for key, at in places])
    every = [key for page in await pages_of(store, Grant, 3) for key in page]
    # Where an empty key stands among those of its instant is the backend's own affair.
    assert [key for key in every if key] == ["Z", "é", "d", "a", "b", "c", "e"]
    assert "" in every[:3]
    assert [len(page) for page in await pages_of(store, Grant, 3)] == [3, 3, 2]


async def test_kinds_without_an_instant_are_ordered_by_key(store):
    await store.apply(
        [Insert(least(User, key, created_at=at)) for key, at in (("b", 1), ("a", 2), ("B", 3), ("a@b", 0))]
    )
    assert await pages_of(store, User, 3) == [["B", "a", "a@b"], ["b"]]


async def test_a_page_can_be_narrowed_to_the_value_of_an_index(store):
    names = ["owner", "other", "own", "owner2"]
    await store.apply(
        [Insert(least(Grant, f"{at}{name}", user_id=name, created_at=at)) for at in (2, 1, 3) for name in names]
    )
    assert await pages_of(store, Grant, 2, user_id="owner") == [["1owner", "2owner"], ["3owner"]]
    assert await pages_of(store, Grant, 2, user_id="nobody") == []


async def test_what_was_added_or_removed_meanwhile_does_not_shift_the_pages(store):
    await store.apply([Insert(least(Grant, key, created_at=5)) for key in ("b", "d", "f")])
    first = await store.page(Grant, limit=2)
    version = (await load(store, Grant, "d")).version
    await store.apply([Delete(Grant, "d", version), Insert(least(Grant, "a", created_at=5))])
    await store.apply([Insert(least(Grant, "e", created_at=5)), Insert(least(Grant, "0", created_at=6))])
    rest = await store.page(Grant, limit=9, after=first[-1].place)
    assert [each.stored.record.key for each in rest] == ["e", "f", "0"]


async def test_a_replaced_record_stands_where_its_new_instant_puts_it(store):
    await store.apply([Insert(least(Grant, key, created_at=at)) for key, at in (("a", 1), ("b", 2))])
    await store.apply([Replace(least(Grant, "a", created_at=3), (await load(store, Grant, "a")).version)])
    assert await pages_of(store, Grant, 9) == [["b", "a"]]


async def test_any_text_can_be_a_place(store):
    keys = ["it's", 'a"b', "a\x00b", "x" * 5000, "%", "key "]
    await store.apply([Insert(least(Grant, key, user_id=key)) for key in keys])
    assert sorted(key for page in await pages_of(store, Grant, 1) for key in page) == sorted(keys)
    for key in keys:
        assert await pages_of(store, Grant, 2, user_id=key) == [[key]]


@pytest.mark.parametrize(
    ("record_type", "index"),
    [(Grant, {"nothing": "x"}), (Grant, {"user_id": "x", "client_id": "y"}), (AccessToken, {"grant_id": "x"})],
    ids=["an unknown index", "two indexes", "a kind that has no order"],
)
async def test_a_page_whose_cost_has_no_bound_is_a_bug_of_its_caller(store, record_type, index):
    with pytest.raises(ValueError, match="index"):
        await store.page(record_type, limit=1, **index)
