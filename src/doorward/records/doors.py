"""What a door found when it last looked at itself from outside."""

from __future__ import annotations

from typing import ClassVar

from doorward.records.record import Record


class DoorExamination(Record, frozen=True, kw_only=True):
    """The newest examination of a door by the server that opened it."""

    kind: ClassVar[str] = "door_examination"
    key_field: ClassVar[str] = "name"

    name: str
    """The name of the door in the settings."""
    url: str
    examined_at: int
    report: bytes
    """The JSON of `doorward check --json`."""
