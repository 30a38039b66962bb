"""A host application that mounts a door: what it is told at start, and what a request is told."""

from __future__ import annotations

import logging
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from world import PASSWORD, echo_app

from doorward import Door

ORIGIN = "https://host.example"


def a_door(tmp_path, public_url: str = f"{ORIGIN}/api", **settings: Any) -> Door:
    return Door(echo_app, public_url=public_url, data_dir=tmp_path / "data", owner_password=PASSWORD, **settings)


def warnings(caplog) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name == "doorward" and each.levelno >= logging.WARNING]


async def started(app: Any) -> None:
    async with app.router.lifespan_context(app):
        pass


@pytest.mark.parametrize("kind", [Starlette, FastAPI])
async def test_a_host_that_serves_the_documents_at_its_root_is_told_nothing(tmp_path, caplog, kind):
    door = a_door(tmp_path)
    app = kind(routes=door.well_known_routes(), lifespan=door.lifespan)
    app.mount("/api", door)
    await started(app)
    assert warnings(caplog) == []


@pytest.mark.parametrize("kind", [Starlette, FastAPI])
async def test_each_document_that_a_host_does_not_serve_is_named_at_start(tmp_path, caplog, kind):
    door = a_door(tmp_path)
    app = kind(lifespan=door.lifespan)
    app.mount("/api", door)
    await started(app)
    told = warnings(caplog)
    for path in ("oauth-protected-resource/api/mcp", "oauth-authorization-server/api", "openid-configuration/api"):
        [line] = [each for each in told if f"{ORIGIN}/.well-known/{path}\n" in each]
        assert "door.well_known_routes()" in line


async def test_a_page_for_every_path_is_not_mistaken_for_the_documents(tmp_path, caplog):
    door = a_door(tmp_path)

    async def page(request: Any) -> HTMLResponse:
        return HTMLResponse("<!doctype html>")

    taken = [Route("/{path:path}", page)]
    await started(Starlette(routes=[*taken, *door.well_known_routes(), Mount("/api", door)], lifespan=door.lifespan))
    assert len(warnings(caplog)) == 3
    caplog.clear()
    await started(Starlette(routes=[*door.well_known_routes(), Mount("/api", door), *taken], lifespan=door.lifespan))
    assert warnings(caplog) == []


async def test_a_host_that_fails_on_the_question_starts_all_the_same(tmp_path, caplog):
    door = a_door(tmp_path)

    async def fails(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("not ready")

    async with door.lifespan(fails):
        assert len(warnings(caplog)) == 3


async def test_a_door_at_the_root_behind_a_page_for_every_path_says_so(tmp_path, caplog):
    door = a_door(tmp_path, public_url=ORIGIN)

    async def page(request: Any) -> HTMLResponse:
        return HTMLResponse("<!doctype html>")

    taken = Route("/{path:path}", page)
    await started(Starlette(routes=[taken, Mount("/", door)], lifespan=door.lifespan))
    assert len(warnings(caplog)) == 3
    assert all("Mount the door at / before any route that takes every path" in each for each in warnings(caplog))
    caplog.clear()
    await started(Starlette(routes=[Route("/hello", page), Mount("/", door), taken], lifespan=door.lifespan))
    assert warnings(caplog) == []


@pytest.mark.parametrize("settings", [{"self_check": False}, {"auth": "token"}])
async def test_without_a_self_check_or_a_sign_in_nothing_is_asked(tmp_path, settings):
    asked: list[Any] = []

    async def host(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope)

    async with a_door(tmp_path, **settings).lifespan(host):
        assert asked == []


def test_a_door_at_the_root_needs_no_routes_of_its_host(tmp_path):
    assert a_door(tmp_path, public_url=ORIGIN).well_known_routes() == []


async def test_a_door_without_a_lifespan_serves_and_says_what_to_write(tmp_path, caplog):
    door = a_door(tmp_path)
    app = Starlette(routes=[*door.well_known_routes(), Mount("/api", door)])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=ORIGIN) as http:
        for _ in range(2):
            assert (await http.post("/api/mcp", json={})).status_code == 401
    await door.stop()
    [line] = warnings(caplog)
    assert "lifespan=door.lifespan" in line


async def test_a_door_that_is_mounted_elsewhere_than_its_public_url_says_refuses(tmp_path, caplog):
    door = a_door(tmp_path, public_url=ORIGIN)
    app = FastAPI(lifespan=door.lifespan)
    app.mount("/api", door)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=ORIGIN) as http,
    ):
        for path in ("/api/mcp", "/api/token", "/api/.well-known/oauth-protected-resource/mcp"):
            answer = await http.post(path, json={})
            assert answer.status_code == 421
            assert "mounted at /api, but its public URL is https://host.example" in answer.json()["error_description"]
        assert (await http.get("/api/livez")).status_code == 200
    assert len([each for each in warnings(caplog) if "is mounted at /api" in each]) == 1
