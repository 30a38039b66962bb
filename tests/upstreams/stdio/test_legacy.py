from __future__ import annotations

import asyncio
from typing import Any

import pytest
from upstreams.recorder import INITIALIZE, INITIALIZED, Answer, Client, Pending, ask, call, caller
from upstreams.stdio_upstreams import fault_of, gone, open_session, scripted, tool

from doorward.errors import UpstreamError


async def test_each_session_has_a_child_of_its_own_that_ends_with_it() -> None:
    async with scripted("legacy") as upstream:
        first, second = await open_session(upstream), await open_session(upstream)
        pids = [
            (await ask(upstream, call(tool("echo"), session=session))).json()["result"]["pid"]
            for session in (first, second)
        ]
        assert pids[0] != pids[1]
        assert (await ask(upstream, call(method="DELETE", session=first))).status == 200
        await gone(pids[0])
        assert (await ask(upstream, call(tool("echo"), session=first))).status == 404
        assert (await ask(upstream, call(tool("echo"), session=second))).status == 200
    await gone(pids[1])


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (call(tool("echo")), 400),
        (call(INITIALIZED), 400),
        (call(method="GET"), 400),
        (call(method="DELETE"), 400),
        (call(tool("echo"), session="unknown"), 404),
        (call(method="GET", session="unknown"), 404),
        (call(method="DELETE", session="unknown"), 404),
        (call(INITIALIZE, session="unknown"), 404),
        (call(method="GET", era="modern"), 405),
    ],
)
async def test_a_request_without_a_session_is_refused_as_clients_expect(request_: Any, status: int) -> None:
    async with scripted("legacy") as upstream:
        answer = await ask(upstream, request_)
    assert answer.status == status
    assert answer.json()["error"]["code"] == -32600
    assert answer.json()["id"] == request_.rpc_id


async def test_progress_comes_on_the_stream_of_its_own_request() -> None:
    async with scripted("legacy") as upstream:
        session = await open_session(upstream)
        answers = await asyncio.gather(
            *(
                ask(upstream, call(tool("hold", n, {"progressToken": f"t{n}"}, until=3, mark=n), session=session))
                for n in (1, 2, 3)
            )
        )
    for n, answer in enumerate(answers, 1):
        assert answer.headers[b"content-type"] == b"text/event-stream"
        progress, result = answer.events()
        assert progress["params"]["progressToken"] == f"t{n}"
        assert result == {"jsonrpc": "2.0", "id": n, "result": {"mark": n}}
        assert answer.body.startswith(b"event: message\ndata: {")
        assert answer.body.endswith(b"}\n\n")


async def test_a_question_of_the_server_reaches_the_client_and_its_answer_the_server() -> None:
    async with scripted("legacy") as upstream:
        session = await open_session(upstream)
        pending = Pending(upstream, call(tool("ask"), session=session))
        await pending.answer.until(lambda a: b"elicitation/create" in a.body)
        reply = {"jsonrpc": "2.0", "id": "s1", "result": {"action": "accept"}}
        assert (await ask(upstream, call(reply, session=session))).status == 202
        await pending.task
    assert pending.answer.message()["result"] == {"answer": {"action": "accept"}}


async def test_what_belongs_to_no_request_goes_to_the_standing_stream_or_waits_for_it() -> None:
    async with scripted("legacy") as upstream:
        session = await open_session(upstream)
        await ask(upstream, call(tool("late", times=300), session=session))
        first = Pending(upstream, call(method="GET", session=session))
        await first.answer.until(lambda a: b'"data": 299' in a.body)
        assert len(first.answer.events()) <= 300
        second = Pending(upstream, call(method="GET", session=session))
        await first.task
        assert first.answer.complete
        await ask(upstream, call(tool("late", times=1), session=session))
        await second.answer.until(lambda a: b'"data": 0' in a.body)
        await second.leave()


async def test_the_backlog_for_a_stream_nobody_opens_is_bounded() -> None:
    async with scripted("legacy") as upstream:
        session = await open_session(upstream)
        await ask(upstream, call(tool("late", times=5000), session=session))
        await ask(upstream, call(tool("echo"), session=session))  # everything before it has arrived
        assert len(upstream._sessions[session]._backlog) <= 256


