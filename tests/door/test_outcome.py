from __future__ import annotations

import logging

import pytest
from door.fronts import Front, legacy
from door.steps.given import caller, classified, exchange

from doorward.door.outcome import DoorCounts


@pytest.mark.parametrize(
    ("status", "reason"), [(400, "message"), (404, "session"), (405, "method"), (421, "host"), (418, "other")]
)
def test_a_refusal_is_counted_under_a_word_of_ours(status, reason):
    counts = DoorCounts()
    counts.refused(exchange(), status, "what a stranger sent")
    assert dict(counts.requests) == {("refused", status, "", reason): 1}


def test_the_line_about_a_refusal_says_as_much_as_is_known_by_then(caplog):
    counts = DoorCounts()
    with caplog.at_level(logging.INFO, logger="doorward.door"):
        counts.refused(exchange(), 421, "no host")
        counts.refused(classified(body=legacy("tools/call"), who=caller("mcp")), 404, "no session")
    first, second = (record.fields for record in caplog.records)
    assert (first["method"], first["rpc_method"], first["user"]) == ("POST", None, None)
    assert (second["method"], second["rpc_method"], second["user"]) == ("POST", "tools/call", "ann")


async def test_each_request_is_counted_once_however_it_ends():
    front = Front(auth="none")
    await front.ask(legacy())
    await front.ask(b"{")
    await front.ask(method="OPTIONS")
    assert dict(front.door.counts.requests) == {
        ("served", 200, "legacy", ""): 1,
        ("refused", 400, "", "message"): 1,
    }
