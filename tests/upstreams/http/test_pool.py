from __future__ import annotations

import asyncio
import errno
import socket
import threading
from typing import Any

import pytest
from upstreams.http_upstreams import LIST, RESULT, TOOL_CALL, fault_of, in_front_of, serve_result, upstream_at
from upstreams.recorder import Pending, ask, call
from upstreams.servers import Visit

from doorward.errors import UpstreamError
from doorward.fair_places import FairPlaces
from doorward.upstreams.http.connection import Connection
from doorward.upstreams.http.exchange import HIGH_WATER_BYTES
from doorward.upstreams.http.pool import Pool
from doorward.upstreams.port import UpstreamCall

LISTEN = {"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen"}


async def test_connections_are_kept_and_shared() -> None:
    async with in_front_of(serve_result) as upstream:
        for _ in range(20):
            assert (await ask(upstream, call(LIST))).body == RESULT
        assert upstream.pool.opened == 1
        await asyncio.gather(*(ask(upstream, call(LIST)) for _ in range(10)))
        assert upstream.pool.opened <= 10


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
        assert upstream.pool.opened == 2


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


@pytest.mark.parametrize(
    "method",
    [
        *("tools/call", "initialize", "resources/subscribe", "logging/setLevel", "notifications/progress"),
        *("tasks/cancel", "tasks/result", "x-vendor/list", "sampling/createMessage"),
    ],
)
async def test_what_may_change_something_is_never_sent_twice_however_long_the_connection_rested(method: str) -> None:
    ran = []

    async def handler(visit: Visit) -> None:
        if visit.number > 1:
            ran.append(await visit.request())
            await visit.answer(RESULT)
            return
        await visit.request()
        await visit.answer(RESULT)
        ran.append(await visit.request())  # the work is done, and the process dies before it answers

    async with in_front_of(handler) as upstream:
        await ask(upstream, call(LIST))
        with pytest.MonkeyPatch.context() as clock:
            # As if the connection had rested for a minute.
            now = asyncio.get_running_loop().time
            upstream.pool._idle[0].rest_until += 120
            clock.setattr(asyncio.get_running_loop(), "time", lambda: now() + 60)
            assert (await fault_of(upstream, call({**TOOL_CALL, "method": method}))).fault == "reset"
    assert len(ran) == 1


@pytest.mark.parametrize(
    "request_",
    [
        call(LIST),
        call({**LIST, "method": "resources/read"}),
        call(method="GET", session="s"),
        call(method="DELETE", session="s"),
    ],
    ids=["list", "read", "get", "delete"],
)
async def test_a_read_is_sent_once_more_and_not_a_third_time(request_: UpstreamCall) -> None:
    ran = []

    async def handler(visit: Visit) -> None:
        if visit.number == 1:
            await visit.request()
            await visit.answer(RESULT)
        ran.append(await visit.request())

    async with in_front_of(handler) as upstream:
        await ask(upstream, call(LIST))
        assert (await fault_of(upstream, request_)).fault == "reset"
    assert len(ran) == 2


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n", b"x"])
async def test_a_connection_on_which_something_arrived_while_it_rested_is_never_lent(sent: bytes) -> None:
    rested, left, ended = threading.Event(), threading.Event(), threading.Event()

    def serve(listener: socket.socket) -> None:
        first, _ = listener.accept()
        with first:
            first.recv(65536)
            first.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
            rested.wait()
            first.sendall(sent)
            first.shutdown(socket.SHUT_WR)
            left.set()
            second, _ = listener.accept()
            with second:
                second.recv(65536)
                second.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
                ended.wait()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        async with upstream_at(listener.getsockname()[1]) as upstream:
            await ask(upstream, call(LIST))
            # The loop does not turn in between: only the kernel knows that something has arrived.
            rested.set()
            left.wait()
            assert (await ask(upstream, call(TOOL_CALL))).body == b"{}"
            assert upstream.pool.opened == 2
        ended.set()
        thread.join()


async def test_a_connection_on_which_a_request_is_still_being_sent_is_never_lent() -> None:
    """Else the next user's request waits behind the rest of a body that nobody reads."""

    async def handler(visit: Visit) -> None:
        if visit.number == 1:
            await visit.reader.readuntil(b"\r\n\r\n")
            await visit.answer(RESULT, "400 Bad Request")  # early: the body is still on its way
            await asyncio.Event().wait()
        await visit.request()
        await visit.answer(RESULT)

    async with in_front_of(handler) as upstream:
        assert (await ask(upstream, call(b"x" * 32_000_000))).status == 400
        assert upstream.pool.resting == 0
        assert (await ask(upstream, call(LIST))).body == RESULT
        assert upstream.pool.opened == 2


