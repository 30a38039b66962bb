"""The parts of every record, and whether each kind names fields that it has."""

from __future__ import annotations

import msgspec
import pytest
from storage.samples import least

from doorward.records.accounts import User
from doorward.records.kinds import RECORD_TYPES
from doorward.records.oauth import AuthorizationCode, Client, RefreshToken
from doorward.records.record import KEEPS_REPLY, Record, ReplyRecord


@pytest.mark.parametrize("kind", RECORD_TYPES, ids=lambda each: each.kind)
def test_key_order_and_indexes_of_a_kind_are_fields_of_it(kind):
    record = least(kind, "the-key")
    assert record.key == "the-key"
    assert isinstance(record.ordered_at, int)
    assert all(getattr(record, each) is None or isinstance(getattr(record, each), str) for each in kind.indexes)


def test_no_two_kinds_share_a_name():
    names = [each.kind for each in RECORD_TYPES]
    assert len(names) == len(set(names))


def test_a_kind_without_an_order_is_at_instant_zero():
    class Plain(Record, frozen=True, kw_only=True):
        kind = "plain"
        key_field = "name"
        name: str

    assert Plain(name="x").ordered_at == 0
    assert User(user_id="ann", created_at=7).ordered_at == 0
    assert Client(client_id="c", source="registered", created_at=9).ordered_at == 9


@pytest.mark.parametrize("kind", [AuthorizationCode, RefreshToken])
def test_a_sealed_reply_is_found_by_its_index_and_a_record_without_one_is_not(kind):
    assert issubclass(kind, ReplyRecord)
    assert "keeps_reply" in kind.indexes
    assert least(kind).keeps_reply is None
    assert msgspec.structs.replace(least(kind), sealed_reply=b"x").keeps_reply == KEEPS_REPLY
