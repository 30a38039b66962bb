from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop
from fastmcp import FastMCP
from upstreams.recorder import INITIALIZE, Answer, Client, Pending, ask, call, modern
from upstreams.servers import Handler, Visit, hostile, uvicorn_server

from doorward.errors import ConfigError, UpstreamError
from doorward.upstreams.http import HttpUpstream

TOOL_CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add", "arguments": {"a": 1}}}
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
RESULT = b'{"jsonrpc":"2.0","id":1,"result":{}}'


@asynccontextmanager
async def upstream_at(port: int, path: str = "/mcp", **settings: Any) -> AsyncIterator[HttpUpstream]:
    upstream = HttpUpstream(f"http://127.0.0.1:{port}{path}", **{"timeout_seconds": 30, **settings})
    await upstream.start()
    try:
        yield upstream
    finally:
        await upstream.stop()


@asynccontextmanager
async def in_front_of(handler: Handler, **settings: Any) -> AsyncIterator[HttpUpstream]:
    async with hostile(handler) as port, upstream_at(port, **settings) as upstream:
        yield upstream


async def serve_result(visit: Visit) -> None:
    while True:
        await visit.request()
        await visit.answer(RESULT)


async def fault_of(upstream: HttpUpstream, request: Any = None) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await ask(upstream, request or call(LIST))
    return caught.value