async def test_a_request_that_only_the_kernel_still_holds_counts_as_being_sent() -> None:
    """TLS buffers more than it says; what it holds waits behind a kernel that is full."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    rested = []
    _, connection = await loop.create_connection(
        lambda: Connection(loop, on_rest=lambda each, _: rested.append(each)), sock=ours
    )
    with theirs:
        with connection.begin(b"POST / HTTP/1.1\r\n\r\n", b"x" * HIGH_WATER_BYTES) as exchange:
            await loop.sock_sendall(theirs, b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}")
            assert await exchange.read() == b"{}"
            assert connection._transport is not None
            assert connection._transport.get_write_buffer_size() == 0
        assert not connection.alive
    assert rested == []


async def test_a_connection_whose_large_request_was_taken_whole_is_kept() -> None:
    async with in_front_of(serve_result) as upstream:
        await ask(upstream, call(b"x" * 4_000_000))
        await ask(upstream, call(LIST))
        assert upstream.pool.opened == 1


async def test_an_upstream_that_states_its_limit_is_left_before_it() -> None:
    async def handler(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.answer(RESULT, more="keep-alive: max=5, timeout=1\r\n")

    async with in_front_of(handler) as upstream:
        for _ in range(2):
            await ask(upstream, call(TOOL_CALL))
        assert upstream.pool.opened == 2


async def test_a_first_request_on_a_new_connection_is_never_sent_twice() -> None:
    requests = []

    async def handler(visit: Visit) -> None:
        requests.append(await visit.request())

    async with in_front_of(handler) as upstream:
        assert (await fault_of(upstream)).fault == "reset"
    assert len(requests) == 1


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

    async with in_front_of(handler, max_connections=4) as upstream:
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
        assert (await fault_of(upstream)).fault == "overloaded"
        await first.leave()
        second = Pending(upstream, call(LIST))
        await second.client.listening.wait()
        await second.leave()


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


async def test_a_connection_that_rests_too_long_is_closed() -> None:
    closed = asyncio.Event()

    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.answer(RESULT)
        await visit.gone()
        closed.set()

    async with in_front_of(handler) as upstream:
        upstream.pool.keep_seconds = 0.05
        await ask(upstream, call(LIST))
        await closed.wait()
        assert upstream.pool.resting == 0


async def test_one_user_with_many_calls_leaves_places_for_others() -> None:
    async def handler(visit: Visit) -> None:
        while True:
            head, _ = await visit.request()
            if b"x-held" in head:
                await visit.gone()
                return
            await visit.answer(RESULT)

    async with in_front_of(handler, max_connections=8, connect_timeout_seconds=0.05) as upstream:
        held = [Pending(upstream, call(LIST, share="alice", headers=((b"x-held", b"1"),))) for _ in range(20)]
        for user in ("bob", "carol", "dave"):
            assert (await ask(upstream, call(LIST, share=user))).body == RESULT
        for pending in held:
            await pending.close()
        assert upstream.pool.places.free == 8


@pytest.mark.parametrize("request_", [{"method": "GET", "session": "s"}, {"body": LISTEN}], ids=["get", "listen"])
async def test_one_user_s_standing_streams_leave_room_for_those_of_others(request_: dict[str, Any]) -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: open\n\n")
        await visit.gone()

    async with in_front_of(handler) as upstream:
        upstream.pool.streams = FairPlaces(8)
        streams = [Pending(upstream, call(**request_, share="alice")) for _ in range(4)]
        for stream in streams:
            await stream.answer.until(lambda a: a.body)
        assert (await fault_of(upstream, call(**request_, share="alice"))).fault == "overloaded"
        another = Pending(upstream, call(**request_, share="bob"))
        await another.answer.until(lambda a: a.body)
        for stream in (*streams, another):
            await stream.leave()
        assert upstream.pool.streams.free == 8


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL])
def test_a_machine_without_room_for_a_socket_does_not_blame_the_mcp_server(number: int) -> None:
    class Full(asyncio.SelectorEventLoop):
        async def create_connection(self, *_: Any, **__: Any) -> Any:
            raise OSError(number, "no room")

    pool = Pool("localhost", 80, tls=None, connect_timeout_seconds=5, max_connections=1)
    with asyncio.Runner(loop_factory=Full) as runner, pytest.raises(UpstreamError) as caught:
        runner.run(pool.connect())
    assert caught.value.fault == "overloaded"
    assert "raise" not in caught.value.detail
    assert "free" in str(caught.value) or "raise" in str(caught.value)


async def test_a_call_cancelled_while_it_waits_for_a_place_takes_none() -> None:
    go = asyncio.Event()

    async def handler(visit: Visit) -> None:
        while True:
            await visit.request()
            await go.wait()
            await visit.answer(RESULT)

    async with in_front_of(handler, max_connections=1) as upstream:
        first = Pending(upstream, call(LIST))
        await first.client.listening.wait()
        waiting = [Pending(upstream, call(LIST)) for _ in range(3)]
        await waiting[0].client.listening.wait()
        await waiting[1].close()
        go.set()
        await asyncio.gather(first.task, waiting[0].task, waiting[2].task)
        assert upstream.pool.places.free == 1


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example"])
async def test_a_host_that_is_no_name_is_unreachable_and_no_bug(host: str) -> None:
    pool = Pool(host, 80, tls=None, connect_timeout_seconds=5, max_connections=1)
    with pytest.raises(UpstreamError) as caught:
        await pool.connect()
    assert caught.value.fault == "unreachable"
