"""The chain of the audit log: numbers, hashes, and how a gap, a change or a cut is found.

Each entry's hash covers all its fields and the hash before it; the head holds the last number and hash. So a changed,
removed, added or moved entry breaks the chain at its place, and a cut at the end contradicts the head. Whoever can
rewrite the whole database can write a new chain as well: against that, keep the head elsewhere (`doorward audit verify`
prints it).

Knows nothing of where entries are stored, nor what the events mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from doorward.oauth.audit_records import AuditEntry, AuditHead

CHAIN = "audit"
"""The key of the one head."""
NUMBER_DIGITS = 16
PAGE_ENTRIES = 500
"""So many entries are read at once."""
GENESIS = ""
"""What stands before the first entry."""

_encode = msgspec.json.Encoder(order="deterministic").encode


def entry_id(number: int) -> str:
    """Return the key of the entry with this number; the first one is 1."""
    return str(number).zfill(NUMBER_DIGITS)


def page_of(number: int) -> str:
    """Return the page that the entry with this number stands on."""
    return str((number - 1) // PAGE_ENTRIES)


def entry_hash(previous: str, entry: AuditEntry) -> str:
    """Return the hash of an entry that follows one with the hash `previous`."""
    return sha256(previous.encode() + b"\n" + _encode(msgspec.structs.replace(entry, hash=""))).hexdigest()


def append(head: AuditHead | None, drafts: Sequence[AuditEntry]) -> tuple[AuditHead, tuple[AuditEntry, ...]]:
    """Number and hash the drafts so that they follow `head`; returns the new head and the entries."""
    number, previous = (head.number, head.hash) if head else (0, GENESIS)
    entries = []
    for draft in drafts:
        number += 1
        numbered = msgspec.structs.replace(draft, entry_id=entry_id(number), page=page_of(number))
        previous = entry_hash(previous, numbered)
        entries.append(msgspec.structs.replace(numbered, hash=previous))
    return AuditHead(chain=CHAIN, number=number, hash=previous), tuple(entries)


@dataclass(frozen=True, slots=True)
class Broken:
    """The first place where the chain does not hold."""

    number: int
    what: str


class Verification:
    """Walks the chain; hand it the entries in their order, then ask for the verdict."""

    def __init__(self) -> None:
        self.number = 0
        self.hash = GENESIS
        self.broken: Broken | None = None

    def check(self, entries: Iterable[AuditEntry]) -> None:
        """Check entries that follow those checked so far; the first broken one ends it."""
        for entry in entries:
            if self.broken is not None:
                return
            expected = self.number + 1
            if entry.entry_id != entry_id(expected) or entry.page != page_of(expected):
                self.broken = Broken(expected, f"The entry is missing: {entry.entry_id} is in its place.")
            elif entry.hash != entry_hash(self.hash, entry):
                self.broken = Broken(expected, "The entry, or the one before it, was changed.")
            else:
                self.number, self.hash = expected, entry.hash

    def finish(self, head: AuditHead | None) -> Broken | None:
        """Compare the end with the head; returns the first broken place, or None when all is well."""
        if self.broken is None:
            expected = (head.number, head.hash) if head else (0, GENESIS)
            if self.number < expected[0]:
                self.broken = Broken(self.number + 1, f"The log ends here, but had {expected[0]} entries.")
            elif self.number > expected[0]:
                self.broken = Broken(expected[0] + 1, "The entry was added past the end of the log.")
            elif self.hash != expected[1]:
                self.broken = Broken(self.number, "The entry is not the one that the log ended with.")
        return self.broken