async def test_a_fastmcp_server_is_reached_in_both_eras() -> None:
    server = FastMCP("real")

    @server.tool
    def add(a: int, b: int) -> int:
        return a + b

    async with uvicorn_server(server.http_app()) as port, upstream_at(port) as upstream:
        answer = await ask(upstream, modern("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}}))
        assert answer.status == 200
        assert answer.message()["result"]["structuredContent"] == {"result": 3}

        opened = await ask(upstream, call(INITIALIZE))
        session = opened.headers[b"mcp-session-id"].decode()
        assert opened.message(0)["result"]["serverInfo"]["name"] == "real"
        noted = await ask(upstream, call({"jsonrpc": "2.0", "method": "notifications/initialized"}, session=session))
        assert (noted.status, noted.body) == (202, b"")
        stream = Pending(upstream, call(method="GET", session=session))
        await stream.answer.until(lambda a: a.status == 200)
        ended = await ask(upstream, call(method="DELETE", session=session))
        assert ended.status == 200
        await stream.task
        assert (await ask(upstream, call(LIST, session=session))).status == 404


async def test_the_slash_an_upstream_redirects_to_is_followed_and_remembered() -> None:
    seen: list[bytes] = []

    async def handler(visit: Visit) -> None:
        while True:
            head, body = await visit.request()
            seen.append(head.split(b"\r\n")[0] + b" " + body)
            if head.startswith(b"POST /mcp "):
                # The framework believes the forwarded scheme and host, as FastAPI behind a proxy does.
                await visit.answer(b"", "307 Temporary Redirect", more="location: https://mcp.example.com/mcp/\r\n")
            else:
                await visit.answer(RESULT)

    async with in_front_of(handler) as upstream:
        headers = ((b"x-forwarded-host", b"mcp.example.com"),)
        assert (await ask(upstream, call(b"1", headers=headers))).body == RESULT
        assert (await ask(upstream, call(b"2", headers=headers))).body == RESULT
    assert [line.replace(b" HTTP/1.1", b"") for line in seen] == [b"POST /mcp 1", b"POST /mcp/ 1", b"POST /mcp/ 2"]


@pytest.mark.parametrize(
    ("status", "location"),
    [
        ("307 X", "http://attacker.example/mcp/"),
        ("308 X", "http://127.0.0.1:1/mcp/"),
        ("307 X", "//attacker.example/mcp/"),
        ("307 X", "/mcp"),
        ("307 X", ""),
        ("302 X", "/login"),
        ("301 X", "/mcp/"),
    ],
)
async def test_no_redirect_leads_to_another_origin_or_in_a_circle(status: str, location: str) -> None:
    visits = []

    async def handler(visit: Visit) -> None:
        while True:
            visits.append(await visit.request())
            await visit.answer(b"", status, more=f"location: {location}\r\n")

    async with in_front_of(handler) as upstream:
        assert (await fault_of(upstream)).fault == "not_mcp"
    assert len(visits) == 1


async def test_a_redirect_that_redirects_is_given_up() -> None:
    async def handler(visit: Visit) -> None:
        while True:
            head, _ = await visit.request()
            other = "/a" if b" /mcp " in head else "/b"
            await visit.answer(b"", "307 X", more=f"location: {other}\r\n")

    async with in_front_of(handler) as upstream:
        assert (await fault_of(upstream)).fault == "not_mcp"


async def test_nobody_listening_is_unreachable_and_only_the_log_learns_the_address() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        async with upstream_at(port) as upstream:
            error = await fault_of(upstream)
    assert error.fault == "unreachable"
    assert "refused" in error.detail
    assert str(port) not in error.detail
    assert str(port) in str(error)


async def test_a_silent_upstream_times_out_and_its_connection_is_closed() -> None:
    closed = asyncio.Event()

    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.gone()
        closed.set()

    async with in_front_of(handler, timeout_seconds=0.05) as upstream:
        assert (await fault_of(upstream)).fault == "timeout"
        await closed.wait()


async def test_a_head_that_trickles_in_is_given_up_at_the_same_limit() -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.write(b"HTTP/1.1 200 OK\r\n")
        while not await visit.left_within(0.005):
            await visit.write(b"x")

    async with in_front_of(handler, timeout_seconds=0.1) as upstream:
        assert (await fault_of(upstream)).fault == "timeout"


async def test_an_answer_that_stops_in_the_middle_times_out_after_the_start() -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{")
        await visit.gone()

    async with in_front_of(handler, timeout_seconds=0.05) as upstream:
        answer = Answer()
        with pytest.raises(UpstreamError) as caught:
            await upstream.handle(call(LIST), Client().receive, answer.send)
    assert (caught.value.fault, answer.status, answer.body, answer.complete) == ("timeout", 200, b"{", False)


async def test_a_standing_stream_may_be_silent_for_longer_than_the_limit() -> None:
    go = asyncio.Event()

    async def handler(visit: Visit) -> None:
        head, _ = await visit.request()
        if head.startswith(b"GET"):
            await visit.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: open\n\n")
            await go.wait()
            await visit.write(b"data: {}\n\n")
        else:
            await visit.gone()

    async with in_front_of(handler, timeout_seconds=0.05) as upstream:
        stream = Pending(upstream, call(method="GET", session="s"))
        await stream.answer.until(lambda a: a.body)
        # A call that times out meanwhile proves that more than the limit has passed.
        assert (await fault_of(upstream)).fault == "timeout"
        assert (await fault_of(upstream)).fault == "timeout"
        go.set()
        await stream.task
    assert stream.answer.body == b": open\n\ndata: {}\n\n"


@pytest.mark.parametrize("reset", [True, False])
async def test_a_connection_that_ends_before_the_answer_is_a_reset(reset: bool) -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        if reset:
            visit.reset()

    async with in_front_of(handler) as upstream:
        assert (await fault_of(upstream)).fault == "reset"


@pytest.mark.parametrize(
    "begun",
    [
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n",
    ],
)
async def test_a_connection_that_ends_within_the_answer_ends_it_uncleanly(begun: bytes) -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.write(begun)

    async with in_front_of(handler) as upstream:
        answer = Answer()
        with pytest.raises(UpstreamError) as caught:
            await upstream.handle(call(LIST), Client().receive, answer.send)
    assert (caught.value.fault, answer.body, answer.complete) == ("reset", b"{}", False)


async def test_a_body_without_a_length_ends_with_its_connection() -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + RESULT)

    async with in_front_of(handler) as upstream:
        answer = await ask(upstream, call(LIST))
        assert (answer.body, answer.complete) == (RESULT, True)
        assert (await ask(upstream, call(LIST))).body == RESULT


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nbroken header\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_no_mcp(bytes_sent: bytes) -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.write(bytes_sent)
        await visit.gone()

    async with in_front_of(handler) as upstream:
        assert (await fault_of(upstream)).fault == "not_mcp"


@pytest.mark.parametrize(
    ("status", "kind", "more", "word"),
    [
        ("200 OK", "text/html", "", "text/html"),
        ("200 OK", "text/plain", "", "text/plain"),
        ("200 OK", "application/json", "content-encoding: gzip\r\n", "compresses"),
        ("404 Not Found", "text/html; charset=utf-8", "", "404"),
        ("403 Forbidden", "text/html", "", "403"),
        ("502 Bad Gateway", "text/html", "", "502"),
        ("500 Oh", "text/plain", "", "500"),
        ("401 Unauthorized", "application/json", "www-authenticate: Bearer\r\n", "credentials of its own"),
        ("407 Proxy", "application/json", "", "credentials of its own"),
    ],
)
async def test_what_no_mcp_client_can_use_is_a_fault(status: str, kind: str, more: str, word: str) -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.answer(b"<html>", status, kind, more)

    async with in_front_of(handler) as upstream:
        error = await fault_of(upstream)
    assert error.fault == "not_mcp"
    assert word in error.detail


async def test_an_upstreams_challenge_and_cookies_never_reach_the_client() -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        more = "www-authenticate: Bearer\r\nset-cookie: a=b\r\nserver: x\r\nmcp-session-id: s1\r\nretry-after: 3\r\n"
        await visit.answer(RESULT, "403 Forbidden", more=more)

    async with in_front_of(handler) as upstream:
        answer = await ask(upstream, call(LIST))
    assert answer.status == 403
    assert set(answer.headers) == {b"content-type", b"content-length", b"mcp-session-id", b"retry-after"}


async def test_plain_text_of_a_client_error_keeps_its_status_so_that_clients_fall_back() -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.answer(b"Bad Request: \x1b[31mno\n", "400 Bad Request", "text/plain; charset=utf-8")

    async with in_front_of(handler) as upstream:
        answer = await ask(upstream, modern("server/discover", rpc_id="d"))
    assert answer.status == 400
    assert answer.json() == {
        "jsonrpc": "2.0",
        "id": "d",
        "error": {"code": -32600, "message": "The MCP server answered 400: Bad Request:  [31mno"},
    }


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (call({"jsonrpc": "2.0", "method": "notifications/initialized"}), "202 Accepted"),
        (call({"jsonrpc": "2.0", "method": "notifications/initialized"}), "200 OK"),
        (call(method="GET", session="s"), "405 Method Not Allowed"),
        (call(method="DELETE", session="s"), "200 OK"),
    ],
)
async def test_a_word_of_text_where_none_is_due_is_dropped(request_: Any, status: str) -> None:
    async def handler(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.answer(b"Accepted", status, "text/plain")

    async with in_front_of(handler) as upstream:
        answer = await ask(upstream, request_)
        again = await ask(upstream, request_)
    assert (answer.body, again.body, answer.headers) == (b"", b"", {b"content-length": b"0"})
    assert answer.status == (405 if request_.method == "GET" else 200 if request_.method == "DELETE" else 202)


@pytest.mark.parametrize(
    "flood",
    [
        b"".join(b"x-%d: 1\r\n" % number for number in range(100_000)),
        b"x: " + b"a" * 3_000_000,
        b"".join(b"x-%d: %b\r\n" % (number, b"a" * 2_000) for number in range(100)),
    ],
    ids=["many", "endless", "large"],
)
async def test_a_flood_of_headers_is_cut_off(flood: bytes) -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.write(b"HTTP/1.1 200 OK\r\n" + flood + b"\r\n\r\n")
        await visit.gone()

    async with in_front_of(handler) as upstream:
        assert (await fault_of(upstream)).fault == "too_large"


async def test_interim_responses_and_trailers_are_not_the_answer() -> None:
    async def handler(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.write(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
            chunks = b"%x\r\n%b\r\n0\r\nx-trailer: 1\r\n\r\n" % (len(RESULT), RESULT)
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
            await visit.write(head + chunks)

    async with in_front_of(handler) as upstream:
        for _ in range(2):
            answer = await ask(upstream, call(LIST))
            assert (answer.status, answer.body) == (200, RESULT)
            assert set(answer.headers) == {b"content-type"}
        assert upstream._pool.opened == 1


async def test_a_second_response_is_never_taken_for_the_next_requests_answer() -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
        await visit.write(answer % (len(RESULT), RESULT) + answer % (7, b'"stale"'))
        await visit.gone()

    async with in_front_of(handler) as upstream:
        assert [(await ask(upstream, call(LIST))).body for _ in range(2)] == [RESULT, RESULT]
        assert upstream._pool.opened == 2


async def test_connections_are_kept_and_shared() -> None:
    async with in_front_of(serve_result) as upstream:
        for _ in range(20):
            assert (await ask(upstream, call(LIST))).body == RESULT
        assert upstream._pool.opened == 1
        await asyncio.gather(*(ask(upstream, call(LIST)) for _ in range(10)))
        assert upstream._pool.opened <= 10


async def test_a_stale_connection_costs_nothing_when_the_request_changes_nothing() -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.answer(RESULT)
        if visit.number == 1:
            await visit.request()  # the second request arrives on a connection that is about to be closed
            return
        await serve_result(visit)

    async with in_front_of(handler) as upstream:
        await ask(upstream, call(LIST))
        assert (await ask(upstream, call(LIST))).body == RESULT
        assert upstream._pool.opened == 2


async def test_a_tool_is_not_run_twice_when_the_server_dies_at_once_on_a_busy_connection() -> None:
    calls = []

    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.answer(RESULT)
        calls.append(await visit.request())

    async with in_front_of(handler) as upstream:
        await ask(upstream, call(LIST))
        assert (await fault_of(upstream, call(TOOL_CALL))).fault == "reset"
    assert len(calls) == 1


async def test_a_tool_call_is_sent_again_when_a_rested_connection_closes_at_once() -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.answer(RESULT)
        if visit.number == 1:
            await visit.request()
            return
        await serve_result(visit)

    async with in_front_of(handler) as upstream:
        await ask(upstream, call(LIST))
        upstream._pool._idle[0].released_at -= 2  # as if it had rested for two seconds
        assert (await ask(upstream, call(TOOL_CALL))).body == RESULT


async def test_a_first_request_on_a_new_connection_is_never_sent_twice() -> None:
    requests = []

    async def handler(visit: Visit) -> None:
        requests.append(await visit.request())

    async with in_front_of(handler) as upstream:
        assert (await fault_of(upstream)).fault == "reset"
    assert len(requests) == 1


async def test_a_20_megabyte_event_passes_without_being_held() -> None:
    event = b"data: " + b"x" * 20_000_000 + b"\n\n"

    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + event)

    async with in_front_of(handler) as upstream:
        sizes: list[int] = []
        answer = Answer()

        async def send(message: Any) -> None:
            sizes.append(len(message.get("body", b"")))
            await answer.send(message)

        await upstream.handle(call(LIST), Client().receive, send)
    assert answer.body == event
    assert max(sizes) <= 1_000_000


async def test_a_client_that_does_not_read_stops_the_upstream_from_sending() -> None:
    sent = 0
    blocked = asyncio.Event()

    async def handler(visit: Visit) -> None:
        nonlocal sent
        await visit.request()
        await visit.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        for _ in range(640):
            drained = asyncio.ensure_future(visit.write(b"d" * 65536))
            if not blocked.is_set() and not (await asyncio.wait([drained], timeout=0.3))[0]:
                blocked.set()
            await drained
            sent += 65536

    async with in_front_of(handler, timeout_seconds=0.1) as upstream:
        gate = asyncio.Event()
        pending = Pending(upstream, call(LIST))
        pending.answer.gate = lambda _size: gate.wait()
        await blocked.wait()
        assert sent < 20_000_000
        assert not pending.task.done()  # the silence is ours, so it is no timeout of the upstream
        gate.set()
        await pending.task
    assert len(pending.answer.body) == 640 * 65536


@pytest.mark.parametrize("answered", [False, True])
async def test_a_client_that_leaves_closes_the_upstream_connection(answered: bool) -> None:
    closed = asyncio.Event()

    async def handler(visit: Visit) -> None:
        await visit.request()
        if answered:
            await visit.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: open\n\n")
        await visit.gone()
        closed.set()

    async with in_front_of(handler) as upstream:
        pending = Pending(upstream, call(TOOL_CALL))
        await pending.client.listening.wait()
        if answered:
            await pending.answer.until(lambda a: a.body)
        await pending.leave()
        await closed.wait()
    assert not pending.answer.complete


async def test_a_request_that_is_answered_at_once_starts_no_task() -> None:
    async with in_front_of(serve_result) as upstream:
        await ask(upstream, call(LIST))
        client = Client()
        await ask(upstream, call(LIST), client=client)
        assert not client.listening.is_set()


async def test_calls_beyond_the_cap_wait_and_standing_streams_do_not_count() -> None:
    go = asyncio.Event()
    under_way = 0
    most = 0

    async def handler(visit: Visit) -> None:
        nonlocal under_way, most
        while True:
            head, _ = await visit.request()
            if head.startswith(b"GET"):
                await visit.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: open\n\n")
                await visit.gone()
                return
            under_way += 1
            most = max(most, under_way)
            await go.wait()
            under_way -= 1
            await visit.answer(RESULT)

    async with in_front_of(handler, max_connections=2) as upstream:
        streams = [Pending(upstream, call(method="GET", session="s")) for _ in range(3)]
        for stream in streams:
            await stream.answer.until(lambda a: a.body)
        calls = [Pending(upstream, call(LIST)) for _ in range(6)]
        await calls[0].client.listening.wait()
        go.set()
        await asyncio.gather(*(pending.task for pending in calls))
        assert most == 2
        for stream in streams:
            await stream.leave()


async def test_a_call_that_finds_no_place_in_time_is_told_so() -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.gone()

    async with in_front_of(handler, max_connections=1, connect_timeout_seconds=0.05) as upstream:
        first = Pending(upstream, call(LIST))
        await first.client.listening.wait()
        assert (await fault_of(upstream)).fault == "timeout"
        await first.leave()
        second = Pending(upstream, call(LIST))
        await second.client.listening.wait()
        await second.leave()


async def test_only_the_upstreams_own_host_and_the_doors_headers_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    heads: list[bytes] = []

    async def handler(visit: Visit) -> None:
        while True:
            heads.append((await visit.request())[0])
            await visit.answer(RESULT)

    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with hostile(handler) as port, upstream_at(port, "/mcp?tenant=7") as upstream:
        extra = ((b"origin", b"https://claude.ai"), (b"accept-encoding", b"gzip"), (b"x-forwarded-proto", b"https"))
        await ask(upstream, call(b"{}", headers=extra, query_string=b"a=b"))
        await ask(upstream, call(method="GET", session="s1"))
    assert heads[0] == (
        b"POST /mcp?tenant=7&a=b HTTP/1.1\r\nhost: 127.0.0.1:%d\r\naccept-encoding: identity\r\n"
        b"accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n"
        b"x-forwarded-proto: https\r\ncontent-length: 2\r\n\r\n" % port
    )
    assert b"content-length" not in heads[1]
    assert b"mcp-session-id: s1\r\n" in heads[1]


async def test_a_line_break_in_a_header_is_never_written() -> None:
    async with in_front_of(serve_result) as upstream:
        for value in (b"a\r\nx: y", b"a\nb", b"a\rb"):
            assert "line break" in (await fault_of(upstream, call(LIST, headers=((b"x", value),)))).detail
        assert upstream._pool.opened == 0


async def test_an_upstream_over_tls_is_verified(tls_pair: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server_side, client_side = tls_pair
    async with hostile(serve_result, ssl=server_side) as port:
        for tls, works in ((client_side, True), (None, False)):
            upstream = HttpUpstream(f"https://localhost:{port}/mcp", timeout_seconds=30, tls=tls)
            await upstream.start()
            if works:
                assert (await ask(upstream, call(LIST))).body == RESULT
            else:
                error = await fault_of(upstream)
                assert error.fault == "unreachable"
                assert "TLS" in error.detail
            await upstream.stop()


def test_the_hop_works_on_uvloop_too(tls_pair: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server_side, client_side = tls_pair
    event = b"data: " + b"x" * 20_000_000 + b"\n\n"
    left = asyncio.Event()

    async def handler(visit: Visit) -> None:
        for number in range(3):
            await visit.request()
            if number == 0:
                await visit.answer(RESULT)
            elif number == 1:
                await visit.answer(event, kind="text/event-stream")
        await visit.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: open\n\n")
        await visit.gone()
        left.set()

    async def main() -> None:
        async with hostile(handler, ssl=server_side) as port:
            upstream = HttpUpstream(f"https://localhost:{port}/mcp", timeout_seconds=30, tls=client_side)
            await upstream.start()
            assert (await ask(upstream, call(LIST))).body == RESULT
            assert (await ask(upstream, call(LIST))).body == event
            pending = Pending(upstream, call(LIST))
            await pending.answer.until(lambda a: a.body)
            await pending.leave()
            await left.wait()
            assert upstream._pool.opened == 1
            await upstream.stop()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


async def test_a_large_request_body_arrives_whole() -> None:
    bodies = []

    async def handler(visit: Visit) -> None:
        bodies.append((await visit.request())[1])
        await visit.answer(RESULT)

    async with in_front_of(handler) as upstream:
        await ask(upstream, call(b"x" * 4_000_000))
    assert bodies == [b"x" * 4_000_000]


async def test_stopping_ends_calls_under_way_and_may_be_repeated() -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.gone()

    async with in_front_of(handler) as upstream:
        pending = Pending(upstream, call(LIST))
        await pending.client.listening.wait()
        await upstream.stop()
        await upstream.stop()
        with pytest.raises(UpstreamError):
            await pending.task


@pytest.mark.parametrize(
    "url",
    ["ftp://host/mcp", "host/mcp", "http:///mcp", "http://user:pw@host/mcp", "http://host:99999/", "http://hö.st/", ""],
)
def test_an_unusable_address_is_refused_before_anything_starts(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        HttpUpstream(url, timeout_seconds=1)
    assert "pw" not in str(caught.value)
