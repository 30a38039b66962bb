from __future__ import annotations

import pytest
from door.fronts import BOTH, MODERN, Front, arriving, legacy, modern, modern_headers

from doorward.door.accept import _admits, _is_json
from doorward.door.route import owned_paths
from doorward.mcp.era import HEADER_MISMATCH, SERVED_VERSIONS, UNSUPPORTED_VERSION
from doorward.mcp.jsonrpc import INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR, Message

LIMIT = 4 * 1024 * 1024


@pytest.mark.parametrize(
    ("path", "owned"), [("/mcp", {"/mcp", "/mcp/"}), ("/team/mcp/", {"/team/mcp", "/team/mcp/"}), ("/", {"/"})]
)
def test_a_door_owns_its_path_with_and_without_a_last_slash(path, owned):
    assert owned_paths(path) == owned


@pytest.mark.requirement("U-03")
@pytest.mark.parametrize(
    "path",
    [
        "//mcp",
        "/MCP",
        "/mcp/.",
        "/mcp//",
        "/mcp;a=b",
        "/x/../mcp",
        "/x/.well-known/../mcp",
        "/mcp\x00",
        "/mcp?",
        "mcp",
        "",
    ],
)
def test_a_path_that_only_resembles_the_door_is_not_the_door(path, open_front):
    assert path not in open_front.door.paths


@pytest.mark.requirement("T1")
@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_both_spellings_get_the_same_verdict_and_never_a_redirect(front, token, path):
    assert (await front.ask(legacy(), path=path)).status == 401
    answer = await front.ask(legacy(), path=path, token=token)
    assert answer.status == 200
    assert answer.one("location") is None


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


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/json; charset=utf-16",
        "multipart/form-data; boundary=x",
        "text/plain; application/json",
    ],
)
async def test_a_body_that_is_not_declared_json_is_refused(open_front, content_type):
    answer = await open_front.ask(legacy(), headers={"content-type": content_type})
    assert answer.status == 415
    assert "id" not in answer.json
    assert not open_front.upstream.calls


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", 'application/json;charset="UTF-8"']
)
async def test_json_may_be_declared_in_other_words(open_front, content_type):
    assert (await open_front.ask(legacy(), headers={"content-type": content_type})).status == 200


async def test_two_content_types_and_compressed_bodies_are_refused(open_front):
    assert (await open_front.ask(legacy(), more=[(b"content-type", b"application/json")])).status == 415
    assert (await open_front.ask(legacy(), headers={"content-encoding": "gzip"})).status == 415
    assert (await open_front.ask(legacy(), headers={"content-encoding": "identity"})).status == 200


@pytest.mark.parametrize("length", [str(4 * LIMIT + 1), "9" * 30, "-1", "1e3", "0x10", "\u0663"])
async def test_a_body_declared_far_too_large_is_refused_before_a_byte_is_read(length):
    async def receive():
        raise AssertionError("the body was read")

    lines = [(b"content-length", length.encode())]
    answer = await Front(auth="none").ask(receive=receive, headers={"content-length": None}, more=lines)
    assert answer.status == 413
    assert answer.one("connection") == "close"


async def test_who_asks_before_sending_too_much_is_told_before_sending(open_front):
    async def receive():
        raise AssertionError("the client was told to go on")

    headers = {"content-length": str(LIMIT + 1), "expect": "100-continue"}
    assert (await open_front.ask(receive=receive, headers=headers)).status == 413


@pytest.mark.parametrize(("declared", "forgotten"), [(None, 4 * LIMIT), (str(2 * LIMIT), 4 * LIMIT)])
async def test_a_body_without_end_is_not_read_without_end(open_front, declared, forgotten):
    read = 0

    async def receive():
        nonlocal read
        read += 65536
        return {"type": "http.request", "body": bytes(65536), "more_body": True}

    answer = await open_front.ask(receive=receive, headers={"content-length": declared})
    assert answer.status == 413
    assert read == forgotten


@pytest.mark.parametrize("declared", [None, str(2 * LIMIT)])
async def test_a_body_too_large_is_read_to_its_end_so_that_the_answer_arrives(open_front, declared):
    parts = [{"type": "http.request", "body": bytes(LIMIT), "more_body": more} for more in (False, True)]
    answer = await open_front.ask(receive=iterating(parts), headers={"content-length": declared})
    assert answer.status == 413
    assert parts == []


