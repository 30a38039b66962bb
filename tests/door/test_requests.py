from __future__ import annotations

import pytest
from door.fronts import MODERN, Front, legacy, modern, modern_headers

from doorward.mcp.era import HEADER_MISMATCH, SERVED_VERSIONS, UNSUPPORTED_VERSION
from doorward.mcp.jsonrpc import INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR, Message


@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b'{"a":1,"a":2}', b"\xff", b"{}{}", b'{"id": Infinity}'])
async def test_malformed_json_is_a_parse_error_with_id_null(open_front, body):
    answer = await open_front.ask(body)
    assert (answer.status, answer.code) == (400, PARSE_ERROR)
    assert answer.json["id"] is None
    assert not open_front.upstream.calls


@pytest.mark.parametrize("batch", [[], [legacy()], [legacy(), legacy(rpc_id=2)]])
async def test_a_batch_is_refused_with_id_null(open_front, batch):
    answer = await open_front.ask(batch)
    assert (answer.status, answer.code, answer.json["id"]) == (400, INVALID_REQUEST, None)


async def test_a_call_hidden_in_a_batch_reaches_nobody(open_front):
    await open_front.ask([legacy("tools/call", name="delete")], headers=modern_headers("tools/list"))
    assert not open_front.upstream.calls


@pytest.mark.parametrize("method", ["PUT", "PATCH", "HEAD", "TRACE", "BREW"])
async def test_other_methods_are_refused_with_the_list_of_those_allowed(open_front, method):
    answer = await open_front.ask(method=method)
    assert answer.status == 405
    assert answer.one("allow") == "GET, POST, DELETE, OPTIONS"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_get_and_delete_do_not_exist_in_the_modern_era(front, token, method):
    assert (await front.ask(method=method, headers={"mcp-protocol-version": MODERN})).status == 401
    answer = await front.ask(method=method, token=token, headers={"mcp-protocol-version": MODERN})
    assert answer.status == 405
    assert answer.one("allow") == "POST, OPTIONS"
    assert not front.upstream.calls


@pytest.mark.requirement("T22")
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_get_and_delete_with_an_unknown_version_are_refused(open_front, method):
    answer = await open_front.ask(method=method, headers={"mcp-protocol-version": "1900-01-01"})
    assert (answer.status, answer.code) == (400, UNSUPPORTED_VERSION)
    assert not open_front.upstream.calls


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_get_and_delete_go_up_in_the_legacy_era(open_front, method):
    assert (await open_front.ask(method=method, headers={"mcp-protocol-version": "2025-11-25"})).status == 200
    call = open_front.upstream.last
    assert (call.method, call.era, call.rpc_method, call.rpc_id, call.body) == (method, "legacy", None, None, b"")


@pytest.mark.requirement("T9")
@pytest.mark.requirement("U-06")
@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (modern(), {"mcp-method": "tools/list"}, HEADER_MISMATCH),
        (modern(), {"mcp-protocol-version": "2025-11-25"}, HEADER_MISMATCH),
        (modern(), {"mcp-protocol-version": MODERN}, HEADER_MISMATCH),
        (modern("tools/call", name="a"), modern_headers("tools/list"), HEADER_MISMATCH),
        (modern("tools/call", name="a"), modern_headers("tools/call"), HEADER_MISMATCH),
        (modern("tools/call", name="a"), modern_headers("tools/call", **{"mcp-name": "b"}), HEADER_MISMATCH),
        (legacy(), modern_headers(), INVALID_PARAMS),
        (legacy(), {"mcp-protocol-version": "1900-01-01"}, UNSUPPORTED_VERSION),
        (legacy("initialize"), {"mcp-protocol-version": "2099-01-01"}, UNSUPPORTED_VERSION),
    ],
)
async def test_an_era_that_is_not_clear_is_refused_with_the_request_s_id(open_front, body, headers, code):
    answer = await open_front.ask({**body, "id": "q1"}, headers=headers)
    assert (answer.status, answer.code, answer.json["id"]) == (400, code, "q1")
    assert answer.one("content-type") == "application/json"
    assert not open_front.upstream.calls


