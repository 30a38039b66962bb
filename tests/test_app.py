"""`Door` as a Python object: what it takes, where it can be mounted, and that importing it costs nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys

import httpx2
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount
from world import CALL, PASSWORD, echo_app

from doorward import ConfigError, Door, StartError
from doorward.administration import tokens
from doorward.administration.operation import Administration, run
from doorward.config.load import load_here
from doorward.config.model import Config
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


def many_doors(tmp_path, **targets: str) -> Config:
    """Return the settings of a file with one door for each target."""
    (tmp_path / "doorward.toml").write_text(
        "".join(f"[doors.{name}]\ntarget = {json.dumps(target)}\n" for name, target in targets.items())
    )
    given = {"config": str(tmp_path / "doorward.toml"), "data_dir": str(tmp_path / "data"), "owner_password": PASSWORD}
    return load_here(given).config


def app_file(tmp_path, name: str, body: str) -> str:
    """Write a Python target that answers every POST with its name, and return its path."""
    file = tmp_path / f"{name}.py"
    file.write_text(body)
    return f"{file}:app"


HEALTHY = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        open(__file__ + ".stopped", "w").close()
        return
    await receive()
    body = b'{"jsonrpc":"2.0","id":1,"result":{"name":"NAME"}}'
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})
"""
BROKEN = """
async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no disk"})
"""


async def test_each_door_leads_to_its_own_server_and_ends_with_it(tmp_path):
    targets = {name: app_file(tmp_path, name, HEALTHY.replace("NAME", name)) for name in ("one", "two")}
    door = Door(config=many_doors(tmp_path, **targets))
    async with door.lifespan():
        here = Administration.of(door.running.installation)
        transport = httpx2.ASGITransport(door)
        async with httpx2.AsyncClient(transport=transport, base_url=door.policy.issuer) as http:
            for name in targets:
                made = await run(tokens.CREATE, here, tokens.CreateToken(name=name, scopes=("mcp",), door=name))
                headers = {"accept": "application/json, text/event-stream", "authorization": f"Bearer {made.token}"}
                for path in (f"/{name}/mcp", f"/{name}/mcp/"):
                    answer = await http.post(path, json=CALL, headers=headers)
                    assert answer.json()["result"] == {"name": name}
            assert (await http.post("/mcp", json=CALL, headers=headers)).status_code == 404
            assert (await http.post("/three/mcp", json=CALL, headers=headers)).status_code == 404
    assert all((tmp_path / f"{name}.py.stopped").exists() for name in targets)


def test_a_server_that_cannot_be_imported_names_its_door(tmp_path):
    good, bad = app_file(tmp_path, "good", HEALTHY), app_file(tmp_path, "bad", "import no_such_module_anywhere")
    with pytest.raises(StartError, match=r"^door bad: "):
        Door(config=many_doors(tmp_path, good=good, bad=bad))


async def test_a_server_that_cannot_start_names_its_door_and_the_others_are_ended(tmp_path):
    good, bad = app_file(tmp_path, "good", HEALTHY), app_file(tmp_path, "bad", BROKEN)
    door = Door(config=many_doors(tmp_path, good=good, bad=bad))
    with pytest.raises(StartError, match=r"^door bad: "):
        await door.start()
    assert (tmp_path / "good.py.stopped").exists()
    with pytest.raises(Unavailable):
        await door.store.get(User, "")


async def test_a_door_that_stays_as_it_is_is_not_touched_by_a_reload(tmp_path):
    one, two = (app_file(tmp_path, name, HEALTHY) for name in ("one", "two"))
    door = Door(config=many_doors(tmp_path, one=one, two=two))
    async with door.lifespan():
        before, began_at = door.running.doors, door.running.shared.started_at
        await door.reload(many_doors(tmp_path, one=one, three=two))
        after = door.running.doors
        assert list(after) == ["one", "three"]
        assert after["one"] is before["one"]
        assert not (tmp_path / "one.py.stopped").exists()
        assert (tmp_path / "two.py.stopped").exists()
        assert set(door.policy.resources) == {f"{door.policy.issuer}/{name}/mcp" for name in after}
        assert door.running.shared.started_at == began_at
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(door), base_url=door.policy.issuer) as http:
            statuses = [(await http.post(f"/{name}/mcp", json=CALL)).status_code for name in ("one", "two", "three")]
            assert statuses == [401, 404, 401]
            document = "/.well-known/oauth-protected-resource/{}/mcp"
            statuses = [(await http.get(document.format(name))).status_code for name in ("one", "two", "three")]
            assert statuses == [200, 404, 200]


async def test_a_reload_that_cannot_open_a_door_changes_nothing(tmp_path):
    one, bad = app_file(tmp_path, "one", HEALTHY), app_file(tmp_path, "bad", BROKEN)
    door = Door(config=many_doors(tmp_path, one=one))
    async with door.lifespan():
        before = door.running
        with pytest.raises(StartError, match=r"^door bad: "):
            await door.reload(many_doors(tmp_path, bad=bad, two=one))
        assert door.running is before
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(door), base_url=door.policy.issuer) as http:
            assert (await http.post("/one/mcp", json=CALL)).status_code == 401


def test_a_server_for_one_of_several_doors_is_a_fault(tmp_path):
    settings = many_doors(tmp_path, one="https://one.example/mcp", two="https://two.example/mcp")
    with pytest.raises(ConfigError, match="a server is given, but the settings have several doors"):
        Door(echo_app, config=settings)


@pytest.mark.parametrize("passes_lifespan", [True, False])
@pytest.mark.parametrize("password", [None, "correct horse battery"])
async def test_a_host_is_told_how_its_owner_gets_a_password_and_never_the_password(
    tmp_path, caplog, passes_lifespan, password
):
    for expected in (password is None, False):  # at the second start somebody may have set one
        caplog.clear()
        door = Door(echo_app, data_dir=tmp_path, owner_password=password)
        async with contextlib.AsyncExitStack() as stack:
            if passes_lifespan:
                await stack.enter_async_context(door.lifespan())
            else:
                stack.push_async_callback(door.stop)
            transport = httpx2.ASGITransport(door)
            async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
                await http.get("/livez")
            generated = door.owner.generated_password
        assert (f"doorward users password owner --data-dir {tmp_path}" in caplog.text) is expected
        assert (generated is not None) is expected
        assert generated is None or generated not in caplog.text
