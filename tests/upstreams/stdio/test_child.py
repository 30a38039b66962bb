from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest
from upstreams.recorder import ask, call
from upstreams.stdio_upstreams import fault_of, gone, modern_tool, open_session, scripted, tool

from doorward.logs import request_id
from doorward.upstreams.stdio.log import ChildLog


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


async def test_an_answer_that_is_cut_off_before_its_end_and_followed_by_silence_is_an_error() -> None:
    async with scripted("modern") as upstream:
        lines = ['{"jsonrpc":"2.0","id":{id},"result":{}']
        answer = await asyncio.wait_for(ask(upstream, modern_tool("say", 7, lines=lines)), 20)
        assert answer.message(7)["error"]["code"] == -32603


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
        from doorward.upstreams.stdio.upstream import StdioUpstream
        from upstreams.recorder import ask
        from upstreams.stdio_upstreams import modern_tool, SCRIPT

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


async def test_a_flood_on_standard_error_does_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "doorward")
    async with scripted("modern") as upstream:
        assert (await ask(upstream, modern_tool("shout", lines=20_000))).status == 200
    assert sum(record.message == "the server says" for record in caplog.records) < 2_000


async def test_what_a_dead_child_leaves_behind_is_ended_and_holds_nobody_up() -> None:
    async with scripted("modern") as upstream:
        error = await fault_of(upstream, modern_tool("orphan"))
        assert "exit code 0" in error.detail
        await gone(int(error.evidence.split()[-1]))


async def test_a_child_that_floods_a_stream_is_paused_and_answers_go_on() -> None:
    for stream, line in (
        ("stderr", "x"),
        ("stdout", "x"),
        ("stdout", '{"jsonrpc":"2.0","method":"notifications/x"}'),
    ):
        async with scripted("modern") as upstream:
            assert (await ask(upstream, modern_tool("flood", stream=stream, line=line))).json()["result"] == {}
            child = upstream._shared._members[None].child
            while not child._paused:
                await asyncio.sleep(0)
            # What was read and not looked at is a piece or two, however long the flood lasts.
            assert sum(map(len, child._paused.values())) < 1024 * 1024
            if stream == "stderr":
                assert (await ask(upstream, modern_tool("echo"))).status == 200


async def test_a_flood_is_counted_and_not_formatted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "doorward")
    heard = ChildLog(lambda: 1)
    heard.hear(b"x\n" * 100_000 + b"the last word\n")
    heard.close()
    assert sum(record.message == "the server says" for record in caplog.records) <= 100
    counted = [record.fields["lines"] for record in caplog.records if "were not logged" in record.message]  # type: ignore[attr-defined]
    assert sum(counted) >= 99_900
    assert heard.last_words().endswith("the last word")


async def test_a_line_of_a_child_bears_no_request_id(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []

    class Noting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() == "the server says":
                seen.append(request_id.get())

    handler = Noting()
    logging.getLogger("doorward").addHandler(handler)
    caplog.set_level(logging.INFO, "doorward")
    token = request_id.set("the request that started it")
    try:
        async with scripted("modern") as upstream:
            await ask(upstream, modern_tool("shout", lines=3))
            error = await fault_of(upstream, modern_tool("die"))
    finally:
        request_id.reset(token)
        logging.getLogger("doorward").removeHandler(handler)
    assert error.fault == "exited"
    assert len(seen) >= 3
    assert set(seen) == {""}


WRAPPED = """
    import asyncio, json, sys
    sys.path[:0] = {path!r}
    from doorward.upstreams.stdio.upstream import StdioUpstream
    from upstreams.recorder import ask
    from upstreams.stdio_upstreams import modern_tool, SCRIPT

    async def main():
        upstream = StdioUpstream(["sh", "-c", f"{{sys.executable}} {{SCRIPT}} modern; true"])
        await upstream.start()
        print((await ask(upstream, modern_tool("stubborn"))).json()["result"]["pid"], flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())
"""


def test_what_a_wrapped_command_has_started_dies_when_the_server_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "parent.py"
    path.write_text(textwrap.dedent(WRAPPED.format(path=sys.path)))
    with subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        grandchild = psutil.Process(int(parent.stdout.readline()))
        assert grandchild.ppid() != parent.pid
        watchers = [each for each in psutil.Process(parent.pid).children() if "-I" in each.cmdline()]
        os.kill(parent.pid, signal.SIGKILL)
        grandchild.wait(20)
        for watcher in watchers:
            watcher.wait(20)


async def test_what_ignores_its_end_is_killed_when_the_child_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorward.upstreams.stdio.child._TERM_GRACE_SECONDS", 0.05)
    async with scripted("modern") as upstream:
        error = await fault_of(upstream, modern_tool("stubborn_orphan"))
        assert "exit code 0" in error.detail
        await gone(int(error.evidence.split()[-1]))


async def test_stopping_leaves_no_watcher_behind() -> None:
    async with scripted("modern") as upstream:
        await ask(upstream, modern_tool("echo"))
        watcher = upstream._children._watcher
        assert watcher is not None
    assert watcher.returncode == 0
