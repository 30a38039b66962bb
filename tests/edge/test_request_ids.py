"""Ids of requests."""

from __future__ import annotations

from doorward.edge.request_ids import RequestIds


def test_no_id_comes_twice_in_one_process_or_in_two():
    one, other = RequestIds(b"\1" * 6), RequestIds(b"\2" * 6)
    found = [each.next() for _ in range(100) for each in (one, other)]
    assert len(set(found)) == 200
    assert {len(each) for each in found} == {18}
