"""Doors that an operator adds, changes and removes by command: their records, and which processes serve them.

Every change raises one number in the same transaction. Two operators at once therefore decide one after the other,
and a process that serves reads one record to learn that something has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from doorward.authority.deciding import settle
from doorward.clock import Clock
from doorward.config.added_doors import Beside, beside, in_the_file, read_added
from doorward.config.faults import shown, suggestion
from doorward.config.model import Config, DoorSettings
from doorward.errors import AlreadyExists, ConfigError, NotFound, Problem
from doorward.records.changes import Change, Delete, Insert, Replace, Stored
from doorward.records.doors import ALL_DOORS, AddedDoor, DoorChanges, ServingProcess
from doorward.storage.port import Store

Table = Mapping[str, Any]
Current = Mapping[str, Stored[AddedDoor]]
Allowed = Callable[[Table], None]
"""Raises if the caller may not have a door with this whole table."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the store holds of the added doors."""

    number: int
    """Of the last change."""
    records: tuple[AddedDoor, ...]


async def change_number(store: Store) -> int:
    """Return the number of the last change; 0 if no door was ever added. Raises `Unavailable`."""
    head = await store.get(DoorChanges, ALL_DOORS)
    return 0 if head is None else head.record.number


async def load(store: Store) -> Kept:
    """Return the added doors, in the order in which they were added. Raises `Unavailable`."""
    # The number first: a change in between is then seen at the next look, never missed.
    number = await change_number(store)
    if not number:
        return Kept(0, ())
    records = [each.record for each in await store.find(AddedDoor)]
    return Kept(number, tuple(sorted(records, key=lambda each: (each.added_at, each.name))))


def placed(config: Config, records: Sequence[AddedDoor]) -> Beside:
    """Return the settings with the added doors that can be served beside theirs."""
    doors: list[DoorSettings] = []
    faulty: dict[str, Problem] = {}
    for record in records:
        try:
            doors.append(read_added(record.name, table_of(record), config))
        except ConfigError as error:
            faulty[record.name] = error.problems[0]
    found = beside(config, doors)
    return replace(found, kept_out={**faulty, **found.kept_out})


def table_of(record: AddedDoor) -> dict[str, Any]:
    """Return the settings of an added door as they would stand in a file."""
    table: dict[str, Any] = msgspec.json.decode(record.settings)
    return table


async def add(store: Store, clock: Clock, config: Config, name: str, table: Table, *, allowed: Allowed) -> int:
    """Add a door and return the number of the change; `config` has the doors that the settings have.

    Raises:
        Exception: what `allowed` raises.
        ConfigError: with every fault of its settings; `AlreadyExists` if the name is taken.
    """
    if name in _of_settings(config):
        raise AlreadyExists([in_the_file(name)])

    def decide(current: Current, number: int) -> Change:
        if name in current:
            fix = f"Change it: doorward doors update {name}"
            raise AlreadyExists([Problem(f"there is a door {shown(name)} already", fix=fix)])
        allowed(table)
        made = AddedDoor(name=name, settings=_encoded(table), added_at=clock.now(), change=number)
        _check(config, current, made)
        return Insert(made)

    return await _change(store, decide)


async def update(store: Store, config: Config, name: str, table: Table, *, allowed: Allowed) -> int:
    """Change settings of an added door; what the table does not name stays, and None takes a setting away.

    `allowed` judges the door as it was and as it will be.

    Raises:
        Exception: what `allowed` raises.
        ConfigError: with every fault of its settings; `NotFound` if there is no such added door.
    """

    def decide(current: Current, number: int) -> Change:
        stored = _named(current, name, config)
        merged = {key: value for key, value in {**table_of(stored.record), **table}.items() if value is not None}
        for each in (table_of(stored.record), merged):
            allowed(each)
        changed = msgspec.structs.replace(stored.record, settings=_encoded(merged), change=number)
        _check(config, current, changed)
        return Replace(changed, stored.version)

    return await _change(store, decide)


async def remove(store: Store, config: Config, name: str) -> int:
    """Remove an added door. Raises `NotFound` if there is none of that name."""

    def decide(current: Current, number: int) -> Change:
        del number
        return Delete(AddedDoor, name, _named(current, name, config).version)

    return await _change(store, decide)


async def is_added(store: Store, name: str) -> bool:
    """Return whether there is an added door of this name."""
    return await store.get(AddedDoor, name) is not None


async def serving(store: Store, now: int) -> list[ServingProcess]:
    """Return the processes that serve now. Raises `Unavailable`."""
    found = [each.record for each in await store.find(ServingProcess)]
    return [each for each in found if each.expires_at is None or each.expires_at > now]


async def _change(store: Store, decide: Callable[[Current, int], Change]) -> int:
    """Apply one change and the number that goes with it. Raises what `decide` raises, and `Unavailable`."""
    reached = [0]

    async def attempt() -> list[Change]:
        head = await store.get(DoorChanges, ALL_DOORS)
        current = {each.record.name: each for each in await store.find(AddedDoor)}
        number = reached[0] = 1 if head is None else head.record.number + 1
        counted = DoorChanges(number=number)
        return [decide(current, number), Insert(counted) if head is None else Replace(counted, head.version)]

    await settle(store, attempt)
    return reached[0]


def _check(config: Config, current: Current, changed: AddedDoor) -> None:
    """Refuse a door that could not be served beside the others. Raises `ConfigError`."""
    door = read_added(changed.name, table_of(changed), config)
    others = [each.record for name, each in current.items() if name != changed.name]
    found = beside(placed(config, others).config, [door])
    if found.kept_out:
        raise ConfigError(list(found.kept_out.values()))


def _named(current: Current, name: str, config: Config) -> Stored[AddedDoor]:
    if name in current:
        return current[name]
    if name in _of_settings(config):
        why = "It stands in the settings, so it is changed and removed there."
        raise ConfigError(
            [Problem(f"the door {shown(name)} was not added by command", why, "Edit the file, and send SIGHUP.")]
        )
    near = suggestion(name, current)
    fix = f"Did you mean {near}?" if near else "List them: doorward doors list"
    raise NotFound([Problem(f"there is no door {shown(name)} that was added by command", fix=fix)])


def _of_settings(config: Config) -> set[str]:
    """Return the names of the doors in the settings; a command without a file knows of none."""
    return {each.name for each in config.doors if each.target is not None and each.source != "command"}


def _encoded(table: Table) -> bytes:
    return msgspec.json.encode({key: value for key, value in table.items() if value is not None})
