from __future__ import annotations

import pytest
from one_door import one_door

from doorward.administration.door_views import views
from doorward.administration.operation import Administration
from doorward.directory import added_doors
from doorward.installation import Installation
from doorward.records.changes import Insert
from doorward.records.doors import ServedDoor, ServingProcess

URL = "http://127.0.0.1:9/mcp"


@pytest.fixture
async def here(tmp_path):
    installation = await Installation.open(one_door(target=URL, data_dir=tmp_path))
    yield Administration.of(installation)
    await installation.close()


async def states(here) -> dict[str, tuple[str, str]]:
    return {name: (each.state, each.source) for name, each in (await views(here)).items()}


async def add(here, name: str) -> int:
    return await added_doors.add(here.store, here.clock, here.config, name, {"target": URL}, allowed=lambda table: None)


def door(name: str, state="served", source="command", reason="") -> ServedDoor:
    url = f"https://mcp.example.com/{name}"
    return ServedDoor(name=name, url=url, source=source, auth="oauth", target=URL, state=state, reason=reason)


async def process(here, number: int, *doors: ServedDoor, change: int = 1, age: int = 0) -> None:
    expires_at = here.clock.now() + 60 - age
    record = ServingProcess(process_id=f"p{number}", change=change, doors=doors, expires_at=expires_at)
    await here.store.apply([Insert(record)])


async def test_without_a_process_every_door_is_stopped(here):
    await add(here, "time")
    await process(here, 1, door("mcp", source="file"), door("time"), age=100)
    assert await states(here) == {"mcp": ("stopped", "file"), "time": ("stopped", "command")}


async def test_a_door_is_served_when_every_process_has_it_and_pending_until_then(here):
    await add(here, "time")
    await process(here, 1, door("mcp", source="file"), door("time"))
    await process(here, 2, door("mcp", source="file"), change=0)
    assert (await states(here))["time"] == ("pending", "command")
    seen = (await views(here))["mcp"]
    assert (seen.state, seen.url) == ("served", "https://mcp.example.com/mcp")


async def test_one_process_that_cannot_start_a_door_is_enough_to_say_so(here):
    await add(here, "time")
    await process(here, 1, door("mcp", source="file"), door("time"))
    await process(here, 2, door("mcp", source="file"), door("time", "failed", reason="no such program"))
    seen = (await views(here))["time"]
    assert (seen.state, seen.reason) == ("failed", "no such program")


async def test_a_door_that_was_removed_is_shown_until_no_process_has_it(here):
    await process(here, 1, door("gone"), change=0)
    await process(here, 2, door("leaving", "draining"))
    found = await states(here)
    assert (found["gone"], found["leaving"]) == (("pending", "command"), ("draining", "command"))


async def test_a_door_of_the_settings_hides_an_added_one_of_its_name(here):
    await add(here, "time")
    hidden = ServedDoor(name="time", url="", source="command", auth="", target="", state="hidden", reason="taken")
    await process(here, 1, door("time", source="file"), hidden)
    seen = (await views(here))["time"]
    assert (seen.state, seen.source) == ("served", "file")
    assert "added by command too" in seen.reason


async def test_a_door_of_the_settings_that_the_server_has_not_taken_over_is_pending(here):
    await process(here, 1, door("other", source="file"))
    assert (await states(here))["mcp"] == ("pending", "file")