@pytest.mark.requirement("T8")
@pytest.mark.requirement("U-06")
@pytest.mark.parametrize("name", ["mcp-protocol-version", "mcp-method", "mcp-name"])
async def test_a_routing_header_sent_twice_is_a_mismatch_even_if_both_are_right(open_front, name):
    headers = modern_headers("tools/call", **{"mcp-name": "a"})
    answer = await open_front.ask(
        modern("tools/call", name="a"), headers=headers, more=[(name.encode(), headers[name].encode())]
    )
    assert (answer.status, answer.code) == (400, HEADER_MISMATCH)


@pytest.mark.requirement("T9")
async def test_an_unknown_version_lists_all_that_are_served(open_front):
    answer = await open_front.ask(legacy(), headers={"mcp-protocol-version": "1900-01-01"})
    assert answer.json["error"]["data"] == {"supported": list(SERVED_VERSIONS), "requested": "1900-01-01"}


async def test_initialize_with_an_unknown_version_is_the_upstream_s_to_negotiate(open_front):
    answer = await open_front.ask(legacy("initialize", protocolVersion="2099-01-01"))
    assert answer.status == 200
    assert open_front.upstream.last.rpc_method == "initialize"


@pytest.mark.parametrize(
    ("body", "headers", "era", "rpc_method", "rpc_id"),
    [
        (modern(rpc_id="x"), modern_headers(), "modern", "tools/list", "x"),
        (legacy("ping", 4), {}, "legacy", "ping", 4),
        (legacy(rpc_id=0), {"mcp-protocol-version": "2025-06-18"}, "legacy", "tools/list", 0),
        ({"jsonrpc": "2.0", "method": "notifications/initialized"}, {}, "legacy", "notifications/initialized", None),
        ({"jsonrpc": "2.0", "id": 9, "result": {}}, {}, "legacy", None, None),
    ],
)
async def test_a_message_goes_up_unchanged_with_what_was_learned_about_it(
    open_front, body, headers, era, rpc_method, rpc_id
):
    answer = await open_front.ask(body, headers=headers)
    assert answer.status == 200
    call = open_front.upstream.last
    assert (call.era, call.rpc_method, call.rpc_id) == (era, rpc_method, rpc_id)
    assert b'"method"' in call.body or rpc_method is None


@pytest.mark.requirement("T17")
async def test_a_name_in_base64_is_compared_decoded_and_passed_on_encoded(open_front):
    encoded = "=?base64?YsO8Y2hlcg==?="
    answer = await open_front.ask(
        modern("tools/call", name="bücher"), headers=modern_headers("tools/call", **{"mcp-name": encoded})
    )
    assert answer.status == 200
    assert open_front.upstream.got("mcp-name") == [encoded]


async def test_the_query_goes_up_and_every_answer_has_an_id_of_its_own(open_front):
    first = await open_front.ask(legacy(), query_string=b"a=b")
    second = await open_front.ask(legacy(), query_string=b"a=b")
    assert open_front.upstream.last.query_string == b"a=b"
    assert first.one("x-request-id") != second.one("x-request-id")
    assert open_front.upstream.got("x-request-id") == [second.one("x-request-id")]


async def test_a_refusal_is_no_store(open_front):
    assert (await open_front.ask(b"{")).one("cache-control") == "no-store"


async def test_the_upstream_gets_the_message_that_the_door_has_decoded():
    front = Front(auth="none")
    await front.ask(legacy("tools/call", rpc_id="q", name="add", arguments={"a": 1}))
    assert front.upstream.last.message == Message("request", "tools/call", "q", {"name": "add", "arguments": {"a": 1}})
    await front.ask(method="GET")
    assert front.upstream.last.message is None
