from __future__ import annotations

import asyncio

import pytest
from upstreams.http_upstreams import LIST, RESULT, TOOL_CALL, fault_of, in_front_of, serve_result
from upstreams.recorder import Pending, ask, call
from upstreams.servers import Visit

from doorward.errors import UpstreamError
from doorward.upstreams.http_pool import Pool


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


async def test_a_connection_that_rests_too_long_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorward.upstreams.http_pool.KEEP_SECONDS", 0.05)
    closed = asyncio.Event()

    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.answer(RESULT)
        await visit.gone()
        closed.set()

    async with in_front_of(handler) as upstream:
        await ask(upstream, call(LIST))
        await closed.wait()
        assert not upstream._pool._idle


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
        assert upstream._pool._free_slots == 1


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example"])
async def test_a_host_that_is_no_name_is_unreachable_and_no_bug(host: str) -> None:
    pool = Pool(host, 80, tls=None, connect_timeout_seconds=5, max_connections=1)
    with pytest.raises(UpstreamError) as caught:
        await pool.connect()
    assert caught.value.fault == "unreachable"
