"""The chain of the audit log: numbers, hashes, and how a gap, a change or a truncation is detected.

Each entry's hash covers all its fields and the hash before it; the head holds the last number and hash. So a changed,
removed, inserted or moved entry breaks the chain at its place, and a truncated end contradicts the head. An attacker
who can rewrite the whole database can also write a new chain. Against that, store the head elsewhere (`doorward audit
verify` prints it).

Old entries may be purged from the beginning. A later entry, the anchor, then records the last purged number and hash,
so that the first remaining entry can be verified like any other.

Does not know where entries are stored, nor what the events mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from doorward.records.audit import AuditEntry, AuditHead

CHAIN = "audit"
"""The key of the only head."""
NUMBER_DIGITS = 16
PAGE_ENTRIES = 500
"""How many entries are read at once."""
GENESIS = ""
"""The hash before the first entry."""

PURGED = "audit_purged"
"""The event of an anchor; its detail has `through`, a number, and `hash`."""

_encode = msgspec.json.Encoder(order="deterministic").encode


def entry_id(number: int) -> str:
    """Return the key of the entry with this number; the first one is 1."""
    return str(number).zfill(NUMBER_DIGITS)


def number_of(entry: AuditEntry) -> int | None:
    """Return the number of an entry; None if no entry ever has such a key."""
    key = entry.entry_id
    return int(key) if len(key) == NUMBER_DIGITS and key.isascii() and key.isdigit() else None


def page_of(number: int) -> str:
    """Return the page of the entry with this number."""
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
    """The first place where the chain is broken."""

    number: int
    what: str


class Verification:
    """Walks the chain: pass the entries in order to `check`, then call `finish`."""

    def __init__(self) -> None:
        self.number = 0
        self.hash = GENESIS
        self.removed = 0
        """How many entries were purged before the first remaining one."""
        self.broken: Broken | None = None
        self.anchor: tuple[int, str] | None = None
        """The last purged number and its hash; None: no anchor was found."""
        self._first: AuditEntry | None = None
        """The first remaining entry, if others were before it."""

    def check(self, entries: Iterable[AuditEntry]) -> None:
        """Check the next entries in order; stops at the first broken one."""
        for entry in entries:
            if self.broken is not None:
                return
            if self.number == 0:
                self._begin(entry)
            expected = self.number + 1
            if entry.entry_id != entry_id(expected) or entry.page != page_of(expected):
                self.broken = Broken(expected, f"The entry is missing: {entry.entry_id} is in its place.")
            elif entry is not self._first and entry.hash != entry_hash(self.hash, entry):
                self.broken = Broken(expected, "The entry, or the one before it, was changed.")
            else:
                self.number, self.hash = expected, entry.hash
                if entry.event == PURGED:
                    self._note_anchor(entry)

    def _begin(self, entry: AuditEntry) -> None:
        number = number_of(entry)
        if number is not None and number > 1:
            # Accept it for now. The anchor will show whether it follows the purged entries.
            self._first, self.number, self.removed = entry, number - 1, number - 1

    def _note_anchor(self, entry: AuditEntry) -> None:
        through = entry.detail.get("through", "")
        if through.isascii() and through.isdigit() and len(through) <= NUMBER_DIGITS and int(through) >= self.removed:
            self.anchor = int(through), entry.detail.get("hash", "")

    def _is_anchored(self, first: AuditEntry, last_removed: AuditEntry | None) -> bool:
        if self.anchor is None:
            return False
        through, expected = self.anchor
        if through == self.removed:
            return first.hash == entry_hash(expected, first)
        # The purge was interrupted: the last entry that it should remove still exists.
        return last_removed is not None and (number_of(last_removed), last_removed.hash) == (through, expected)

    def finish(self, head: AuditHead | None, last_removed: AuditEntry | None = None) -> Broken | None:
        """Compare the end with the head; return the first broken place, or None if the chain is intact.

        `last_removed`: the entry at the anchor's number, if it still exists.
        """
        # If the chain broke before any anchor, there may have been one after that place.
        may_follow = self.broken is not None and self.anchor is None
        if self._first is not None and not may_follow and not self._is_anchored(self._first, last_removed):
            self.broken = Broken(1, f"The entry is missing: {self._first.entry_id} is in its place.")
        if self.broken is None:
            expected = (head.number, head.hash) if head else (0, GENESIS)
            if self.number < expected[0]:
                self.broken = Broken(self.number + 1, f"The log ends here, but had {expected[0]} entries.")
            elif self.number > expected[0]:
                self.broken = Broken(expected[0] + 1, "The entry was added past the end of the log.")
            elif self.hash != expected[1]:
                self.broken = Broken(self.number, "The entry is not the one that the log ended with.")
        return self.broken
