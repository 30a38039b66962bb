from __future__ import annotations

from world import FixedClock

from doorward.config.model import Config, DoorSettings
from doorward.directory.added_doors import Kept
from doorward.errors import Problem
from doorward.opening import Opened
from doorward.records.doors import ServingProcess
from doorward.roster import EXPIRE_SECONDS, WRITE_SECONDS, Roster
from doorward.storage.memory import MemoryStore


async def written(store) -> list[ServingProcess]:
    return [each.record for each in await store.find(ServingProcess)]


async def test_what_is_served_is_written_when_it_changes_and_now_and_then():
    store, clock = MemoryStore(), FixedClock()
    await store.open()
    roster = Roster(store, clock, "p1")
    one, two = (
        DoorSettings(name=name, path=f"/{name}", source=source) for name, source in (("a", "table"), ("b", "command"))
    )
    problem = Problem("it is broken", "A reason.", "Mend it.")
    roster.opened = Opened(config=Config(doors=(one, two)), upstreams=(), kept_out={"c": problem})
    roster.added = Kept(3, ())
    await roster.tell()
    (record,) = await written(store)
    assert (record.change, record.expires_at) == (3, clock.now() + EXPIRE_SECONDS)
    assert [(each.name, each.source, each.state) for each in record.doors] == [
        ("a", "file", "served"),
        ("b", "command", "served"),
        ("c", "command", "failed"),
    ]
    assert record.doors[2].reason == "it is broken. A reason. Mend it"
    version = (await store.get(ServingProcess, "p1")).version
    await roster.tell()
    assert (await store.get(ServingProcess, "p1")).version == version
    assert not roster.must_write_soon(clock.now())
    clock.advance(WRITE_SECONDS)
    assert roster.must_write_soon(clock.now())
    await roster.tell()
    (record,) = await written(store)
    assert record.expires_at == clock.now() + EXPIRE_SECONDS
    await roster.end()
    assert await written(store) == []
