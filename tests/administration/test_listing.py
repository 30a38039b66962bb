from __future__ import annotations

import pytest
from storage.samples import least

from doorward.administration.grants import ListGrants
from doorward.administration.listing import MOST_READ, Page, cursor_after, page_of, read_cursor
from doorward.errors import ConfigError
from doorward.records.changes import Delete, Insert
from doorward.records.oauth import Grant
from doorward.storage.memory import MemoryStore
from doorward.storage.port import Place


@pytest.fixture
async def store():
    store = MemoryStore()
    await store.open()
    return store


async def add(store, *keys: str, **fields: object) -> None:
    await store.apply([Insert(least(Grant, key, **fields)) for key in keys])


async def page(store, limit: int, cursor: str | None = None, **more) -> Page[str]:
    return await page_of(store, Grant, lambda each: each.key, ListGrants(limit=limit, cursor=cursor), **more)


async def every(store, limit: int, **more) -> list[list[str]]:
    pages = [await page(store, limit, **more)]
    while pages[-1].next_cursor is not None:
        pages.append(await page(store, limit, pages[-1].next_cursor, **more))
    return [each.items for each in pages]


@pytest.mark.parametrize("limit", [1, 5, 10, 25, 26])
async def test_pages_follow_each_other_without_gap_or_repeat(store, limit):
    keys = [f"{number:03}" for number in range(25)]
    await add(store, *keys)
    pages = await every(store, limit)
    assert [key for each in pages for key in each] == keys
    assert all(len(each) == limit for each in pages[:-1])
    assert pages[-1]


async def test_an_empty_list_is_one_empty_page(store):
    assert await every(store, 5) == [[]]


async def test_what_was_added_or_removed_between_pages_does_not_shift_them(store):
    await add(store, "b", "d", "f")
    first = await page(store, 2)
    assert first.items == ["b", "d"]
    await add(store, "a", "e")
    await store.apply([Delete(Grant, "d", (await store.get(Grant, "d")).version)])
    assert await page(store, 2, first.next_cursor) == Page(items=["e", "f"])


async def test_what_is_not_to_be_shown_leaves_no_gap_in_a_page(store):
    await add(store, *(f"{number:03}" for number in range(30)))
    pages = await every(store, 4, wanted=lambda each: int(each.key) % 3 == 0)
    assert pages == [["000", "003", "006", "009"], ["012", "015", "018", "021"], ["024", "027"]]


async def test_only_so_many_records_are_looked_at_for_one_page(store):
    looked_at = []

    def wanted(each: Grant) -> bool:
        looked_at.append(each.key)
        return each.key == "last"

    await add(store, *(f"{number:05}" for number in range(3 * MOST_READ)), created_at=1)
    await add(store, "last", created_at=2)
    first = await page(store, 200, wanted=wanted)
    assert (first.items, len(looked_at) <= MOST_READ + 201) == ([], True)
    assert [key for each in await every(store, 200, wanted=wanted) for key in each] == ["last"]


@pytest.mark.parametrize("cursor", ["é", "a", "!!!!", "_____w", "YQ", "MSBh", "MDAwMDAwMDAwMDAwMDAwMQ"])
def test_a_cursor_of_somebody_else_is_refused(cursor):
    with pytest.raises(ConfigError):
        read_cursor(cursor)


@pytest.mark.parametrize("key", ["ü/?& \n", "", "x" * 2048])
def test_a_cursor_survives_the_way_through_a_url(key):
    cursor = cursor_after(Place(1_800_000_000, key))
    assert read_cursor(cursor) == Place(1_800_000_000, key)
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert len(cursor) <= 4096
