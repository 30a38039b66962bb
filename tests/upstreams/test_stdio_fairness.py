"""Users of one shared child that does one call after the other: none of them keeps the others out."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from upstreams.recorder import Pending, ask, call, caller, modern
from upstreams.stdio_upstreams import fault_of, modern_tool, scripted

from doorward.upstreams.stdio.modern import PLACES
from doorward.upstreams.stdio.upstream import StdioUpstream

MEGABYTE = 1024 * 1024


def of(request: Any, user_id: str) -> Any:
    request.caller, request.share = caller(user_id=user_id), user_id
    return request


class Gate:
    """A call that keeps the child busy until it is opened."""

    def __init__(self, upstream: StdioUpstream, path: Path, user_id: str) -> None:
        self._path = path / "gate"
        os.mkfifo(self._path)
        self.call = Pending(upstream, of(modern_tool("gate", "gate", pipe=str(self._path)), user_id))

    async def open(self) -> None:
        await asyncio.to_thread(self._path.write_text, "")
        await self.call.task


async def begun(*pending: Pending) -> None:
    """Wait until the calls have gone as far as they can."""
    for each in pending:
        await asyncio.wait(
            [each.task, asyncio.ensure_future(each.client.listening.wait())], return_when="FIRST_COMPLETED"
        )


async def test_many_calls_of_one_user_wait_in_the_door_and_the_next_user_comes_before_them(tmp_path: Path) -> None:
    async with scripted("modern") as upstream:
        await ask(upstream, of(modern_tool("echo"), "ann"))
        gate = Gate(upstream, tmp_path, "ann")
        flood = [Pending(upstream, of(modern_tool("echo", n), "ann")) for n in range(100)]
        bob = Pending(upstream, of(modern_tool("count"), "bob"))
        await begun(*flood, bob)
        await gate.open()
        await bob.task
        assert bob.answer.json()["result"]["before"] <= PLACES // 2 + 1
        await asyncio.gather(*(each.task for each in flood))
        assert {each.answer.status for each in flood} == {200}
        assert not upstream._children._held


@pytest.mark.parametrize("places", [PLACES, 4])
async def test_large_calls_of_one_user_leave_room_for_those_of_another(
    places: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("doorward.upstreams.stdio.modern.PLACES", places)
    async with scripted("modern", unread_limit_bytes=8 * MEGABYTE) as upstream:
        await ask(upstream, of(modern_tool("echo"), "ann"))
        gate = Gate(upstream, tmp_path, "ann")
        flood = [Pending(upstream, of(modern_tool("count", n, pad="x" * MEGABYTE), "ann")) for n in range(10)]
        await begun(*flood)
        refused = [each for each in flood if each.task.done() and each.task.exception()]
        assert 3 <= len(refused) <= 7
        bob = Pending(upstream, of(modern_tool("count", pad="x" * MEGABYTE), "bob"))
        await begun(bob)
        await gate.open()
        await bob.task
        assert bob.answer.status == 200
        await asyncio.gather(*(each.task for each in flood if each not in refused))
        # What was read no longer counts.
        for _ in range(8):
            assert (await ask(upstream, of(modern_tool("count", pad="x" * MEGABYTE), "ann"))).status == 200


async def test_calls_that_were_left_hold_their_places_while_the_child_may_work_on_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("doorward.upstreams.stdio.modern.PLACES", 4)
    monkeypatch.setattr("doorward.upstreams.stdio.member._HOLD_SECONDS", 3600)
    async with scripted("modern") as upstream:
        await ask(upstream, of(modern_tool("echo"), "ann"))
        gate = Gate(upstream, tmp_path, "ann")
        left = Pending(upstream, of(modern_tool("echo", 1), "ann"))
        await begun(left)
        await left.leave()
        more = Pending(upstream, of(modern_tool("echo", 2), "ann"))
        await begun(more)
        assert len(upstream._shared._waiting) == 1
        await gate.open()
        await more.task
        assert more.answer.status == 200


async def test_calls_that_were_left_and_stay_unanswered_give_their_places_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorward.upstreams.stdio.modern.PLACES", 2)
    monkeypatch.setattr("doorward.upstreams.stdio.member._HOLD_SECONDS", 0.01)
    async with scripted("modern") as upstream:
        left = Pending(upstream, of(modern_tool("never", 1, {"progressToken": 1}), "ann"))
        await left.answer.until(lambda a: a.body)
        await left.leave()
        assert (await ask(upstream, of(modern_tool("echo", 2), "ann"))).status == 200


@pytest.mark.parametrize("how", ["leave", "cancel", "task"])
async def test_a_waiting_call_that_its_client_gives_up_never_reaches_the_child(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("doorward.upstreams.stdio.modern.PLACES", 2)
    monkeypatch.setattr("doorward.upstreams.stdio.exchange.CANCEL_GRACE_SECONDS", 0.5)
    async with scripted("modern") as upstream:
        await ask(upstream, of(modern_tool("echo"), "ann"))
        gate = Gate(upstream, tmp_path, "ann")
        waiting = Pending(upstream, of(modern_tool("echo", 5), "ann"))
        await begun(gate.call, waiting)
        if how == "leave":
            await waiting.leave()
        elif how == "task":
            await waiting.close()
        else:
            note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}}
            assert (await ask(upstream, of(call(note, era="modern"), "ann"))).status == 202
        await gate.open()
        if how == "cancel":
            await waiting.task
            assert waiting.answer.message(5)["error"]["code"] == -32800
        assert (await ask(upstream, of(modern_tool("count"), "ann"))).json()["result"] == {"before": 2}
        assert not upstream._children._held
        assert not upstream._shared._waiting


async def test_calls_of_a_user_beyond_those_that_may_wait_are_refused_to_that_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("doorward.upstreams.stdio.modern.PLACES", 2)
    async with scripted("modern") as upstream:
        await ask(upstream, of(modern_tool("echo"), "ann"))
        gate = Gate(upstream, tmp_path, "ann")
        waiting = [Pending(upstream, of(modern_tool("echo", n), "ann")) for n in range(8)]
        await begun(*waiting)
        assert (await fault_of(upstream, of(modern_tool("echo"), "ann"))).fault == "overloaded"
        bob = Pending(upstream, of(modern_tool("echo"), "bob"))
        await begun(bob)
        await gate.open()
        await asyncio.gather(bob.task, *(each.task for each in waiting))
        assert bob.answer.status == 200


async def test_streams_of_one_user_leave_room_for_those_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorward.upstreams.stdio.modern._STREAMS", 4)
    async with scripted("modern") as upstream:

        def listen(user_id: str) -> Any:
            return of(modern("subscriptions/listen", {"notifications": {}}, rpc_id="s"), user_id)

        streams = [Pending(upstream, listen("ann")) for _ in range(2)]
        for each in streams:
            await each.answer.until(lambda a: a.body)
        assert (await fault_of(upstream, listen("ann"))).fault == "overloaded"
        streams.append(Pending(upstream, listen("bob")))
        await streams[-1].answer.until(lambda a: a.body)
        for each in streams:
            await each.leave()
        # They were left, and their places come back after a while.
        assert (await ask(upstream, of(modern_tool("echo"), "ann"))).status == 200
