from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import uvloop
from upstreams.recorder import INITIALIZE, INITIALIZED, Answer, Client, Pending, ask, call, modern

from doorward.errors import StartError, UpstreamError
from doorward.upstreams.stdio import StdioUpstream

SCRIPT = str(Path(__file__).with_name("scripted_server.py"))


@asynccontextmanager
async def running(*arguments: str, **settings: Any) -> AsyncIterator[StdioUpstream]:
    upstream = StdioUpstream([sys.executable, *arguments], **settings)
    await upstream.start()
    try:
        yield upstream
    finally:
        await upstream.stop()


def scripted(era: str, **settings: Any) -> Any:
    return running(SCRIPT, era, **settings)


def tool(name: str, rpc_id: Any = 1, meta: Any = None, **arguments: Any) -> dict[str, Any]:
    params = {"name": name, "arguments": arguments, **({"_meta": meta} if meta else {})}
    return {"jsonrpc": "2.0", "id": rpc_id, "method": "tools/call", "params": params}


def modern_tool(name: str, rpc_id: Any = 1, meta: Any = None, **arguments: Any) -> Any:
    return modern("tools/call", {"name": name, "arguments": arguments}, rpc_id=rpc_id, meta=meta)


async def open_session(upstream: StdioUpstream, **rest: Any) -> str:
    opened = await ask(upstream, call({**INITIALIZE, **rest}))
    assert opened.status == 200
    session = opened.headers[b"mcp-session-id"].decode()
    noted = await ask(upstream, call(INITIALIZED, session=session))
    assert (noted.status, noted.body) == (202, b"")
    return session


async def gone(pid: int) -> None:
    """Wait until the process has ended; fails after a while."""
    try:
        await asyncio.to_thread(psutil.Process(pid).wait, 20)
    except psutil.NoSuchProcess:
        return


async def fault_of(upstream: StdioUpstream, request: Any) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await ask(upstream, request)
    return caught.value


@pytest.mark.parametrize("uses_uvloop", [False, True])
def test_a_real_command_serves_both_eras(uses_uvloop: bool) -> None:
    async def main() -> None:
        async with running("-m", "mcp_server_time") as upstream:
            arguments = {"timezone": "UTC"}
            request = modern("tools/call", {"name": "get_current_time", "arguments": arguments}, rpc_id="a")
            answer = await ask(upstream, request)
            assert answer.status == 200
            assert answer.message("a")["result"]["resultType"] == "complete"
            session = await open_session(upstream)
            answer = await ask(upstream, call(tool("get_current_time", timezone="UTC"), session=session))
            assert answer.headers[b"content-type"] == b"application/json"
            assert '"timezone": "UTC"' in answer.json()["result"]["content"][0]["text"]
            assert (await ask(upstream, call(method="DELETE", session=session))).status == 200

    with asyncio.Runner(loop_factory=uvloop.new_event_loop if uses_uvloop else None) as runner:
        runner.run(main())


# Legacy.


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
    async with scripted("legacy", timeout_seconds=0.3) as upstream:
        session = await open_session(upstream)
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
        streams = [Pending(upstream, call(method="GET", session=session)) for session in (first, third)]
        for stream in streams:
            await stream.answer.until(lambda a: a.status)
        assert (await fault_of(upstream, call(INITIALIZE))).fault == "timeout"
        for stream in streams:
            await stream.leave()


# Modern.


async def test_modern_requests_share_children_without_sharing_ids() -> None:
    async with scripted("modern", modern_pool_size=1) as upstream:
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
        assert len(upstream._pool._members) == 1


async def test_a_busy_child_gets_a_second_one_beside_it_and_no_more() -> None:
    async with scripted("modern", modern_pool_size=2) as upstream:
        waiting = [Pending(upstream, modern_tool("never", n, {"progressToken": n})) for n in range(3)]
        for pending in waiting:
            await pending.answer.until(lambda a: a.body)
        assert len(upstream._pool._members) == 2
        for pending in waiting:
            await pending.leave()


async def test_leaving_is_the_cancellation_in_the_modern_era() -> None:
    async with scripted("modern", modern_pool_size=1) as upstream:
        pending = Pending(upstream, modern_tool("never", "mine", {"progressToken": "t"}))
        await pending.answer.until(lambda a: a.body)
        await pending.leave()
        cancelled = await ask(upstream, modern_tool("cancelled"))
        assert cancelled.json()["result"] == {"cancelled": [1]}


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
    async with scripted("modern", modern_pool_size=1) as upstream:
        note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
        assert (await ask(upstream, call(note, era="modern"))).status == 202
        assert (await ask(upstream, modern_tool("cancelled"))).json()["result"] == {"cancelled": []}


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


