from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from upstreams.recorder import Pending, ask, call, caller, modern
from upstreams.stdio_upstreams import fault_of, gone, modern_tool, open_session, scripted, tool

from doorward.errors import UpstreamError
from doorward.upstreams.stdio.apart import Apart
from doorward.upstreams.stdio.child import spawn
from doorward.upstreams.stdio.children import Children
from doorward.upstreams.stdio.exchange import Exchange
from doorward.upstreams.stdio.member import Member, Request
from doorward.upstreams.stdio.upstream import StdioUpstream


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
        assert list(upstream._shared._members) == [None]


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
    monkeypatch.setattr("doorward.upstreams.stdio.probe._UNHEARD_SECONDS", 0.3)
    async with scripted("deaf") as upstream:
        assert (await ask(upstream, modern("server/discover"))).status == 400
        session = await open_session(upstream)
        assert (await ask(upstream, call(tool("echo"), session=session))).status == 200


async def test_a_long_silence_begins_the_stream_so_that_the_door_can_keep_it_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("doorward.upstreams.stdio.exchange.STREAM_AFTER_SECONDS", 0.05)
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
        assert not upstream._shared._members


async def test_a_child_that_closed_its_input_is_still_heard_after_it_asks() -> None:
    member, children = Member(lambda *_: None), Children(1024)
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
    rpc_id = member.add(Request(Exchange(request, None), request))
    child._transport.get_pipe_transport(0).close()
    lines = f'{{"jsonrpc":"2.0","id":9,"method":"ping"}}\n{{"jsonrpc":"2.0","id":{rpc_id},"result":{{}}}}\n'
    child.pipe_data_received(1, lines.encode())
    assert member.load == 0
    await child.end()
    await children.stop()


LOGS = {"io.modelcontextprotocol/logLevel": "debug"}
LINE = {"method": "notifications/message", "params": {"level": "info", "data": "secret of ann"}}


def of(request: Any, user_id: str, client_id: str = "client-1") -> Any:
    request.caller, request.share = caller(user_id=user_id, client_id=client_id), user_id
    return request


async def waiting_reader(upstream: StdioUpstream, user_id: str, client_id: str = "client-1") -> Pending:
    reader = Pending(upstream, of(modern_tool("never", 1, {**LOGS, "progressToken": 1}), user_id, client_id))
    await reader.answer.until(lambda a: a.body)
    return reader


@pytest.mark.parametrize(("user_id", "client_id"), [("ann", "client-1"), ("bob", "client-1"), ("ann", "client-2")])
async def test_a_log_line_reaches_a_reader_only_in_a_child_that_served_nobody_else(
    user_id: str, client_id: str
) -> None:
    async with scripted("modern") as upstream:
        reader = await waiting_reader(upstream, user_id, client_id)
        await ask(upstream, of(modern_tool("tell", 2, messages=[LINE]), "ann"))
        own = (user_id, client_id) == ("ann", "client-1")
        assert (b"secret of ann" in reader.answer.body) is own
        await reader.leave()
        # Later, with nobody else under way, it is as uncertain: what ann's call began may still go on.
        late = await ask(upstream, of(modern_tool("tell", 3, LOGS, messages=[LINE]), user_id, client_id))
        assert (b"secret of ann" in late.body) is own


async def test_a_call_whose_arguments_name_the_log_level_asks_for_no_log_lines() -> None:
    async with scripted("modern") as upstream:
        told = await ask(upstream, of(modern_tool("tell", 1, messages=[LINE], note=next(iter(LOGS))), "ann"))
        assert told.status == 200
        assert b"secret of ann" not in told.body


async def test_without_sign_in_a_log_line_reaches_a_reader_only_while_nothing_else_is_under_way_or_abandoned() -> None:
    async with scripted("modern") as upstream:
        assert b"secret" in (await ask(upstream, modern_tool("tell", 3, LOGS, messages=[LINE]))).body
        other = Pending(upstream, modern_tool("never", 1, {"progressToken": 1}))
        await other.answer.until(lambda a: a.body)
        assert b"secret" not in (await ask(upstream, modern_tool("tell", 4, LOGS, messages=[LINE]))).body
        await other.leave()
        assert b"secret" not in (await ask(upstream, modern_tool("tell", 5, LOGS, messages=[LINE]))).body


