"""The record of an installation's key, stored only encrypted."""

from __future__ import annotations

from typing import ClassVar, Literal

from doorward.records.record import Record

KeyUse = Literal["encryption", "signing"]
MASTER = "master"


class KeyRecord(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A key, encrypted under the master key. The one that became active last is the current one.

    Every process knows a key before it becomes active. The key decrypts and verifies until it expires.
    """

    kind: ClassVar[str] = "key"
    key_field: ClassVar[str] = "kid"

    kid: str
    use: Literal["master", "encryption", "signing"]
    """`master`: there is only one. It holds no key; it decides which of several first starts creates the keys."""
    created_at: int
    active_at: int
    """From this instant on it encrypts or signs."""
    sealed_key: bytes
