"""The parts of every record: a kind, a key, indexes and an expiry."""

from __future__ import annotations

from typing import ClassVar

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stored value: identified by `key_field`, found by `indexes`, purged some time after `expires_at`."""

    kind: ClassVar[str]
    key_field: ClassVar[str]
    indexes: ClassVar[tuple[str, ...]] = ()
    order_field: ClassVar[str | None] = None
    """The instant that orders pages of this kind, with the key second; None: ordered by key alone."""

    expires_at: int | None = None
    """From this instant on the record no longer counts; None: it stays until it is removed."""

    @property
    def key(self) -> str:
        """The value of the field that identifies this record within its kind."""
        value = getattr(self, self.key_field)
        assert isinstance(value, str)
        return value

    @property
    def ordered_at(self) -> int:
        """The instant that orders this record in its pages; 0 if its kind is ordered by key alone."""
        value = 0 if self.order_field is None else getattr(self, self.order_field)
        assert isinstance(value, int)
        return value


KEEPS_REPLY = "yes"
"""The value of the index `keeps_reply` for a record with a sealed reply; a record without one has no value."""


class ReplyRecord(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A single-use code or token and the reply it gave. Name `keeps_reply` among the indexes."""

    sealed_reply: bytes | None = None
    """The token response, encrypted, so that an honest retry within seconds gets the same one. It is wiped when the
    window for the retry closes; a refresh token's is wiped as soon as its successor is used."""

    @property
    def keeps_reply(self) -> str | None:
        """An index: finds the records whose sealed reply must be wiped."""
        return None if self.sealed_reply is None else KEEPS_REPLY
