"""The record of a key of the installation, which is kept only in encrypted form."""

from __future__ import annotations

from typing import ClassVar, Literal

from doorward.records.record import Record

KeyUse = Literal["encryption", "signing"]
MASTER = "master"


class KeyRecord(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A key, encrypted under the master key. The one that became active last is the current one.

    A key is known to every process before it becomes active, and opens and verifies until it expires.
    """

    kind: ClassVar[str] = "key"
    key_field: ClassVar[str] = "kid"

    kid: str
    use: Literal["master", "encryption", "signing"]
    """`master`: there is one such record. It holds no key, but decides which of several first starts makes the keys."""
    created_at: int
    active_at: int
    """From this instant on it seals or signs."""
    sealed_key: bytes
