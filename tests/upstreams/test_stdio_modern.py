from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from upstreams.recorder import Pending, ask, call, modern
from upstreams.stdio_upstreams import modern_tool, open_session, scripted, tool

from doorward.upstreams.stdio_child import spawn
from doorward.upstreams.stdio_children import Children
from doorward.upstreams.stdio_exchange import Exchange
from doorward.upstreams.stdio_modern import _Member


async def test_modern_requests_share_children_without_sharing_ids() -> None:
    async with scripted("modern") as upstream:
        answers = await asyncio.gather(
            *(
                ask(upstream, modern_tool("hold", rpc_id, {"progressToken": "same"}, until=4, mark=n))
                for n, rpc_id in enumerate((1, 1, "1", "x"))
            )
        )
        for n, (rpc_id, answer) in enumerate(zip((1, 1, "1", "x"), answers, strict=True)):
            progress, result = answer.events()
            assert progress["params"]["progressToken"] == "same"
            assert result == {"jsonrpc": "2.0", "id": rpc_id, "result": {"mark": n}}
        assert upstream._shared._member is not None


async def test_requests_that_take_long_share_the_one_child_with_the_next_ones() -> None:
    async with scripted("modern") as upstream:
        waiting = [Pending(upstream, modern_tool("never", n, {"progressToken": n})) for n in range(3)]
        for pending in waiting:
            await pending.answer.until(lambda a: a.body)
        pids = {(await ask(upstream, modern_tool("echo"))).json()["result"]["pid"] for _ in range(3)}
        assert len(pids) == 1
        for pending in waiting:
            await pending.leave()


@pytest.mark.requirement("T12")
async def test_leaving_is_the_cancellation_in_the_modern_era() -> None:
    async with scripted("modern") as upstream:
        pending = Pending(upstream, modern_tool("never", "mine", {"progressToken": "t"}))
        await pending.answer.until(lambda a: a.body)
        await pending.leave()
        cancelled = await ask(upstream, modern_tool("cancelled"))
        assert len(cancelled.json()["result"]["cancelled"]) == 1


@pytest.mark.parametrize("brief", [False, True])
async def test_a_subscription_carries_the_clients_own_id(brief: bool) -> None:
    async with scripted("modern") as upstream:
        request = modern("subscriptions/listen", {"notifications": {"brief": brief}}, rpc_id="sub-7")
        pending = Pending(upstream, request)
        await pending.answer.until(lambda a: b"list_changed" in a.body)
        if brief:
            await pending.task
            assert pending.answer.message("sub-7")["result"]["resultType"] == "complete"
        else:
            await pending.leave()
    acknowledged, changed, *rest = pending.answer.events()
    for message in (acknowledged, changed):
        assert message["params"]["_meta"] == {"io.modelcontextprotocol/subscriptionId": "sub-7"}
    assert len(rest) == brief


async def test_log_messages_go_to_the_one_request_that_asked_for_them_or_to_nobody() -> None:
    async with scripted("modern") as upstream:
        level = {"io.modelcontextprotocol/logLevel": "info"}
        assert len((await ask(upstream, modern_tool("announce", meta=level))).events()) == 2
        assert (await ask(upstream, modern_tool("announce"))).json()["result"] == {}


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (modern("no/such"), 404, -32601),
        (modern_tool("no such tool"), 400, -32602),
        (modern("server/discover"), 200, None),
    ],
)
async def test_the_status_follows_the_error(request_: Any, status: int, code: int | None) -> None:
    async with scripted("modern") as upstream:
        answer = await ask(upstream, request_)
    assert answer.status == status
    assert answer.json().get("error", {}).get("code") == code


async def test_a_notification_is_acknowledged_and_cancels_nobody() -> None:
    async with scripted("modern") as upstream:
        note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
        assert (await ask(upstream, call(note, era="modern"))).status == 202
        assert (await ask(upstream, modern_tool("cancelled"))).json()["result"] == {"cancelled": []}


@pytest.mark.requirement("T13")
async def test_a_request_of_a_modern_server_is_refused_to_it() -> None:
    async with scripted("modern") as upstream:
        assert (await ask(upstream, modern_tool("ping"))).json()["result"]["answer"]["code"] == -32601


@pytest.mark.parametrize("era", ["legacy", "exits"])
async def test_a_legacy_only_command_sends_dual_era_clients_back_to_initialize(era: str) -> None:
    async with scripted(era) as upstream:
        answer = await ask(upstream, modern("server/discover", rpc_id="d"))
        assert answer.status == 400
        assert (answer.json()["id"], answer.json()["error"]["code"]) == ("d", -32600)
        session = await open_session(upstream)
        assert (await ask(upstream, call(tool("echo"), session=session))).status == 200


async def test_a_server_that_ignores_what_it_does_not_know_is_legacy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorward.upstreams.stdio_probe._UNHEARD_SECONDS", 0.3)
    async with scripted("deaf") as upstream:
        assert (await ask(upstream, modern("server/discover"))).status == 400
        session = await open_session(upstream)
        assert (await ask(upstream, call(tool("echo"), session=session))).status == 200


async def test_a_long_silence_begins_the_stream_so_that_the_door_can_keep_it_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("doorward.upstreams.stdio_exchange.STREAM_AFTER_SECONDS", 0.05)
    async with scripted("modern") as upstream:
        first = Pending(upstream, modern_tool("hold", 1, until=2, mark=1))
        await first.answer.until(lambda a: a.status == 200)
        await ask(upstream, modern_tool("hold", 2, until=2, mark=2))
        await first.task
    assert first.answer.headers[b"content-type"] == b"text/event-stream"
    assert first.answer.message()["result"] == {"mark": 1}


async def test_initialize_in_an_envelope_is_a_method_that_does_not_exist_and_reaches_no_shared_child() -> None:
    async with scripted("modern") as upstream:
        answer = await ask(upstream, modern("initialize", {"protocolVersion": "2026-07-28"}, rpc_id=9))
        assert answer.status == 404
        assert answer.json()["error"]["code"] == -32601
        assert answer.json()["id"] == 9
        assert upstream._shared._member is None


async def test_a_child_that_closed_its_input_is_still_heard_after_it_asks() -> None:
    member, children = _Member(lambda _: None), Children(1024)
    child = await spawn(
        [sys.executable, "-c", "input()"],
        env=None,
        cwd=None,
        on_message=member.on_message,
        on_end=member.on_child_end,
        children=children,
    )
    member.child = child
    request = modern_tool("echo", "mine")
    rpc_id = member.add(Exchange(request, None), request)
    child._transport.get_pipe_transport(0).close()
    lines = f'{{"jsonrpc":"2.0","id":9,"method":"ping"}}\n{{"jsonrpc":"2.0","id":{rpc_id},"result":{{}}}}\n'
    child.pipe_data_received(1, lines.encode())
    assert member.load == 0
    await child.end()
    await children.stop()
