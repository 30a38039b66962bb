from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import psutil
import pytest
import uvloop
from upstreams.recorder import INITIALIZE, Pending, ask, call, modern
from upstreams.stdio_upstreams import SCRIPT, fault_of, modern_tool, open_session, running, scripted, tool

from doorward.config.model import CommandTarget, DoorSettings
from doorward.errors import StartError, UpstreamError
from doorward.upstreams.configured import upstream_for
from doorward.upstreams.stdio.upstream import StdioUpstream


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


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_a_child_that_is_being_started_when_the_upstream_stops_is_ended(era: str) -> None:
    async with scripted(era) as upstream:
        others = set(psutil.Process().children())
        pending = Pending(upstream, call(INITIALIZE) if era == "legacy" else modern_tool("never"))
        while not (started := set(psutil.Process().children()) - others):
            await asyncio.sleep(0)
        await upstream.stop()
        for child in started:
            assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
        with pytest.raises(UpstreamError, match=r"shutting down|ended|exit"):
            await pending.task


async def test_the_limits_of_a_command_are_settings() -> None:
    limits = {"stdio_sessions_limit": 1, "stdio_session_idle_seconds": 60, "stdio_unread_limit_bytes": 2**20}
    target = CommandTarget((sys.executable, SCRIPT, "legacy"))
    upstream = upstream_for(DoorSettings(name="mcp", target=target, **limits), public_host="")
    assert isinstance(upstream, StdioUpstream)
    await upstream.start()
    try:
        first = await open_session(upstream)
        await open_session(upstream)
        assert (await ask(upstream, call(tool("echo"), session=first))).status == 404
        assert [each._idle_seconds for each in upstream._sessions.values()] == [60]
        assert upstream._children._unread_limit_bytes == 2**20
    finally:
        await upstream.stop()