@pytest.mark.requirement("T12")
async def test_leaving_is_no_cancellation_in_the_legacy_era() -> None:
    async with scripted("legacy") as upstream:
        session = await open_session(upstream)
        pending = Pending(upstream, call(tool("never", 5, {"progressToken": "t"}), session=session))
        await pending.answer.until(lambda a: a.body)
        await pending.leave()
        cancelled = await ask(upstream, call(tool("cancelled", 6), session=session))
        assert cancelled.json()["result"] == {"cancelled": []}
        note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}}
        assert (await ask(upstream, call(note, session=session))).status == 202
        cancelled = await ask(upstream, call(tool("cancelled", 7), session=session))
        assert cancelled.json()["result"] == {"cancelled": [5]}


async def test_an_id_is_used_once_at_a_time() -> None:
    async with scripted("legacy") as upstream:
        session = await open_session(upstream)
        pending = Pending(upstream, call(tool("never", 5, {"progressToken": "t"}), session=session))
        await pending.answer.until(lambda a: a.body)
        assert (await ask(upstream, call(tool("echo", 5), session=session))).status == 400
        assert (await ask(upstream, call(tool("echo", "5"), session=session))).status == 200
        await pending.leave()


async def test_a_request_nobody_answers_times_out_and_is_cancelled() -> None:
    async with scripted("legacy") as upstream:
        session = await open_session(upstream)
        upstream._timeout_seconds = 0.3
        answer = Answer()
        with pytest.raises(UpstreamError) as caught:
            await upstream.handle(
                call(tool("never", 5, {"progressToken": "t"}), session=session), Client().receive, answer.send
            )
        assert (caught.value.fault, answer.status, answer.complete) == ("timeout", 200, False)
        cancelled = await ask(upstream, call(tool("cancelled", 6), session=session))
        assert cancelled.json()["result"] == {"cancelled": [5]}


async def test_an_initialize_that_is_refused_opens_no_session() -> None:
    async with scripted("modern") as upstream:
        answer = await ask(upstream, call(INITIALIZE))
        assert (answer.status, answer.json()["error"]["code"]) == (200, -32022)
        assert b"mcp-session-id" not in answer.headers
        assert not upstream._sessions


async def test_a_session_that_rests_too_long_ends_with_its_child() -> None:
    async with scripted("legacy", session_idle_seconds=0.05) as upstream:
        opened = await ask(upstream, call(INITIALIZE))
        await gone(opened.json()["result"]["pid"])
        session = opened.headers[b"mcp-session-id"].decode()
        assert (await ask(upstream, call(tool("echo"), session=session))).status == 404


async def test_an_open_stream_keeps_its_session() -> None:
    async with scripted("legacy", session_idle_seconds=0.05) as upstream:
        opened = await ask(upstream, call(INITIALIZE))
        session = opened.headers[b"mcp-session-id"].decode()
        stream = Pending(upstream, call(method="GET", session=session))
        other = await ask(upstream, call(INITIALIZE))
        await gone(other.json()["result"]["pid"])
        assert (await ask(upstream, call(tool("echo"), session=session))).status == 200
        await stream.leave()


async def test_a_new_session_takes_the_place_of_the_one_that_rested_longest() -> None:
    async with scripted("legacy", max_sessions=2) as upstream:
        first, second = await open_session(upstream), await open_session(upstream)
        await ask(upstream, call(tool("echo"), session=first))
        third = await open_session(upstream)
        statuses = [(await ask(upstream, call(tool("echo"), session=s))).status for s in (first, second, third)]
        assert statuses == [200, 404, 200]
        # An open stream alone keeps no place; a request under way does.
        stream = Pending(upstream, call(method="GET", session=first))
        await stream.answer.until(lambda a: a.status)
        busy = Pending(upstream, call(tool("never", 5, {"progressToken": "t"}), session=third))
        await busy.answer.until(lambda a: a.body)
        fourth = await open_session(upstream)
        await stream.task
        assert stream.answer.complete
        other = Pending(upstream, call(tool("never", 5, {"progressToken": "t"}), session=fourth))
        await other.answer.until(lambda a: a.body)
        assert (await fault_of(upstream, call(INITIALIZE))).fault == "timeout"
        for pending in (busy, other):
            await pending.leave()


