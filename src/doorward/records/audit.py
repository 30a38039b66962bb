"""The records of the audit log: numbered entries, and the head that names the last one."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from doorward.records.record import Record


class AuditEntry(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One event. Entries never change; each entry's hash covers the one before.

    The hash covers these fields, and an older program must compute the same hash. So never add a field here; further
    facts go into `detail`.
    """

    kind: ClassVar[str] = "audit_entry"
    key_field: ClassVar[str] = "entry_id"
    indexes: ClassVar[tuple[str, ...]] = ("page",)

    entry_id: str
    """Its number as a fixed-length string, so that keys sort in the order of the entries."""
    page: str
    """The page of entries that are read together."""
    at: int
    event: str
    outcome: str = "ok"
    reason: str = ""
    """A reason code, if something was refused or ended."""
    actor: str = ""
    """The actor: `user:NAME`, `client:ID`, `token:ID` (of an administrator) or `cli:NAME`."""
    client_id: str = ""
    grant_id: str = ""
    address: str = ""
    request_id: str = ""
    detail: dict[str, str] = msgspec.field(default_factory=dict)
    hash: str = ""


class AuditHead(Record, frozen=True, kw_only=True, omit_defaults=True):
    """The last entry of the audit log. Each append replaces it, so of concurrent writers one goes first."""

    kind: ClassVar[str] = "audit_head"
    key_field: ClassVar[str] = "chain"

    chain: str
    number: int
    hash: str