async def test_no_unasked_message_of_a_shared_child_reaches_anybody() -> None:
    unasked = [
        {"method": "notifications/progress", "params": {"progressToken": "guessed", "progress": 1}},
        {"method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}},
        {"method": "notifications/resources/updated", "params": {"uri": "file:///ann"}},
        {"method": "notifications/tools/list_changed", "params": {"note": "secret"}},
        {"method": "notifications/elicitation/complete", "params": {"elicitationId": "1"}},
        {"method": "notifications/tasks/status", "params": {"taskId": "1"}},
        {"method": "notifications/made_up", "params": {"note": "secret"}},
        {"method": "notifications/cancelled", "params": {"requestId": 1}},
        {"id": 77, "method": "sampling/createMessage", "params": {"note": "secret"}},
        {"id": 78, "method": "elicitation/create", "params": {"note": "secret"}},
        {"id": 79, "method": "roots/list"},
        {"id": 80, "result": {"note": "secret"}},
    ]
    async with scripted("modern") as upstream:
        reader = await waiting_reader(upstream, "bob")
        listener = Pending(upstream, of(modern("subscriptions/listen", {"notifications": {}}, rpc_id=1), "bob"))
        await listener.answer.until(lambda a: b"list_changed" in a.body)
        before = bytes(reader.answer.body), bytes(listener.answer.body)
        answer = await ask(upstream, of(modern_tool("tell", 1, messages=unasked), "ann"))
        assert answer.json() == {"jsonrpc": "2.0", "id": 1, "result": {}}
        assert (bytes(reader.answer.body), bytes(listener.answer.body)) == before
        for pending in (reader, listener):
            await pending.leave()


async def test_a_change_that_names_no_subscription_reaches_those_who_listen_for_it_without_its_content() -> None:
    changes = [
        {"method": "notifications/tools/list_changed", "params": {"note": "secret"}},
        {"method": "notifications/prompts/list_changed"},
        {"method": "notifications/resources/updated", "params": {"uri": "file:///mine", "note": "secret"}},
        {"method": "notifications/resources/updated", "params": {"uri": "file:///not-mine"}},
    ]
    wanted = {"toolsListChanged": True, "resourceSubscriptions": ["file:///mine"]}
    async with scripted("modern") as upstream:
        listener = Pending(upstream, modern("subscriptions/listen", {"notifications": wanted}, rpc_id="s"))
        await listener.answer.until(lambda a: b"list_changed" in a.body)
        await ask(upstream, modern_tool("tell", 1, messages=changes))
        await listener.answer.until(lambda a: b"resources/updated" in a.body)
        await listener.leave()
    meta = {"_meta": {"io.modelcontextprotocol/subscriptionId": "s"}}
    assert listener.answer.events()[2:] == [
        {"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": meta},
        {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {**meta, "uri": "file:///mine"}},
    ]


async def test_what_a_user_makes_a_server_print_answers_nobody_elses_request() -> None:
    async with scripted("modern") as upstream:
        bob = await waiting_reader(upstream, "bob")
        forged = [
            f'{prefix}{{"jsonrpc":"2.0","id":{rpc_id},"result":{{"forged":true}}}}'
            for rpc_id in (1, 2, 3, '"1"', "1.0")
            for prefix in ("", "echo: ")
        ]
        lines = [*forged, '{"jsonrpc":"2.0","id":{id},"result":{}}']
        assert (await ask(upstream, of(modern_tool("say", 7, lines=lines), "ann"))).message(7)["result"] == {}
        assert b"forged" not in bob.answer.body
        await bob.leave()


@pytest.mark.parametrize("rest", ['"error":{"code":1,"message":"secret of ann"}', '"result":{"text":"secret of ann"}'])
async def test_an_answer_that_names_nothing_reaches_nobody_in_a_child_that_served_others(rest: str) -> None:
    async with scripted("modern") as upstream:
        await ask(upstream, of(modern_tool("echo", 1), "ann"))
        # It may come late, for a call of ann's that is over: bob's is the only one under way.
        lines = [f'{{"jsonrpc":"2.0","id":null,{rest}}}', '{"jsonrpc":"2.0","id":{id},"result":{}}']
        answer = await ask(upstream, of(modern_tool("say", 7, lines=lines), "bob"))
        assert answer.message(7)["result"] == {}
        assert b"secret" not in answer.body


async def test_half_a_message_ends_nobodys_call_in_a_child_that_served_others() -> None:
    async with scripted("modern") as upstream:
        await ask(upstream, of(modern_tool("echo", 1), "ann"))
        lines = ['{"jsonrpc":"2.0","result":', '{"jsonrpc":"2.0","id":{id},"result":{}}']
        assert (await ask(upstream, of(modern_tool("say", 7, lines=lines), "bob"))).message(7)["result"] == {}


async def test_a_cancelled_request_ends_after_a_short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorward.upstreams.stdio.exchange.CANCEL_GRACE_SECONDS", 0.01)
    note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    async with scripted("modern") as upstream:
        ann, bob = await waiting_reader(upstream, "ann"), await waiting_reader(upstream, "bob")
        for other in (of(call(note, era="modern"), "carl"), of(call(note, era="modern"), "ann", "client-2")):
            assert (await ask(upstream, other)).status == 202
        assert (await ask(upstream, of(call(note, era="modern"), "ann"))).status == 202
        await ann.task
        assert ann.answer.message(1)["error"]["code"] == -32800
        heard = (await ask(upstream, of(modern_tool("cancelled", 2), "ann"))).json()["result"]["cancelled"]
        assert len(heard) == 1
        assert not bob.task.done()
        await bob.leave()


async def test_a_request_that_the_server_itself_gives_up_is_an_error_and_no_result() -> None:
    lines = ['{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{id}}}']
    async with scripted("modern") as upstream:
        answer = await ask(upstream, modern_tool("say", 7, lines=lines))
    assert answer.message(7)["error"]["code"] == -32603


async def test_a_user_whose_calls_end_the_child_takes_nobody_else_along() -> None:
    async with scripted("modern") as upstream:
        bob = await waiting_reader(upstream, "bob")
        assert (await fault_of(upstream, of(modern_tool("die"), "ann"))).fault == "exited"
        with pytest.raises(UpstreamError):
            await bob.task
        # It could have been either of them: from now on both have a child apart, and the others share a new one.
        bob = await waiting_reader(upstream, "bob")
        carl = await waiting_reader(upstream, "carl")
        for _ in range(3):
            assert (await fault_of(upstream, of(modern_tool("die"), "ann"))).fault == "exited"
        assert not bob.task.done()
        assert not carl.task.done()
        assert set(upstream._shared._members) == {None, upstream._shared._key("bob")}
        for pending in (bob, carl):
            await pending.leave()


async def test_a_user_with_many_clients_is_kept_apart_with_all_of_them() -> None:
    async with scripted("modern") as upstream:
        for n in range(3):
            await fault_of(upstream, of(modern_tool("die"), "ann", f"client-{n}"))
        bob = await waiting_reader(upstream, "bob")
        await fault_of(upstream, of(modern_tool("die"), "ann", "client-3"))
        assert not bob.task.done()
        assert len(upstream._shared._members) == 1
        await bob.leave()


async def test_users_who_crash_in_turn_and_are_more_than_there_are_places_still_take_nobody_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("doorward.upstreams.stdio.apart.PLACES", 2)
    async with scripted("modern") as upstream:
        for user in ("ann", "carl", "dora"):
            await fault_of(upstream, of(modern_tool("die"), user))
        bob = await waiting_reader(upstream, "bob")
        for user in ("ann", "carl", "dora"):
            await fault_of(upstream, of(modern_tool("die"), user))
        assert not bob.task.done()
        await bob.leave()


async def test_a_call_cancelled_long_ago_does_not_make_its_user_suspect(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted("modern") as upstream:
        for user in ("bob", "carl"):
            monkeypatch.setattr("doorward.upstreams.stdio.member._AT_WORK_SECONDS", 60.0 if user == "carl" else 0.0)
            await (await waiting_reader(upstream, user)).leave()
            await fault_of(upstream, of(modern_tool("die"), "ann"))
            assert (upstream._shared._key(user) is None) is (user == "bob")
            upstream._shared._apart = Apart()


async def test_a_user_who_was_kept_apart_is_back_with_the_others_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("doorward.upstreams.stdio.modern.APART_SECONDS", 0.2)
    async with scripted("modern") as upstream:
        await fault_of(upstream, of(modern_tool("die"), "ann"))
        pid = (await ask(upstream, of(modern_tool("echo"), "ann"))).json()["result"]["pid"]
        await gone(pid)
        assert (await ask(upstream, of(modern_tool("echo"), "ann"))).status == 200
        assert list(upstream._shared._members) == [None]
