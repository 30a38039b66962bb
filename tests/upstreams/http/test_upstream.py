from __future__ import annotations

import asyncio
import socket
import ssl

import pytest
import uvloop
from fastmcp import FastMCP
from upstreams.http_upstreams import LIST, RESULT, TOOL_CALL, fault_of, in_front_of, serve_result, upstream_at
from upstreams.recorder import INITIALIZE, Answer, Client, Pending, ask, call, modern
from upstreams.servers import Visit, hostile, uvicorn_server

from doorward.errors import ConfigError, UpstreamError
from doorward.upstreams.http.upstream import HttpUpstream


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
        assert upstream.pool.opened == 0


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
            assert upstream.pool.opened == 1
            await upstream.stop()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


@pytest.mark.parametrize(
    "url",
    ["ftp://host/mcp", "host/mcp", "http:///mcp", "http://user:pw@host/mcp", "http://host:99999/", "http://hö.st/", ""],
)
def test_an_unusable_address_is_refused_before_anything_starts(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        HttpUpstream(url, timeout_seconds=1)
    assert "pw" not in str(caught.value)


async def test_the_operators_headers_are_in_every_request() -> None:
    seen: list[bytes] = []

    async def keeping(visit: Visit) -> None:
        for _ in range(2):
            head, _ = await visit.request()
            seen.append(head)
            await visit.answer(b'{"jsonrpc":"2.0","id":1,"result":{}}')

    async with hostile(keeping) as port:
        headers = [(b"authorization", b"Bearer own"), (b"x-api-key", b"k")]
        upstream = HttpUpstream(f"http://127.0.0.1:{port}/mcp", timeout_seconds=5, headers=headers)
        await upstream.start()
        for _ in range(2):
            await ask(upstream, call({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}))
        await upstream.stop()
    assert len(seen) == 2
    assert all(b"authorization: Bearer own\r\n" in head and b"x-api-key: k\r\n" in head for head in seen)
