"""The results of a door's self-examination from outside."""

from __future__ import annotations

from typing import ClassVar

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
