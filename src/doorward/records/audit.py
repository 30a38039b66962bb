"""The records of the audit log: numbered entries, and the head that says which one is the last."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from doorward.records.record import Record


class AuditEntry(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened. Never changed; each entry's hash covers the one before.

    Its fields are what the hash is made of, and an older program must come to the same one: nothing is ever added
    here, further facts go into `detail`.
    """

    kind: ClassVar[str] = "audit_entry"
    key_field: ClassVar[str] = "entry_id"
    indexes: ClassVar[tuple[str, ...]] = ("page",)

    entry_id: str
    """Its number as text of a fixed length, so that the order of keys is that of the entries."""
    page: str
    """Entries that are read together."""
    at: int
    event: str
    outcome: str = "ok"
    reason: str = ""
    """A reason code, where something was refused or ended."""
    actor: str = ""
    """Who did it: `user:NAME`, `client:ID`, `token:ID` (of an administrator) or `cli:NAME`."""
    client_id: str = ""
    grant_id: str = ""
    address: str = ""
    request_id: str = ""
    detail: dict[str, str] = msgspec.field(default_factory=dict)
    hash: str = ""


class AuditHead(Record, frozen=True, kw_only=True, omit_defaults=True):
    """The last entry of the audit log. Each writer replaces it when it appends, so of several writers one is first."""

    kind: ClassVar[str] = "audit_head"
    key_field: ClassVar[str] = "chain"

    chain: str
    number: int
    hash: str
