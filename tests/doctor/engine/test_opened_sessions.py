from __future__ import annotations

import asyncio
from typing import Any

import pytest
from doctor.examining import URL, signed_in

from doorward.doctor.engine.check import Picture, Steps
from doorward.doctor.engine.messages import initialize
from doorward.doctor.engine.requests import Request, Response
from doorward.doctor.engine.run import Stage, examine
from testbed.good import Good, LegacyOpen, LegacyWithSignIn, Open


def ended(server: Good) -> set[str]:
    return {each.headers.get("mcp-session-id", "") for each in server.requests if each.method == "DELETE"}


def opened(server: Good) -> set[str]:
    return {f"session-{number}" for number in range(1, server.opened + 1)}


@pytest.mark.parametrize("kind", [Open, LegacyOpen, Good, LegacyWithSignIn])
async def test_an_examination_ends_every_session_that_it_opens(kind: type[Good]) -> None:
    server = kind()
    report = await signed_in(server)
    assert not report.crashed
    assert server.opened > 0
    assert server.sessions == set()


async def test_what_a_check_opened_before_it_crashed_is_ended() -> None:
    def crashing(picture: Picture) -> Steps:
        yield initialize(picture)
        raise ValueError("a fault of the check")

    server = Open()
    report = await examine(Picture(URL), server.send, stages=[Stage("network", "crash", (crashing,))])
    assert len(report.crashed) == 1
    assert (server.opened, server.sessions) == (1, set())


async def test_an_initialize_that_is_under_way_when_the_time_runs_out_is_ended_too() -> None:
    out_of_time = asyncio.Event()

    class Slow(Open):
        async def send(self, request: Request) -> Response:
            if request.method == "POST":
                await out_of_time.wait()
            return await super().send(request)

    def patient(picture: Picture) -> Steps:
        try:
            yield initialize(picture)
        except GeneratorExit:
            out_of_time.set()
            raise
        return []

    server = Slow()
    report = await examine(Picture(URL), server.send, seconds=0.01, stages=[Stage("network", "slow", (patient,))])
    assert "time limit" in report.crashed[0]
    assert (server.opened, server.sessions) == (1, set())


async def test_a_session_is_ended_with_the_headers_that_opened_it() -> None:
    server = Open()

    def opening(picture: Picture) -> Steps:
        yield initialize(picture, headers={"authorization": "Bearer made-up", "origin": "https://app.example"})
        return []

    await examine(Picture(URL), server.send, stages=[Stage("network", "open", (opening,))])
    [end] = [each for each in server.requests if each.method == "DELETE"]
    assert end.headers["authorization"] == "Bearer made-up"
    assert end.headers["origin"] == "https://app.example"
    assert end.body == b""
    assert "content-type" not in end.headers


async def test_a_server_that_leaves_delete_unanswered_is_not_asked_after_every_check() -> None:
    class Hanging(Open):
        async def send(self, request: Request) -> Response:
            if request.method == "DELETE":
                self.requests.append(request)
                return Response(0, fault="timeout", sentence="No answer.")
            return await super().send(request)

    def opening(picture: Picture) -> Steps:
        yield initialize(picture)
        return []

    server: Any = Hanging()
    await examine(Picture(URL), server.send, stages=[Stage("network", "open", (opening,) * 4)])
    assert [each.method for each in server.requests] == ["POST", "DELETE", "POST", "POST", "POST", *["DELETE"] * 3]
    assert ended(server) == opened(server)
