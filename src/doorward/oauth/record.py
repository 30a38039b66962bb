"""What every record has: a kind, a key, indexes and an expiry. The records themselves are in `records.py`."""

from __future__ import annotations

from typing import ClassVar

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What storage keeps: identified by `key_field`, found by `indexes`, purged some time after `expires_at`."""

    kind: ClassVar[str]
    key_field: ClassVar[str]
    indexes: ClassVar[tuple[str, ...]] = ()

    expires_at: int | None = None
    """From this instant on the record no longer counts; None: until it is removed."""

    @property
    def key(self) -> str:
        """The value of the field that identifies this record within its kind."""
        value = getattr(self, self.key_field)
        assert isinstance(value, str)
        return value