async def test_whoever_has_most_sessions_makes_room_and_nobody_else() -> None:
    async with scripted("legacy", max_sessions=4) as upstream:

        async def session_of(user_id: str) -> str:
            return await open_session(upstream, caller(user_id=user_id))

        async def live(*sessions: str) -> list[bool]:
            return [(await ask(upstream, call(tool("echo"), session=each))).status == 200 for each in sessions]

        anns = await session_of("ann")
        bobs = [await session_of("bob") for _ in range(3)]
        # Bob holds the most, so any new session evicts his oldest; Ann's stays although it has been idle longest.
        bobs.append(await session_of("bob"))
        carls = await session_of("carl")
        assert await live(bobs[0], bobs[1], bobs[2], bobs[3], carls, anns) == [False, False, True, True, True, True]
        # While his are busy he takes no place of those who have fewer.
        calls = [Pending(upstream, call(tool("never", 9, {"progressToken": 9}), session=each)) for each in bobs[2:]]
        for pending in calls:
            await pending.answer.until(lambda a: a.body)
        assert (await fault_of(upstream, call(INITIALIZE, who=caller(user_id="bob")))).fault == "timeout"
        assert await live(anns, carls) == [True, True]
        for pending in calls:
            await pending.leave()


async def test_streams_and_calls_of_one_user_keep_nobody_else_out() -> None:
    async with scripted("legacy", max_sessions=3) as upstream:
        alices = [await open_session(upstream, caller(user_id="alice")) for _ in range(3)]
        held = [
            Pending(upstream, call(method="GET", session=alices[0])),
            *(Pending(upstream, call(tool("never", 5, {"progressToken": 1}), session=each)) for each in alices[1:]),
        ]
        for pending in held:
            await pending.answer.until(lambda a: a.status)
        bobs = await open_session(upstream, caller(user_id="bob"))
        await held[0].task
        # Alice has two more than Carl, both busy: one of them has to go, and not Bob's only one.
        await open_session(upstream, caller(user_id="carl"))
        await asyncio.wait([each.task for each in held[1:]], return_when=asyncio.FIRST_COMPLETED)
        [lost] = [each for each in held[1:] if each.task.done()]
        assert isinstance(lost.task.exception(), UpstreamError)
        assert (await ask(upstream, call(tool("echo"), session=bobs))).status == 200
        # One more than another user is no reason to lose a call.
        [kept] = [each for each in held[1:] if not each.task.done()]
        await open_session(upstream, caller(user_id="dan"))
        assert not kept.task.done()
        await kept.leave()


async def test_a_client_that_does_not_read_its_stream_loses_it_before_memory_is_lost() -> None:
    async with scripted("legacy") as upstream:
        session = await open_session(upstream)
        gate = asyncio.Event()
        stream = Pending(upstream, call(method="GET", session=session))
        stream.answer.gate = lambda _size: gate.wait()
        await stream.answer.until(lambda a: a.status)
        # With two requests under way, a message that names neither belongs to the standing stream.
        others = [Pending(upstream, call(tool("never", n, {"progressToken": n}), session=session)) for n in (8, 9)]
        for other in others:
            await other.answer.until(lambda a: a.body)
        await ask(upstream, call(tool("late", times=70_000), session=session))
        await ask(upstream, call(tool("echo"), session=session))  # everything before it has arrived
        gate.set()
        with pytest.raises(UpstreamError) as caught:
            await stream.task
        assert caught.value.fault == "too_large"
        for other in others:
            await other.leave()
        assert (await ask(upstream, call(tool("echo"), session=session))).status == 200


CANCEL = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}}


@pytest.mark.parametrize("token", [{}, {"progressToken": "t"}])
async def test_a_call_that_its_client_cancels_ends_after_a_short_grace(
    monkeypatch: pytest.MonkeyPatch, token: dict[str, str]
) -> None:
    monkeypatch.setattr("doorward.upstreams.stdio.exchange.CANCEL_GRACE_SECONDS", 0.01)
    async with scripted("legacy") as upstream:
        session = await open_session(upstream)
        pending = Pending(upstream, call(tool("never", 5, token), session=session))
        while not upstream._sessions[session].is_busy:
            await asyncio.sleep(0)
        assert (await ask(upstream, call(CANCEL, session=session))).status == 202
        await pending.task
        assert pending.answer.message(5)["error"]["code"] == -32800
        cancelled = await ask(upstream, call(tool("cancelled", 5), session=session))
        assert cancelled.json()["result"] == {"cancelled": [5]}


