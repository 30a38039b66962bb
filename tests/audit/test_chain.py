"""A change, a gap, an addition, a swap and a cut are each found at their place."""

from __future__ import annotations

import msgspec
import pytest

from doorward.audit.chain import PAGE_ENTRIES, PURGED, Verification, append, entry_hash, entry_id, page_of
from doorward.records.audit import AuditEntry


def draft(number: int) -> AuditEntry:
    return AuditEntry(entry_id="", page="", at=number, event="sign_in", actor="user:owner", detail={"b": "2", "a": "1"})


HEAD, ENTRIES = append(None, [draft(number) for number in range(6)])


def verdict(entries, head=HEAD):
    verification = Verification()
    verification.check(entries)
    return verification.finish(head)


def changed(number, **fields):
    entries = list(ENTRIES)
    entries[number - 1] = msgspec.structs.replace(entries[number - 1], **fields)
    return entries


def swapped(first, second):
    """As someone would do it who can only write to the table: the bodies change places, the numbers stay."""
    entries = list(ENTRIES)
    one, two = entries[first - 1], entries[second - 1]
    entries[first - 1] = msgspec.structs.replace(two, entry_id=one.entry_id, page=one.page)
    entries[second - 1] = msgspec.structs.replace(one, entry_id=two.entry_id, page=two.page)
    return entries


def test_an_untouched_chain_holds_however_it_was_written():
    head, first = append(None, [draft(0), draft(1)])
    head, second = append(head, [draft(number) for number in range(2, 6)])
    assert (*first, *second) == ENTRIES
    assert head == HEAD
    assert verdict(ENTRIES) is None


def test_a_log_in_which_nothing_has_happened_holds():
    assert verdict([], None) is None


FORGED = msgspec.structs.replace(ENTRIES[2], actor="user:somebody", hash="")


@pytest.mark.requirement("AUD-01")
@pytest.mark.parametrize(
    ("entries", "broken_at"),
    [
        (changed(3, actor="user:somebody"), 3),
        (changed(3, detail={}), 3),
        (changed(3, at=0), 3),
        (changed(3, page="7"), 3),
        (changed(3, hash="0" * 64), 3),
        (changed(3, actor="user:somebody", hash=entry_hash(ENTRIES[1].hash, FORGED)), 4),
        (ENTRIES[1:], 1),
        (ENTRIES[:2] + ENTRIES[3:], 3),
        (ENTRIES[:5], 6),
        ([], 1),
        (swapped(2, 3), 2),
        (list(reversed(ENTRIES)), 7),
        ((*ENTRIES, ENTRIES[5]), 7),
        (append(HEAD, [draft(6)])[1] and (*ENTRIES, *append(HEAD, [draft(6)])[1]), 7),
    ],
)
def test_the_first_broken_place_is_named(entries, broken_at):
    assert verdict(entries).number == broken_at


def test_a_head_that_is_gone_or_another_one_is_noticed():
    assert verdict(ENTRIES, None).number == 1
    assert verdict(ENTRIES, msgspec.structs.replace(HEAD, hash="0" * 64)).number == 6


def test_a_verification_that_does_not_hash_would_miss_it():
    numbers_only = [each.entry_id for each in changed(3, actor="user:somebody")]
    assert numbers_only == [entry_id(number) for number in range(1, 7)]


def test_the_hash_does_not_depend_on_the_order_in_which_details_were_given():
    one = msgspec.structs.replace(ENTRIES[0], detail={"a": "1", "b": "2"})
    two = msgspec.structs.replace(ENTRIES[0], detail={"b": "2", "a": "1"})
    assert entry_hash("", one) == entry_hash("", two)


def test_the_hash_of_an_entry_is_part_of_the_format_and_never_changes():
    assert entry_hash("", ENTRIES[0]) == "9dd0d54987b4903744206e6b4c737bc53827513514942c2c6a6f2f5b5c77ae58"


def test_pages_hold_the_same_number_of_entries_each():
    assert [page_of(number) for number in (1, PAGE_ENTRIES, PAGE_ENTRIES + 1)] == ["0", "0", "1"]


def anchored(through: int, hash_of: int | None = None):
    """Return head and entries of a log that goes on after an anchor."""
    said = {"through": str(through), "hash": ENTRIES[(hash_of or through) - 1].hash}
    anchor = msgspec.structs.replace(draft(6), event=PURGED, detail=said)
    head, further = append(HEAD, [anchor, draft(7)])
    return head, [*ENTRIES, *further]


@pytest.mark.parametrize("through", [1, 3, 5, 6])
def test_a_log_whose_beginning_was_taken_out_holds_behind_its_anchor(through):
    head, entries = anchored(through)
    verification = Verification()
    verification.check(entries[through:])
    assert verification.finish(head) is None
    assert (verification.removed, verification.number) == (through, 8)


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_purge_that_was_cut_off_leaves_a_log_that_holds(gone):
    head, entries = anchored(3)
    verification = Verification()
    verification.check(entries[gone:])
    assert verification.anchor == (3, ENTRIES[2].hash)
    assert verification.finish(head, ENTRIES[2]) is None


@pytest.mark.parametrize(
    ("through", "hash_of", "left", "broken_at"),
    [
        (3, 3, lambda entries: entries[4:], 1),
        (3, 3, lambda entries: entries[2:4] + entries[5:], 5),
        (3, 3, lambda entries: [entries[3], *entries[5:]], 5),
        (3, 2, lambda entries: entries[3:], 1),
        (5, 5, lambda entries: entries[3:4] + entries[5:], 5),
        (3, 3, lambda entries: entries[3:-1], 8),
        (3, 3, lambda entries: entries[7:], 1),
    ],
    ids=["more is gone", "a gap before", "a gap", "another hash", "a gap in the rest", "the end", "the anchor"],
)
def test_an_anchor_covers_nothing_but_what_it_says(through, hash_of, left, broken_at):
    head, entries = anchored(through, hash_of)
    verification = Verification()
    verification.check(left(entries))
    at_anchor = next((each for each in left(entries) if each.entry_id == entry_id(through)), None)
    assert verification.finish(head, at_anchor).number == broken_at


def test_the_first_entry_that_is_left_cannot_be_another_one():
    head, entries = anchored(3)
    entries[3] = msgspec.structs.replace(entries[3], actor="user:somebody")
    verification = Verification()
    verification.check(entries[3:])
    assert verification.finish(head).number == 1
