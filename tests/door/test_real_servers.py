"""Both eras through the door to real servers: what the server says is what the client gets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import fastmcp
import pytest
from door.fronts import Answer, Front, legacy, modern, modern_headers
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.mcpserver import MCPServer

from doorward.upstreams.asgi.upstream import AsgiUpstream

LEGACY = {"mcp-protocol-version": "2025-11-25"}
INITIALIZE = legacy(
    "initialize",
    0,
    protocolVersion="2025-11-25",
    capabilities={},
    clientInfo={"name": "client", "version": "1"},
)


def whoami() -> str:
    """Name the caller as the server sees it."""
    access_token = get_access_token()
    return "nobody" if access_token is None else f"{access_token.subject} by {access_token.client_id}"


def fast_mcp():
    server = fastmcp.FastMCP("fast")
    server.tool(whoami)
    return server.http_app(path="/mcp")


def mcp_sdk():
    server = MCPServer("sdk")
    server.tool()(whoami)
    return server.streamable_http_app()


class Tapped:
    """An upstream whose own words are kept."""

    def __init__(self, app) -> None:
        self.upstream = AsgiUpstream(app, path="/mcp")
        self.name = self.upstream.name
        self.keeps_sessions_here = self.upstream.keeps_sessions_here
        self.said = b""

    async def handle(self, call, receive, send) -> None:
        self.said = b""

        async def tap(message) -> None:
            self.said += message.get("body", b"")
            await send(message)

        await self.upstream.handle(call, receive, tap)


@pytest.fixture(params=[fast_mcp, mcp_sdk], ids=["fastmcp", "mcp"])
async def real(request) -> AsyncIterator[Front]:
    tapped = Tapped(request.param())
    front = Front(tapped, door={"worker_id": "w1"})
    await front.store.open()
    await tapped.upstream.start()
    yield front
    await tapped.upstream.stop()


@pytest.fixture
async def token(real: Front) -> str:
    return await real.access_token()


def result(answer: Answer):
    """Read the one response out of JSON or an event stream."""
    if answer.one("content-type").startswith("application/json"):
        return answer.json
    data = [
        line[5:].strip() for line in answer.body.decode().splitlines() if line.startswith("data:") and line[5:].strip()
    ]
    return json.loads(data[-1])


async def test_a_modern_client_discovers_lists_and_calls(real, token):
    for method, params, name in [
        ("server/discover", {}, None),
        ("tools/list", {}, None),
        ("tools/call", {"name": "whoami", "arguments": {}}, "whoami"),
    ]:
        headers = modern_headers(method, **{"mcp-name": name})
        answer = await real.ask(modern(method, "r1", **params), token=token, headers=headers)
        assert answer.status == 200
        assert answer.body == real.upstream.said
        assert result(answer)["id"] == "r1"
        assert result(answer)["result"]["resultType"] == "complete"
        assert answer.one("mcp-session-id") is None
    assert result(answer)["result"]["content"][0]["text"] == "ann by client-1"


@pytest.mark.parametrize(
    ("method", "status", "code"), [("no/such", 404, -32601), ("ping", 404, -32601), ("initialize", 404, -32601)]
)
async def test_a_modern_verdict_of_the_server_passes_so_that_clients_can_fall_back(real, token, method, status, code):
    answer = await real.ask(modern(method), token=token, headers=modern_headers(method))
    assert (answer.status, answer.code) == (status, code)
    assert answer.body == real.upstream.said


async def test_a_legacy_client_shakes_hands_calls_and_leaves(real, token):
    answer = await real.ask(INITIALIZE, token=token)
    assert answer.status == 200
    assert answer.body == real.upstream.said
    assert result(answer)["result"]["protocolVersion"] == "2025-11-25"
    headers = {**LEGACY, "mcp-session-id": answer.one("mcp-session-id")}
    initialized = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    answer = await real.ask(initialized, token=token, headers=headers)
    assert (answer.status, answer.body, answer.one("content-type")) == (202, b"", None)
    answer = await real.ask(legacy(), token=token, headers=headers)
    assert [tool["name"] for tool in result(answer)["result"]["tools"]] == ["whoami"]
    answer = await real.ask(legacy("tools/call", 9, name="whoami", arguments={}), token=token, headers=headers)
    assert answer.body == real.upstream.said
    assert result(answer)["result"]["content"][0]["text"] == "ann by client-1"
    assert answer.one("mcp-session-id") == headers["mcp-session-id"]
    assert (await real.ask(method="DELETE", token=token, headers=headers)).status == 200
    assert (await real.ask(legacy(), token=token, headers=headers)).status == 404


async def test_a_legacy_session_serves_its_own_user_only(real, token):
    session = (await real.ask(INITIALIZE, token=token)).one("mcp-session-id")
    bob = await real.access_token(user_id="bob")
    answer = await real.ask(legacy(), token=bob, headers={**LEGACY, "mcp-session-id": session})
    assert answer.status == 404
    refreshed = await real.access_token()
    answer = await real.ask(legacy(), token=refreshed, headers={**LEGACY, "mcp-session-id": session})
    assert answer.status == 200


async def test_initialize_with_a_version_from_the_future_is_negotiated_by_the_server(real, token):
    body = {**INITIALIZE, "params": {**INITIALIZE["params"], "protocolVersion": "2099-01-01"}}
    answer = await real.ask(body, token=token)
    assert answer.status == 200
    assert result(answer)["result"]["protocolVersion"] == "2025-11-25"


async def test_a_modern_body_without_its_header_is_explained_and_opens_no_session(real, token):
    answer = await real.ask(modern(), token=token)
    assert (answer.status, answer.code, answer.json["id"]) == (400, -32020, 1)
    assert answer.one("mcp-session-id") is None


@pytest.mark.parametrize("accept", ["application/json", "*/*", None])
async def test_clients_that_the_servers_themselves_would_turn_away_are_served(real, token, accept):
    assert (await real.ask(INITIALIZE, token=token, headers={"accept": accept})).status == 200
    answer = await real.ask(modern(), token=token, headers={**modern_headers(), "accept": accept})
    assert answer.status == 200
