from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from fastmcp import Context, FastMCP
from fastmcp.server.auth import require_scopes
from fastmcp.server.dependencies import get_access_token
from mcp.server.auth.middleware.auth_context import get_access_token as sdk_access_token
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from upstreams.recorder import INITIALIZE, INITIALIZED, Answer, Client, Pending, ask, call, caller, modern

import doorward.upstreams.asgi.upstream
from doorward.errors import StartError, UpstreamError
from doorward.upstreams.asgi.python_target import as_asgi
from doorward.upstreams.asgi.upstream import AsgiUpstream


@asynccontextmanager
async def serving(app: Any, **settings: Any) -> AsyncIterator[AsgiUpstream]:
    upstream = AsgiUpstream(app, **settings)
    await upstream.start()
    try:
        yield upstream
    finally:
        await upstream.stop()


def fastmcp_server() -> FastMCP:
    server = FastMCP("real")

    @server.tool
    def who() -> dict[str, Any]:
        known = get_access_token()
        assert known is not None
        return known.model_dump()

    @server.tool(auth=require_scopes("admin"))
    def restricted() -> str:
        return "done"

    @server.tool
    async def count(ctx: Context) -> int:
        await ctx.report_progress(1, 2)
        return 2

    return server


def sdk_server() -> MCPServer:
    server = MCPServer("sdk")

    @server.tool()
    def who() -> dict[str, Any]:
        known = sdk_access_token()
        assert known is not None
        return known.model_dump()

    return server


@pytest.mark.parametrize("make", [fastmcp_server, sdk_server])
@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_an_unmodified_server_knows_the_caller_but_never_the_credential(make: Any, era: str) -> None:
    app, _ = as_asgi(make(), "/mcp")
    who = caller()
    async with serving(app) as upstream:
        if era == "modern":
            answer = await ask(upstream, modern("tools/call", {"name": "who", "arguments": {}}, who=who))
        else:
            session = await open_session(upstream, who=who)
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "who", "arguments": {}}}
            answer = await ask(upstream, call(body, session=session, who=who))
    known = answer.message()["result"]["structuredContent"]
    known = known.get("result", known)
    assert known["token"] == "tok_1"
    assert (known["client_id"], known["subject"], known["scopes"]) == ("client-1", "ann", ["mcp", "files:read"])
    assert known["claims"] == {"iss": "https://mcp.example.com", "sub": "ann"}
    assert known["resource"] == "https://mcp.example.com/mcp"
    assert b"dwa_never" not in answer.body


async def open_session(upstream: AsgiUpstream, **rest: Any) -> str:
    opened = await ask(upstream, call(INITIALIZE, **rest))
    assert opened.status == 200
    session = opened.headers[b"mcp-session-id"].decode()
    noted = await ask(upstream, call(INITIALIZED, session=session, **rest))
    assert (noted.status, noted.body) == (202, b"")
    return session


async def test_per_tool_checks_see_the_callers_scopes() -> None:
    app, _ = as_asgi(fastmcp_server(), "/mcp")
    async with serving(app) as upstream:
        listed = {}
        for scopes in (("mcp",), ("mcp", "admin")):
            answer = await ask(upstream, modern("tools/list", who=caller(scopes=scopes)))
            listed[scopes] = {tool["name"] for tool in answer.message()["result"]["tools"]}
    assert "restricted" not in listed[("mcp",)]
    assert "restricted" in listed[("mcp", "admin")]


async def test_a_session_belongs_to_the_caller_who_opened_it() -> None:
    app, _ = as_asgi(sdk_server(), "/mcp")
    listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    async with serving(app) as upstream:
        session = await open_session(upstream, who=caller())
        assert (await ask(upstream, call(listing, session=session, who=caller(token_id="tok_2")))).status == 200
        assert (await ask(upstream, call(listing, session=session, who=caller(user_id="bob")))).status == 404
        assert (await ask(upstream, call(listing, session=session))).status == 404


async def test_the_standing_stream_ends_when_its_client_leaves() -> None:
    app, _ = as_asgi(fastmcp_server(), "/mcp")
    async with serving(app) as upstream:
        session = await open_session(upstream)
        stream = Pending(upstream, call(method="GET", session=session))
        await stream.answer.until(lambda a: a.status == 200)
        await stream.leave()
        assert (await ask(upstream, call(method="DELETE", session=session))).status == 200


async def test_nothing_of_the_outer_app_reaches_the_inner_one() -> None:
    seen: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        seen.append(scope)
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body"})

    extra = ((b"origin", b"https://claude.ai"), (b"x-forwarded-host", b"mcp.example.com"), (b"cookie", b"a=b"))
    async with serving(app, path="/inner") as upstream:
        await ask(upstream, call({"a": 1}, headers=extra, query_string=b"x=1"))
    scope = seen[-1]  # the first one is the question at the start
    assert (scope["path"], scope["raw_path"], scope["root_path"]) == ("/inner", b"/inner", "")
    assert scope["query_string"] == b"x=1"
    headers = dict(scope["headers"])
    assert headers[b"host"] == b"127.0.0.1:8000"
    assert headers[b"content-length"] == b"8"
    assert headers[b"x-forwarded-host"] == b"mcp.example.com"
    assert {b"authorization", b"origin", b"cookie"}.isdisjoint(headers)
    assert {"user", "auth", "state"}.isdisjoint(scope)


async def test_guards_against_dns_rebinding_accept_the_door() -> None:
    guarded = FastMCP("guarded").http_app(host_origin_protection=True)
    origin = ((b"origin", b"https://claude.ai"),)
    for app in (guarded, MCPServer("sdk").streamable_http_app()):
        async with serving(app) as upstream:
            assert (await ask(upstream, modern("server/discover", headers=origin))).status == 200


