"""`Door` as a Python object: what it takes, where it can be mounted, and that importing it costs nothing."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import httpx2
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount
from world import CALL, PASSWORD, echo_app

from doorward import ConfigError, Door
from doorward.errors import Unavailable
from doorward.records.accounts import User
from doorward.storage.memory import MemoryStore


def test_every_setting_that_cannot_be_used_is_named_at_once():
    with pytest.raises(ConfigError) as caught:
        Door(echo_app, public_url="http://mcp.example.com", workers=0, scops=("a",))
    told = str(caught.value)
    for part in ("public_url", "https", "workers", "scops", "scopes"):
        assert part in told


def test_the_public_url_has_one_spelling(tmp_path):
    door = Door(echo_app, public_url="HTTPS://MCP.Example.com:443/mcp/", data_dir=tmp_path)
    assert door.policy.issuer == "https://mcp.example.com"
    assert door.policy.default_resource.uri == "https://mcp.example.com/mcp"


def test_making_a_door_touches_nothing(tmp_path):
    Door(echo_app, public_url="https://mcp.example.com", data_dir=tmp_path / "data")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("host", [Starlette, FastAPI])
@pytest.mark.parametrize("passes_lifespan", [True, False])
async def test_a_door_can_be_mounted_with_and_without_its_lifespan(tmp_path, host, passes_lifespan):
    door = Door(
        echo_app, public_url="https://mcp.example.com", auth="token", data_dir=tmp_path, owner_password=PASSWORD
    )
    if host is Starlette:
        app = Starlette(routes=[Mount("/", door)], lifespan=door.lifespan if passes_lifespan else None)
    else:
        app = FastAPI(lifespan=door.lifespan if passes_lifespan else None)
        app.mount("/", door)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="https://mcp.example.com") as http,
    ):
        assert (await http.get("/livez")).status_code == 200
        assert (await http.post("/mcp", json=CALL)).status_code == 401
        assert (await http.post("/mcp/", json=CALL)).status_code == 401
    await door.stop()


async def test_a_websocket_is_turned_away(tmp_path):
    sent = []

    async def send(message):
        sent.append(message)

    door = Door(echo_app, public_url="https://mcp.example.com", data_dir=tmp_path)
    await door({"type": "websocket", "path": "/mcp"}, None, send)
    assert sent[0]["type"] == "websocket.close"


async def test_the_wrapped_apps_lifespan_runs(tmp_path):
    events = []

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            events.append((await receive())["type"])
            await send({"type": "lifespan.startup.complete"})
            events.append((await receive())["type"])
            await send({"type": "lifespan.shutdown.complete"})

    door = Door(app, public_url="https://mcp.example.com", data_dir=tmp_path, owner_password=PASSWORD)
    async with door.lifespan():
        assert events == ["lifespan.startup"]
    assert events == ["lifespan.startup", "lifespan.shutdown"]


async def test_a_request_that_comes_after_the_stop_does_not_wake_the_door(tmp_path):
    door = Door(echo_app, public_url="https://mcp.example.com", data_dir=tmp_path, owner_password=PASSWORD)
    transport = httpx2.ASGITransport(door)
    async with httpx2.AsyncClient(transport=transport, base_url="https://mcp.example.com") as http:
        await door.start()
        assert (await http.get("/livez")).status_code == 200
        await door.stop()
        for answer in (await http.get("/livez"), await http.post("/mcp", json=CALL)):
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
        with pytest.raises(Unavailable):
            await door.store.get(User, "owner")
        await door.start()
        assert (await http.get("/livez")).status_code == 200
        await door.stop()


class Stubborn:
    """An upstream that cannot be stopped without a fault."""

    name = "stubborn"
    audience = None
    keeps_sessions_here = True

    async def start(self):
        pass

    async def stop(self):
        raise ValueError("a bug in the shutdown")

    async def era(self):
        return None

    async def handle(self, call, receive, send):
        raise AssertionError(call)


async def test_a_fault_in_the_shutdown_of_one_part_does_not_keep_the_rest_open(tmp_path):
    door = Door(public_url="https://mcp.example.com", upstream=Stubborn(), data_dir=tmp_path, owner_password=PASSWORD)
    await door.start()
    with pytest.raises(ValueError, match="a bug in the shutdown"):
        await door.stop()
    with pytest.raises(Unavailable):
        await door.store.get(User, "owner")


class Unpurgeable(MemoryStore):
    """A store with a bug in what nobody waits for."""

    def __init__(self):
        super().__init__()
        self.purged = asyncio.Event()

    async def purge(self, before):
        self.purged.set()
        raise ValueError("a bug in the purge")


async def test_a_bug_in_the_upkeep_is_logged_and_does_not_hinder_the_shutdown(tmp_path, caplog):
    door = Door(echo_app, public_url="https://mcp.example.com", data_dir=tmp_path, owner_password=PASSWORD)
    door.store = Unpurgeable()
    async with door.lifespan():
        await door.store.purged.wait()
    assert "a bug in the purge" in caplog.text
    with pytest.raises(Unavailable):
        await door.store.get(User, "owner")


def test_importing_doorward_loads_neither_the_server_nor_the_sdk():
    heavy = "'uvicorn', 'mcp', 'starlette', 'jinja2'"
    code = f"import sys, doorward.cli.main; print([name for name in ({heavy}) if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
