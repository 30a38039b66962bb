"""What is opened together: a door of the settings that cannot be is an error, an added one is left out."""

from __future__ import annotations

import json

import pytest
from one_door import one_door

from doorward.config.load import load
from doorward.errors import StartError
from doorward.opening import open_doors, stop_all
from doorward.records.doors import AddedDoor

APP = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    open(__file__ + ".stopped", "w").close()
    await send({"type": "lifespan.shutdown.complete"})
"""
BROKEN = """
async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no disk"})
"""


def app(directory, name: str, body: str = APP) -> str:
    file = directory / f"{name}.py"
    file.write_text(body)
    return f"{file}:app"


def added(name: str, target: str) -> AddedDoor:
    return AddedDoor(name=name, settings=json.dumps({"target": target}).encode(), added_at=1, change=1)


async def test_an_added_door_that_cannot_be_opened_is_left_out_with_the_reason(tmp_path):
    own = one_door(target=None, data_dir=tmp_path)
    (tmp_path / "doorward.toml").write_text(f"target = {json.dumps(app(tmp_path, 'own'))}")
    own = load({}, {}, tmp_path).config
    targets = {"good": app(tmp_path, "good"), "bad": app(tmp_path, "bad", BROKEN), "raises": app(tmp_path, "x", "1/0")}
    records = [added(name, target) for name, target in targets.items()]
    opened = await open_doors(own, records, {}, running=False)
    assert [each.name for each in opened.config.doors] == ["mcp", "good"]
    assert len(opened.upstreams) == len(opened.started) == 2
    assert "no disk" in str(opened.kept_out["bad"])
    assert "division by zero" in str(opened.kept_out["raises"])
    standing = {door.name: (door, each) for door, each in zip(opened.config.doors, opened.upstreams, strict=True)}
    again = await open_doors(own, records[:1], standing, running=True)
    assert (again.upstreams, again.started) == (opened.upstreams, ())
    await stop_all(opened.upstreams)


async def test_a_door_of_the_settings_that_cannot_be_opened_ends_what_was_started_with_it(tmp_path):
    (tmp_path / "doorward.toml").write_text(
        f"[doors.good]\ntarget = {json.dumps(app(tmp_path, 'good'))}\n"
        f"[doors.bad]\ntarget = {json.dumps(app(tmp_path, 'bad', BROKEN))}\n"
    )
    with pytest.raises(StartError, match=r"^door bad: "):
        await open_doors(load({}, {}, tmp_path).config, [added("new", app(tmp_path, "new"))], {}, running=False)
    assert (tmp_path / "good.py.stopped").exists()
    assert (tmp_path / "new.py.stopped").exists()
