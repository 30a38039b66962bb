"""An app with nothing at the door's path: what is said at the start, and what a client gets."""

import logging

import pytest
from upstreams.asgi.test_upstream import serving
from upstreams.recorder import ask, call

from doorward.errors import StartError, UpstreamError
from doorward.upstreams.asgi.upstream import AsgiUpstream

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


def answering(status, content_type, body, paths=("/mcp",)):
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            raise RuntimeError("no lifespan")
        is_here = scope["path"] in paths
        headers = [(b"content-type", content_type)] if content_type else []
        await send({"type": "http.response.start", "status": status if is_here else 404, "headers": headers})
        await send({"type": "http.response.body", "body": body[:4], "more_body": True})
        await send({"type": "http.response.body", "body": body[4:]})

    return app


async def test_text_of_a_4xx_becomes_an_error_that_clients_can_read_as_that_of_a_url_does():
    async with serving(answering(404, b"text/plain", b"Not Found")) as upstream:
        answer = await ask(upstream, call(LIST))
    assert answer.status == 404
    assert answer.json()["error"]["message"] == "The MCP server answered 404: Not Found"
    assert answer.json()["id"] == 1


@pytest.mark.parametrize(
    ("status", "content_type"), [(200, b"text/html"), (404, b"text/html; charset=utf-8"), (200, b"text/plain")]
)
async def test_an_answer_that_no_mcp_client_can_use_is_named(status, content_type):
    async with serving(answering(status, content_type, b"<h1>Shop</h1>")) as upstream:
        with pytest.raises(UpstreamError) as failed:
            await ask(upstream, call(LIST))
    assert failed.value.fault == "not_mcp"


@pytest.mark.parametrize(("path", "warns"), [("/v1/mcp", True), ("/mcp", False)])
async def test_an_app_with_nothing_at_the_path_is_named_at_the_start(caplog, path, warns):
    with caplog.at_level(logging.INFO, "doorward"):
        async with serving(answering(405, b"text/plain", b"Method Not Allowed", (path,))) as upstream:
            assert (upstream.problem is not None) == warns
    told = [record for record in caplog.records if "Nothing answers at /mcp" in record.getMessage()]
    assert len(told) == warns
    if warns:
        assert told[0].fields["asked"] == "OPTIONS /mcp"
        assert "`path`" in told[0].fields["fix"]


async def test_a_start_up_that_fails_is_not_called_an_app_without_one(caplog):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})
        raise RuntimeError("no database")

    with caplog.at_level(logging.DEBUG, "doorward"), pytest.raises(StartError, match="no database"):
        await AsgiUpstream(app).start()
    assert "the app has no lifespan" not in [record.getMessage() for record in caplog.records]
