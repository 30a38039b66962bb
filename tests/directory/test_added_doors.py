from __future__ import annotations

import asyncio
import contextlib

import pytest
from one_door import one_door

from doorward.clock import SystemClock
from doorward.directory import added_doors
from doorward.directory.added_doors import change_number, load, placed, remove, table_of
from doorward.errors import AlreadyExists, ConfigError, NotFound
from doorward.storage.memory import MemoryStore

URL = {"target": "http://127.0.0.1:9/mcp"}
CLOCK, CONFIG = SystemClock(), one_door(target="http://127.0.0.1:9/mcp")


async def add(store, clock, config, name, table) -> int:
    return await added_doors.add(store, clock, config, name, table, allowed=lambda whole: None)


async def update(store, config, name, table) -> int:
    return await added_doors.update(store, config, name, table, allowed=lambda whole: None)


@pytest.fixture
async def store():
    made = MemoryStore()
    await made.open()
    return made


async def names(store) -> list[str]:
    return [each.name for each in (await load(store)).records]


async def test_each_change_has_a_number_and_the_doors_are_what_the_last_one_left(store):
    assert (await load(store)).number == 0
    assert await add(store, CLOCK, CONFIG, "one", URL) == 1
    assert await add(store, CLOCK, CONFIG, "two", {**URL, "scopes": ["read"], "path": None}) == 2
    assert await update(store, CONFIG, "two", {"scopes": None, "path": "/2"}) == 3
    kept = await load(store)
    assert (kept.number, [each.change for each in kept.records]) == (3, [1, 3])
    assert table_of(kept.records[1]) == {**URL, "path": "/2"}
    assert [each.path for each in placed(CONFIG, kept.records).config.doors] == ["/mcp", "/one/mcp", "/2"]
    assert await remove(store, CONFIG, "one") == 4
    assert (await names(store), await change_number(store)) == (["two"], 4)


async def test_what_cannot_be_served_is_refused_and_nothing_is_stored(store):
    await add(store, CLOCK, CONFIG, "one", URL)
    for given, kind in (
        (("one", URL), AlreadyExists),
        (("mcp", URL), AlreadyExists),
        (("two", {**URL, "path": "/one/mcp"}), ConfigError),
        (("two", {**URL, "path": "/mcp"}), ConfigError),
        (("two", {}), ConfigError),
    ):
        with pytest.raises(kind):
            await add(store, CLOCK, CONFIG, *given)
    with pytest.raises(ConfigError):
        await update(store, CONFIG, "one", {"path": "/token"})
    assert (await names(store), await change_number(store)) == (["one"], 1)


async def test_only_a_door_that_was_added_is_changed_or_removed(store):
    await add(store, CLOCK, CONFIG, "notes", URL)
    with pytest.raises(NotFound, match="Did you mean notes"):
        await remove(store, CONFIG, "note")
    with pytest.raises(ConfigError, match="was not added by command"):
        await remove(store, CONFIG, "mcp")
    with pytest.raises(ConfigError, match="was not added by command"):
        await update(store, CONFIG, "mcp", {"path": "/x"})


async def test_of_two_operators_who_want_one_path_one_gets_it(store):
    async def attempt(name: str) -> None:
        with contextlib.suppress(ConfigError):
            await add(store, CLOCK, CONFIG, name, {**URL, "path": "/same"})

    await asyncio.gather(*(attempt(f"door{number}") for number in range(6)))
    assert len(await names(store)) == 1


async def test_a_door_that_another_node_cannot_read_is_kept_out_with_the_reason(store, tmp_path):
    file = tmp_path / "server.py"
    file.touch()
    await add(store, CLOCK, CONFIG, "here", {"target": str(file)})
    await add(store, CLOCK, CONFIG, "there", URL)
    file.unlink()
    found = placed(CONFIG, (await load(store)).records)
    assert [each.name for each in found.config.doors] == ["mcp", "there"]
    assert "there is no file" in found.kept_out["here"].what


async def test_the_rights_to_a_door_are_judged_by_all_of_it_and_not_by_what_changes(store):
    judged = []
    await added_doors.add(store, CLOCK, CONFIG, "one", {**URL, "title": "One"}, allowed=judged.append)
    await added_doors.update(store, CONFIG, "one", {"title": None, "auth": "none"}, allowed=judged.append)
    assert judged == [{**URL, "title": "One"}, {**URL, "title": "One"}, {**URL, "auth": "none"}]


async def test_a_door_that_its_maker_may_not_have_is_not_stored(store):
    def refuse(table):
        if table.get("auth") == "none":
            raise PermissionError

    await added_doors.add(store, CLOCK, CONFIG, "one", URL, allowed=refuse)
    with pytest.raises(PermissionError):
        await added_doors.update(store, CONFIG, "one", {"auth": "none"}, allowed=refuse)
    kept = await load(store)
    assert (kept.number, table_of(kept.records[0])) == (1, URL)
