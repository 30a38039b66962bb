from __future__ import annotations

import pytest

from doorward.mcp.results import answer_of, envelope_faults, result_faults

GOOD = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}


@pytest.mark.parametrize("rpc_id", [1, "one", 2**53 - 1])
@pytest.mark.parametrize("outcome", [{"result": {}}, {"error": {"code": -32601, "message": "no"}}])
def test_an_answer_with_the_same_id_has_no_faults(rpc_id, outcome):
    assert envelope_faults(rpc_id, {"jsonrpc": "2.0", "id": rpc_id, **outcome}) == ()


def test_an_error_may_carry_no_id_when_the_request_could_not_be_read():
    assert envelope_faults(1, {"jsonrpc": "2.0", "id": None, "error": {"code": -32700}}) == ()
    assert envelope_faults(1, {"jsonrpc": "2.0", "error": {"code": -32700}}) == ()


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ([], "one JSON object"),
        ({"id": 1, "result": {}}, '"jsonrpc": "2.0" is missing'),
        ({"jsonrpc": "2.0", "id": 1}, "exactly one"),
        ({"jsonrpc": "2.0", "id": 1, "result": {}, "error": {"code": 1}}, "exactly one"),
        ({"jsonrpc": "2.0", "id": 1, "result": []}, "result is a list"),
        ({"jsonrpc": "2.0", "id": 1, "result": None}, "result is null"),
        ({"jsonrpc": "2.0", "id": 1, "error": "no"}, "error is not an object"),
        ({"jsonrpc": "2.0", "id": 1, "error": {"code": "E1"}}, "error is not an object"),
        ({"jsonrpc": "2.0", "id": "1", "result": {}}, "the id sent is 1, the one received is '1'"),
        ({"jsonrpc": "2.0", "id": 1.0, "result": {}}, "the id sent is 1, the one received is 1.0"),
        ({"jsonrpc": "2.0", "result": {}}, "the one received is None"),
        ({"jsonrpc": "2.0", "id": "server-error", "error": {"code": 1}}, "the one received is 'server-error'"),
    ],
)
def test_each_departure_from_the_envelope_is_named(message, word):
    (fault,) = envelope_faults(1, message)
    assert word in fault


@pytest.mark.parametrize(
    ("method", "result", "modern"),
    [
        ("tools/list", {"tools": []}, False),
        ("tools/list", {"tools": [], "nextCursor": "2"}, False),
        ("tools/list", {"tools": [], **GOOD}, True),
        ("ping", {}, False),
        ("tools/call", {"content": [], "resultType": "complete"}, True),
        ("tools/call", {"resultType": "input_required", "inputRequests": {}}, True),
        ("server/discover", {"supportedVersions": ["2026-07-28"], **GOOD}, True),
        ("initialize", {"protocolVersion": "x", "serverInfo": {"name": "a", "version": "1"}}, False),
    ],
)
def test_a_whole_result_has_no_faults(method, result, modern):
    assert result_faults(method, result, modern=modern) == ()


@pytest.mark.parametrize(
    ("method", "result", "modern", "faults"),
    [
        ("tools/list", {}, False, ["tools is missing"]),
        ("tools/list", {"tools": {}}, False, ["tools is an object"]),
        ("tools/list", {"tools": [], "nextCursor": None}, False, ["nextCursor is null"]),
        ("tools/list", {"tools": []}, True, ["resultType is missing"]),
        ("tools/list", {"tools": [], "resultType": "complete"}, True, ["ttlMs is missing", "cacheScope is missing"]),
        ("tools/list", {"tools": [], **GOOD, "ttlMs": -1}, True, ["ttlMs is a number"]),
        ("tools/list", {"tools": [], **GOOD, "ttlMs": True}, True, ["ttlMs is true"]),
        ("tools/list", {"tools": [], **GOOD, "cacheScope": "shared"}, True, ["cacheScope is 'shared'"]),
        ("tools/call", {"resultType": "complete"}, True, ["content is missing"]),
        ("tools/call", {"resultType": False}, True, ["resultType is false"]),
        ("initialize", {}, False, ["protocolVersion is missing", "serverInfo is missing"]),
        ("initialize", {"protocolVersion": "x", "serverInfo": {"name": "a"}}, False, ["serverInfo is an object"]),
    ],
)
def test_each_missing_member_is_named(method, result, modern, faults):
    found = result_faults(method, result, modern=modern)
    assert [text.partition(";")[0] for text in found] == faults


def test_the_answer_of_a_stream_is_found_among_what_is_said_beside_it():
    said = {"method": "notifications/progress"}
    assert answer_of([said, {"id": 1, "result": {}}, said]) == {"id": 1, "result": {}}
    assert answer_of([said]) == said
    assert answer_of([]) is None
