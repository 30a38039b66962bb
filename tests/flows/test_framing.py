"""Each framing of a request or an answer once, straight and through nginx, Caddy and HAProxy.

`python -m framing` does as many as one likes.
"""

from __future__ import annotations

from framing.campaign import campaign
from framing.stage import STRAIGHT

WEAK = """
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from doorward.cli import run_server

class Bare(HttpToolsProtocol):
    def __init__(self, *arguments, head_seconds=0.0, **more):
        super().__init__(*arguments, **more)

run_server.BoundedProtocol = Bare
from doorward.cli.main import main
main()
"""
"""A door whose connections are those of the web server, without what this one adds."""


async def test_a_door_that_reads_a_body_as_a_request_is_noticed(tmp_path):
    ways = (STRAIGHT, "caddy")
    name = "upgrade, body later"
    found = await campaign(tmp_path, ways=ways, only=lambda each: each == f"request {name}", launcher=("-c", WEAK))
    for way in ways:
        faults = found.tallies[way, "request", name].faults
        assert any("behind the door" in each for each in faults), faults
