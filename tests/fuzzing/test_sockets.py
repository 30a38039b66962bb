"""Some thousand raw requests at the port of a door, and as many raw answers from the server behind it."""

from __future__ import annotations

import pytest
import uvloop
from flows.test_framing import WEAK

from fuzz import hostile_answers, sockets

CASES = 2000
FEW = 600


@pytest.mark.requirement("H-04")
@pytest.mark.timeout(300)
def test_nothing_that_a_client_sends_is_answered_but_the_requests_that_are_there():
    found = uvloop.run(sockets.campaign(CASES))
    assert found["kept"] == []
    assert found["taken"] > CASES / 5, "next to nothing was understood: the requests have gone stale"


@pytest.mark.requirement("H-04")
@pytest.mark.timeout(300)
def test_nothing_that_the_server_behind_a_door_sends_reaches_another_user():
    found = uvloop.run(hostile_answers.campaign(CASES))
    assert found["kept"] == []
    assert found["taken"] > CASES / 5, "next to nothing was understood: the answers have gone stale"


@pytest.mark.timeout(300)
def test_a_door_with_the_connections_of_the_web_server_alone_is_found():
    assert uvloop.run(sockets.campaign(FEW, launcher=("-c", WEAK)))["finds"]