async def test_a_server_may_still_answer_what_was_cancelled() -> None:
    async with scripted("legacy") as upstream:
        session = await open_session(upstream)
        pending = Pending(upstream, call(tool("hold", 5, until=2, mark=1), session=session))
        while not upstream._sessions[session].is_busy:
            await asyncio.sleep(0)
        await ask(upstream, call(CANCEL, session=session))
        await ask(upstream, call(tool("hold", 6, until=2, mark=2), session=session))
        await pending.task
    assert pending.answer.message(5)["result"] == {"mark": 1}


async def test_a_question_of_the_server_goes_to_the_standing_stream_or_the_newest_call() -> None:
    async with scripted("legacy") as upstream:
        session = await open_session(upstream)
        older = Pending(upstream, call(tool("never", 8, {"progressToken": 8}), session=session))
        await older.answer.until(lambda a: a.body)
        newer = Pending(upstream, call(tool("ask", 9), session=session))
        await newer.answer.until(lambda a: b"elicitation/create" in a.body)
        assert b"elicitation" not in older.answer.body
        stream = Pending(upstream, call(method="GET", session=session))
        await stream.answer.until(lambda a: a.status)
        third = Pending(upstream, call(tool("ask", 10), session=session))
        await stream.answer.until(lambda a: b"elicitation/create" in a.body)
        for pending in (older, newer, stream, third):
            await pending.leave()


async def test_a_question_that_found_nobody_reaches_the_next_call() -> None:
    question = {"id": "q", "method": "roots/list"}
    async with scripted("legacy") as upstream:
        session = await open_session(upstream)
        request = call(tool("tell", 2, messages=[question]), session=session)
        request.headers[0] = (b"accept", b"application/json")
        await ask(upstream, request)
        answer = await ask(upstream, call(tool("echo", 3), session=session))
        assert [each["method"] for each in answer.events() if "method" in each] == ["roots/list"]


async def test_the_cancellation_of_a_question_follows_it() -> None:
    question = {"id": "q", "method": "elicitation/create", "params": {"message": "Seat?"}}
    given_up = {"method": "notifications/cancelled", "params": {"requestId": "q"}}
    async with scripted("legacy") as upstream:
        session = await open_session(upstream)
        older = Pending(upstream, call(tool("never", 8, {"progressToken": 8}), session=session))
        await older.answer.until(lambda a: a.body)
        answer = await ask(upstream, call(tool("tell", 9, messages=[question, given_up]), session=session))
        assert [each.get("method") for each in answer.events()][:2] == ["elicitation/create", "notifications/cancelled"]
        assert b"cancelled" not in older.answer.body
        await older.leave()


async def test_the_limit_of_a_silence_is_not_renewed_when_the_stream_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorward.upstreams.stdio.exchange.STREAM_AFTER_SECONDS", 0.0)
    waits: list[float | None] = []
    timeout = asyncio.timeout

    def noting(seconds: float | None) -> asyncio.Timeout:
        waits.append(seconds)
        return timeout(seconds)

    async with scripted("legacy") as upstream:
        session = await open_session(upstream)
        upstream._timeout_seconds = 0.5
        monkeypatch.setattr("doorward.upstreams.stdio.exchange.asyncio.timeout", noting)
        error = await fault_of(upstream, call(tool("never", 5), session=session))
    assert error.fault == "timeout"
    assert waits[0] == 0.0
    assert waits[-1] is not None
    assert waits[-1] < 0.5


async def test_children_that_do_not_read_hold_a_bounded_memory_shared_by_users() -> None:
    limit = 8 * 1024 * 1024
    note = {"jsonrpc": "2.0", "method": "notifications/x", "params": {"p": "x" * 1_000_000}}
    async with scripted("legacy", unread_limit_bytes=limit) as upstream:

        async def fill(user_id: str) -> int:
            session = await open_session(upstream, caller(user_id=user_id))
            await ask(upstream, call(tool("deaf"), session=session))
            sent = 0
            while sent < 20:
                try:
                    await ask(upstream, call(note, session=session))
                except UpstreamError:
                    break
                sent += 1
            return sent

        ann = [await fill("ann") for _ in range(3)]
        assert 3 <= sum(ann) <= 8
        assert await fill("bob") >= 2
        assert sum(each.unread_bytes for each in upstream._children._alive) < limit
        # Whoever reads is not held up by those who do not.
        session = await open_session(upstream, caller(user_id="ann"))
        assert (await ask(upstream, call(tool("echo"), session=session))).status == 200