async def test_an_app_that_knows_only_its_public_name_is_addressed_by_it() -> None:
    app = MCPServer("sdk").streamable_http_app(
        transport_security=TransportSecuritySettings(allowed_hosts=["mcp.example.com"])
    )
    async with serving(app, public_host="mcp.example.com") as upstream:
        for _ in range(2):
            assert (await ask(upstream, modern("server/discover"))).status == 200


async def test_the_slash_an_app_redirects_to_is_found_by_concurrent_calls_and_remembered() -> None:
    app = FastMCP("slash").http_app(path="/mcp/")
    async with serving(app, path="/mcp") as upstream:
        answers = await asyncio.gather(*(ask(upstream, modern("server/discover")) for _ in range(5)))
        assert [answer.status for answer in answers] == [200] * 5
        assert upstream._path == "/mcp/"


@pytest.mark.parametrize(
    ("status", "headers", "fault"),
    [
        (307, [(b"location", b"https://elsewhere.example/other")], "not_mcp"),
        (307, [], "not_mcp"),
        (401, [(b"www-authenticate", b"Bearer")], "not_mcp"),
        (500, [(b"content-type", b"text/plain")], "exited"),
    ],
)
async def test_answers_that_would_mislead_the_client_stay_inside(status: int, headers: Any, fault: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"text"})

    answer = Answer()
    with pytest.raises(UpstreamError) as caught:
        await AsgiUpstream(app).handle(modern("server/discover"), Client().receive, answer.send)
    assert (caught.value.fault, answer.status) == (fault, 0)


class Boom(Exception):
    pass


async def crash_at_once(scope: Any, receive: Any, send: Any) -> None:
    raise Boom("secret detail")


async def crash_in_the_middle(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise Boom("secret detail")


crashing = FastAPI()


@crashing.post("/mcp")
async def crash_in_a_framework() -> None:
    raise Boom("secret detail")


@pytest.mark.parametrize(
    ("app", "fault"), [(crash_at_once, "exited"), (crash_in_the_middle, "reset"), (crashing, "exited")]
)
async def test_a_crash_in_the_users_code_is_logged_with_their_traceback(
    app: Any, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UpstreamError) as caught:
        await ask(AsgiUpstream(app), modern("server/discover"))
    assert caught.value.fault == fault
    assert "secret" not in caught.value.detail
    record = next(record for record in caplog.records if record.name.startswith("doorward"))
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert record.exc_info[2] is not None
    assert record.exc_info[2].tb_frame.f_code.co_filename != doorward.upstreams.asgi.upstream.__file__


@pytest.mark.parametrize("started", [False, True])
async def test_an_app_that_ends_without_ending_its_answer_is_a_fault(started: bool) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if started:
            await send({"type": "http.response.start", "status": 200, "headers": []})

    with pytest.raises(UpstreamError) as caught:
        await ask(AsgiUpstream(app), modern("server/discover"))
    assert caught.value.fault == ("reset" if started else "exited")


async def test_an_app_that_stops_because_its_client_left_is_no_fault() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    pending = Pending(AsgiUpstream(app), call({}))
    await pending.client.listening.wait()
    await pending.leave()


async def test_the_lifespan_runs_once_and_its_state_reaches_requests() -> None:
    told = []

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
        told.append("up")
        yield {"pool": "p1"}
        told.append("down")

    app = FastAPI(lifespan=lifespan)

    @app.post("/mcp")
    async def answer(request: Any = None) -> dict[str, str]:
        return {}

    seen = []

    async def spy(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope.get("state"))
        await app(scope, receive, send)

    async with serving(spy) as upstream:
        await upstream.start()
        await ask(upstream, call({}))
        assert told == ["up"]
    await upstream.stop()
    assert told == ["up", "down"]
    assert seen[1] == {"pool": "p1"}


async def test_a_failing_start_up_is_told_in_the_apps_own_words() -> None:
    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        raise Boom("the database is missing")
        yield

    upstream = AsgiUpstream(FastAPI(lifespan=lifespan))
    with pytest.raises(StartError) as caught:
        await upstream.start()
    assert "the database is missing" in str(caught.value)
    await upstream.stop()


async def test_an_app_that_failed_to_start_is_not_taken_for_one_that_runs() -> None:
    failures = ["no database", "still no database", None]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "lifespan"
        await receive()
        failure = failures.pop(0)
        if failure is not None:
            await send({"type": "lifespan.startup.failed", "message": failure})
            return
        scope["state"]["ready"] = True
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    upstream = AsgiUpstream(app)
    for expected in ("no database", "still no database"):
        with pytest.raises(StartError) as caught:
            await upstream.start()
        assert caught.value.problem.why == expected
    await upstream.start()
    assert not failures
    await upstream.stop()


async def test_an_app_that_was_stopped_is_started_anew() -> None:
    seen: list[str] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        seen.append("start")
        yield
        seen.append("stop")

    upstream = AsgiUpstream(FastAPI(lifespan=lifespan))
    for _ in range(2):
        await upstream.start()
        await upstream.stop()
    await upstream.stop()
    assert seen == ["start", "stop", "start", "stop"]


@pytest.mark.parametrize("answer", ["raise", "return"])
async def test_an_app_without_a_lifespan_is_served(answer: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if answer == "raise":
            assert scope["type"] == "http"
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body"})

    async with serving(app) as upstream:
        assert (await ask(upstream, call({}))).status == 202
