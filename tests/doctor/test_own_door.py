"""A server that looks at its own door."""

from __future__ import annotations

from doctor.examining import URL

from doorward.doctor.engine.requests import Request, Response
from doorward.doctor.own_door import OwnDoor, examine_own
from testbed.good import ORIGIN, Open


async def test_a_door_that_examines_itself_ends_its_sessions_as_it_goes() -> None:
    class Counting(Open):
        most = 0

        def everything(self, request: Request) -> Response:
            response = super().everything(request)
            self.most = max(self.most, len(self.sessions))
            return response

    server = Counting()
    door = OwnDoor(URL, ORIGIN, Request("GET", f"{ORIGIN}/-/arrival"), {}, with_sign_in=False)
    await examine_own(door, server.send)
    assert server.most < server.opened
    assert server.sessions == set()
    assert server.opened <= 3  # behind a command each of them is a process, and people are waiting for theirs
