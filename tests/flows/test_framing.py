"""Each framing of a request or an answer once, straight and through nginx, Caddy and HAProxy.

`python -m framing` does as many as one likes.
"""

from __future__ import annotations

import pytest
from framing.campaign import campaign
from framing.stage import STRAIGHT, WAYS

WEAK = """
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from doorward.cli import process
from doorward.door import asgi_servers, door

class Bare(HttpToolsProtocol):
    def __init__(self, config, server_state, app_state, **limits):
        super().__init__(config, server_state, app_state)

process.BoundedProtocol = Bare
door.closing = asgi_servers.closing = lambda send: send
from doorward.cli.main import main
main()
"""
"""A door whose connections are those of the web server, and which does not close them after an offer to switch."""


@pytest.mark.requirement("H-04")
@pytest.mark.timeout(300)
async def test_every_request_gets_its_own_answer_however_it_is_framed(tmp_path):
    found = await campaign(tmp_path)
    assert found.faults() == {}
    for way, counts in found.totals().items():
        assert counts["answered"] > 60, f"next to nothing got through on the way {way}: {counts}"
    assert set(found.totals()) == set(WAYS)


@pytest.mark.requirement("H-04")
@pytest.mark.timeout(300)
async def test_the_same_holds_in_front_of_an_application_in_the_same_process(tmp_path):
    found = await campaign(tmp_path, ways=(STRAIGHT, "nginxws", "haproxyre"), in_process=True)
    assert found.faults() == {}


@pytest.mark.requirement("H-04", weak=True)
@pytest.mark.timeout(300)
async def test_a_door_that_reads_a_body_as_a_request_is_noticed(tmp_path):
    ways = (STRAIGHT, "caddy")
    name = "upgrade, body later"
    found = await campaign(tmp_path, ways=ways, only=lambda each: each == f"request {name}", launcher=("-c", WEAK))
    for way in ways:
        faults = found.tallies[way, "request", name].faults
        assert any("behind the door" in each for each in faults), faults
