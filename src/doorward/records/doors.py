"""What is kept about doors: those added by command, who serves which, and what each found when it looked at itself."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from doorward.records.record import Record


class DoorExamination(Record, frozen=True, kw_only=True):
    """The latest examination of a door by the server that serves it."""

    kind: ClassVar[str] = "door_examination"
    key_field: ClassVar[str] = "name"

    name: str
    """The name of the door in the settings."""
    url: str
    examined_at: int
    report: bytes
    """The JSON of `doorward check --json`."""


class AddedDoor(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A door that an operator added by command. It stands beside those of the settings file."""

    kind: ClassVar[str] = "added_door"
    key_field: ClassVar[str] = "name"

    name: str
    settings: bytes
    """The JSON of its table, as it would stand in a file. A secret is named by its file only."""
    added_at: int
    change: int
    """The number of the change that made it what it is."""


ALL_DOORS = "all"


class DoorChanges(Record, frozen=True, kw_only=True):
    """How often the added doors have changed: every process reads this, and the doors only if it has grown."""

    kind: ClassVar[str] = "door_changes"
    key_field: ClassVar[str] = "name"

    name: str = ALL_DOORS
    number: int


class ServedDoor(msgspec.Struct, frozen=True, kw_only=True):
    """One door as one process has it."""

    name: str
    url: str
    source: str
    """`file` or `command`."""
    auth: str
    target: str
    state: str
    """`served`, `failed`, `draining` or `hidden`."""
    reason: str = ""
    """Why it is not served."""


class ServingProcess(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One process that serves, and its doors. It is written again regularly, and expires when the process is gone."""

    kind: ClassVar[str] = "serving_process"
    key_field: ClassVar[str] = "process_id"

    process_id: str
    change: int
    """The last change of the added doors that it has taken in."""
    doors: tuple[ServedDoor, ...] = ()
