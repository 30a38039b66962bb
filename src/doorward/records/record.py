"""What every record has: a kind, a key, indexes and an expiry."""

from __future__ import annotations

from typing import ClassVar

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What storage keeps: identified by `key_field`, found by `indexes`, purged some time after `expires_at`."""

    kind: ClassVar[str]
    key_field: ClassVar[str]
    indexes: ClassVar[tuple[str, ...]] = ()
    order_field: ClassVar[str | None] = None
    """The instant by which pages of this kind are ordered, and then by key; None: by key alone."""

    expires_at: int | None = None
    """From this instant on the record no longer counts; None: until it is removed."""

    @property
    def key(self) -> str:
        """The value of the field that identifies this record within its kind."""
        value = getattr(self, self.key_field)
        assert isinstance(value, str)
        return value

    @property
    def ordered_at(self) -> int:
        """The instant by which this record is ordered in its pages; 0 where its kind is ordered by key alone."""
        value = 0 if self.order_field is None else getattr(self, self.order_field)
        assert isinstance(value, int)
        return value


KEEPS_REPLY = "yes"
"""The value of the index `keeps_reply` of a record that keeps a sealed reply; without a reply it has none."""


class ReplyRecord(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A code or token that is used once, and the reply that it gave. Name `keeps_reply` among the indexes."""

    sealed_reply: bytes | None = None
    """The token response it gave, encrypted, so that an honest retry within seconds gets the same one. It is wiped when
    the window for the retry is over, and that of a refresh token as soon as the successor is used."""

    @property
    def keeps_reply(self) -> str | None:
        """An index: find the records whose sealed reply is to be wiped."""
        return None if self.sealed_reply is None else KEEPS_REPLY