# Children.


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_a_child_that_dies_is_named_and_the_next_call_finds_another(
    era: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "doorward")
    async with scripted(era) as upstream:
        session = await open_session(upstream) if era == "legacy" else None
        error = await fault_of(upstream, modern_tool("die") if session is None else call(tool("die"), session=session))
        assert error.fault == "exited"
        assert "exit code 7" in error.detail
        assert "last words" in str(error)
        assert "last words" not in error.detail
        assert "abcdef1234567" not in str(error)
        assert "\x1b" not in str(error)
        if session is None:
            assert (await ask(upstream, modern_tool("echo"))).status == 200
        else:
            assert (await ask(upstream, call(tool("echo"), session=session))).status == 404
    said = [getattr(record, "fields", {}).get("line") for record in caplog.records]
    assert "first" in said
    assert not any("abcdef1234567" in str(line) or "\x1b" in str(line) for line in said)


async def test_what_is_no_message_is_logged_and_skipped(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "doorward")
    async with scripted("modern") as upstream:
        assert (await ask(upstream, modern_tool("chatter"))).json()["result"] == {}
    said = [getattr(record, "fields", {}).get("line") for record in caplog.records]
    assert "plain text" in said


async def test_a_large_message_passes_and_an_endless_one_ends_the_child() -> None:
    async with scripted("modern") as upstream:
        answer = await ask(upstream, modern_tool("large", size=20_000_000))
        assert len(answer.json()["result"]["text"]) == 20_000_000
        error = await fault_of(upstream, modern_tool("endless"))
        assert error.fault == "exited"
        assert "more than" in error.detail
        assert (await ask(upstream, modern_tool("echo"))).status == 200


async def test_a_pretty_printed_request_arrives_as_one_line() -> None:
    body = (
        b'{\r\n "jsonrpc": "2.0",\n "id": 1,\n "method": "tools/call",\n "params": {"name": "echo", "arguments": {}}}'
    )
    async with scripted("legacy") as upstream:
        session = await open_session(upstream)
        request = call(body, session=session)
        request.rpc_id, request.rpc_method = 1, "tools/call"
        assert (await ask(upstream, request)).status == 200


async def test_the_doors_own_settings_are_hidden_from_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORWARD_OWNER_PASSWORD", "hidden")
    monkeypatch.setenv("API_KEY_OF_THE_SERVER", "seen")
    async with scripted("modern", env={"ADDED": "1"}) as upstream:
        environment = (await ask(upstream, modern_tool("echo"))).json()["result"]["environment"]
    assert {"API_KEY_OF_THE_SERVER", "ADDED"} <= set(environment)
    assert not any(name.startswith("DOORWARD_") for name in environment)


async def test_a_client_that_takes_only_json_gets_json() -> None:
    async with scripted("modern") as upstream:
        request = modern_tool("progress", meta={"progressToken": 1})
        request.headers[0] = (b"accept", b"application/json")
        assert (await ask(upstream, request)).json()["result"] == {}


async def test_stopping_ends_every_child_even_a_stubborn_one_and_may_be_repeated() -> None:
    async with scripted("modern") as upstream:
        pid = (await ask(upstream, modern_tool("stubborn"))).json()["result"]["pid"]
        await upstream.stop()
        await gone(pid)
        await upstream.stop()
        assert (await fault_of(upstream, modern_tool("echo"))).fault == "exited"


def test_children_die_when_the_server_is_killed(tmp_path: Path) -> None:
    code = f"""
        import asyncio, json, sys
        sys.path[:0] = {sys.path!r}
        from doorward.upstreams.stdio import StdioUpstream
        from upstreams.recorder import ask
        from upstreams.test_stdio import modern_tool, SCRIPT

        async def main():
            upstream = StdioUpstream([sys.executable, SCRIPT, "modern"])
            await upstream.start()
            print((await ask(upstream, modern_tool("stubborn"))).json()["result"]["pid"], flush=True)
            await asyncio.Event().wait()

        asyncio.run(main())
    """
    path = tmp_path / "parent.py"
    path.write_text(textwrap.dedent(code))
    with subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        os.kill(parent.pid, signal.SIGKILL)
        child.wait(20)


# Starting.


async def test_a_command_that_does_not_exist_is_named_with_the_fix() -> None:
    with pytest.raises(StartError) as caught:
        await StdioUpstream(["no-such-command-here", "--x"]).start()
    assert "no-such-command-here" in str(caught.value)
    assert "PATH" in str(caught.value)


async def test_a_command_that_ends_at_once_fails_the_start_with_its_own_words(tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text("raise SystemExit('no API key is set')")
    with pytest.raises(StartError) as caught:
        await StdioUpstream([sys.executable, str(script)]).start()
    assert "exit code 1" in str(caught.value)
    assert "no API key is set" in str(caught.value)


async def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="no directory"):
        await StdioUpstream([sys.executable], cwd=str(tmp_path / "none")).start()


async def test_a_command_that_is_slow_to_answer_does_not_stop_the_door(caplog: pytest.LogCaptureFixture) -> None:
    async with scripted("silent", start_timeout_seconds=0.2) as upstream:
        assert any("has not answered yet" in record.message for record in caplog.records)
        assert (await fault_of(upstream, modern_tool("echo"))).fault == "timeout"