async def test_the_rest_of_a_body_too_large_is_not_waited_for_long(open_front, monkeypatch):
    monkeypatch.setattr("doorward.door.body.FORGET_SECONDS", 0.01)
    answer = await open_front.ask(receive=arriving(), headers={"content-length": str(2 * LIMIT)})
    assert answer.status == 413


def iterating(messages):
    async def receive():
        return messages.pop()

    return receive


async def test_a_body_too_large_in_one_piece_is_refused(open_front):
    answer = await open_front.ask(b" " * (LIMIT + 1), headers={"content-length": None})
    assert answer.status == 413


async def test_a_body_in_pieces_reaches_the_upstream_in_one(open_front):
    answer = await open_front.ask(
        receive=arriving(b'{"jsonrpc":"2.0",', b"", b'"id":1,"method":"ping"}'), headers={"content-length": None}
    )
    assert answer.status == 200
    assert open_front.upstream.last.body == b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


@pytest.mark.parametrize("parts", [(), (b"{",)])
async def test_a_client_that_leaves_while_sending_gets_no_answer(open_front, parts):
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]

    async def receive():
        return messages.pop() if messages else {"type": "http.disconnect"}

    answer = await open_front.ask(receive=receive)
    assert answer.status == 0
    assert not open_front.upstream.calls


async def test_a_body_that_does_not_arrive_is_given_up(open_front, monkeypatch):
    monkeypatch.setattr("doorward.door.body.READ_SECONDS", 0.01)
    answer = await open_front.ask(receive=arriving())
    assert answer.status == 408


@pytest.mark.parametrize(
    "accept",
    [BOTH, None, "*/*", "application/json", "text/event-stream", "application/*;q=0.5", "text/html, */*;q=0.1"],
)
@pytest.mark.parametrize("headers", [{}, modern_headers()])
async def test_an_accept_that_admits_either_form_goes_up_as_both(open_front, accept, headers):
    body = modern() if headers else legacy()
    assert (await open_front.ask(body, headers={**headers, "accept": accept})).status == 200
    assert open_front.upstream.got("accept") == [BOTH]


@pytest.mark.requirement("T6")
@pytest.mark.parametrize("accept", ["text/html", "image/*", "application/json;q=0", "*/*;q=0.000", ""])
async def test_an_accept_that_admits_neither_is_not_acceptable(open_front, accept):
    assert (await open_front.ask(legacy(), headers={"accept": accept})).status == 406


@pytest.mark.parametrize(
    ("accept", "status"), [(None, 200), ("text/event-stream", 200), ("*/*", 200), ("application/json", 406)]
)
async def test_a_get_must_take_an_event_stream(open_front, accept, status):
    answer = await open_front.ask(method="GET", headers={"accept": accept})
    assert answer.status == status
    assert not open_front.upstream.calls or open_front.upstream.got("accept") == ["text/event-stream"]


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


async def test_a_large_but_permitted_body_passes():
    front = Front(auth="none", body_limit_bytes=100)
    body = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'.ljust(100)
    assert (await front.ask(body)).status == 200
    assert (await front.ask(body + b" ")).status == 413


async def test_no_value_of_any_length_is_kept(open_front):
    kept = _is_json.cache_info().currsize, _admits.cache_info().currsize
    accept = ", ".join([BOTH, *(f"a/{number}" for number in range(5000))])
    charset = "; a=" + "b" * 50_000
    headers = {"accept": accept, "content-type": f"application/json{charset}"}
    assert (await open_front.ask(legacy(), headers=headers)).status == 200
    refused = await open_front.ask(legacy(), headers={"accept": "a/b, " * 10_000, "content-type": "application/json"})
    assert refused.status == 406
    refused = await open_front.ask(legacy(), headers={"content-type": f"text/plain{charset}"})
    assert refused.status == 415
    assert (_is_json.cache_info().currsize, _admits.cache_info().currsize) == kept


async def test_the_upstream_gets_the_message_that_the_door_has_decoded():
    front = Front(auth="none")
    await front.ask(legacy("tools/call", rpc_id="q", name="add", arguments={"a": 1}))
    assert front.upstream.last.message == Message("request", "tools/call", "q", {"name": "add", "arguments": {"a": 1}})
    await front.ask(method="GET")
    assert front.upstream.last.message is None
