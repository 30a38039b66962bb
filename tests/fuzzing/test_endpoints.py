"""Some hundred drawn requests to every endpoint, and the same at a door that has the fault which this once found."""

from __future__ import annotations

import pytest
from postgres_server import running_server
from starlette.requests import Request
from world import world

from doorward.edge import frame as responses
from fuzz.endpoints import Asked, ask, campaign

CASES = 600


@pytest.mark.requirement("T-10")
async def test_no_request_ends_in_a_fault_of_ours():
    found = await campaign(CASES)
    assert found["kept"] == []
    assert found["taken"] > CASES / 20, "next to nothing was understood: the requests have gone stale"


@pytest.mark.requirement("T-10")
async def test_no_request_ends_in_a_fault_of_ours_on_postgres():
    """What SQLite keeps, another database may refuse: text with a NUL in it, or a key of any length."""
    with running_server() as server:
        found = await campaign(CASES, seed=1, database=server.url(server.new_database()))
    assert found["kept"] == []


@pytest.mark.requirement("T-10", weak=True)
async def test_an_endpoint_that_stumbles_over_a_query_is_caught(monkeypatch):
    whole = responses._answer

    def answer(error, request: Request, render_error):
        assert request.url.path
        return whole(error, request, render_error)

    monkeypatch.setattr(responses, "_answer", answer)
    assert (await campaign(CASES))["finds"]


@pytest.mark.parametrize("path", ["/token", "/register", "/authorize", "/revoke"])
async def test_a_query_that_is_no_text_is_the_sender_s_fault(tmp_path, path):
    asked = Asked("GET" if path == "/authorize" else "POST", path, b"a=\xff\xfe", ((b"host", b"mcp.example.com"),), b"")
    async with world(tmp_path) as w:
        assert 400 <= await ask(w.door, asked) < 500
