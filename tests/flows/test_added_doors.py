"""Doors added, changed and removed by command while a server runs: calls at another door notice nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from flows.processes import POLL_SECONDS, PYTHON, ROOT, Program, free_port, started

PATIENCE_SECONDS = 60
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
ACCEPT = {"accept": "application/json, text/event-stream"}
APP = """
import asyncio, os

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        open(__file__ + ".stopped", "w").close()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["method"] == "GET":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await receive()
        left = asyncio.ensure_future(receive())
        while not os.path.exists(__file__ + ".end") and not left.done():
            await send({"type": "http.response.body", "body": b"data: {}\\n\\n", "more_body": True})
            await asyncio.sleep(0.05)
        await send({"type": "http.response.body", "body": b"event: last\\ndata: {}\\n\\n"})
        return
    await receive()
    while os.path.exists(__file__ + ".wait"):
        open(__file__ + ".asked", "w").close()
        await asyncio.sleep(0.02)
    body = b'{"jsonrpc":"2.0","id":1,"result":{"name":"NAME"}}'
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})
"""


class Site:
    """A running server with one door in its file, and the commands beside it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = directory / "doorward.toml"
        self.program: Program
        self.file.write_text(
            f'auth = "none"\ndata_dir = {json.dumps(str(directory / "data"))}\ndrain_seconds = 30\n'
            f"[doors.first]\ntarget = {json.dumps(self.app('first'))}\n"
        )

    def app(self, name: str) -> str:
        file = self.directory / f"{name}.py"
        file.write_text(APP.replace("NAME", name))
        return f"{file}:app"

    def sign(self, name: str, suffix: str) -> Path:
        return self.directory / f"{name}.py.{suffix}"

    async def command(self, *arguments: str, code: int = 0) -> Any:
        """Run `doorward doors ...`; return its JSON, or what it complains of."""
        everything = [PYTHON, "-m", "doorward", "doors", *arguments, "--config", str(self.file)]
        done = await asyncio.to_thread(
            subprocess.run, [*everything, "--json"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == code, f"{done.stdout}{done.stderr}{self.program.output()}"
        return json.loads(done.stdout) if done.stdout else done.stderr

    async def ask(self, http: httpx2.AsyncClient, name: str) -> httpx2.Response:
        return await http.post(self.program.url(f"/{name}/mcp"), json=CALL, headers=ACCEPT)

    async def states(self) -> dict[str, tuple[str, str]]:
        return {each["name"]: (each["source"], each["state"]) for each in await self.command("list")}


@pytest.fixture(params=["1", "2"], ids=["one process", "two workers"])
def site(request, tmp_path) -> Iterator[Site]:
    made, port = Site(tmp_path), free_port()
    arguments = [PYTHON, "-m", "doorward", "serve", "--config", made.file, "--port", str(port)]
    with started([*arguments, "--workers", request.param], port=port) as program:
        made.program = program
        yield made


@contextlib.asynccontextmanager
async def stream(site: Site, http: httpx2.AsyncClient, name: str) -> AsyncIterator[AsyncIterator[str]]:
    """Open a stream of a door, and wait for its first event."""
    async with http.stream("GET", site.program.url(f"/{name}/mcp"), headers={"accept": "text/event-stream"}) as answer:
        assert answer.status_code == 200
        lines = answer.aiter_lines()
        assert (await anext(lines)).startswith("data:")
        yield lines


async def appears(file: Path) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not file.exists():
        assert time.monotonic() < until, file
        await asyncio.sleep(POLL_SECONDS)


async def test_a_stream_goes_on_while_other_doors_are_added_changed_and_removed(site):
    async with httpx2.AsyncClient(timeout=PATIENCE_SECONDS) as http, stream(site, http, "first") as lines:
        added = await site.command("add", "time", site.app("one"), "--auth", "none")
        assert (added["state"], added["source"], added["url"]) == ("served", "command", site.program.url("/time/mcp"))
        # Each worker has it, whichever answers.
        for _ in range(4):
            async with httpx2.AsyncClient(timeout=PATIENCE_SECONDS) as other:
                assert (await site.ask(other, "time")).json()["result"] == {"name": "one"}
        assert await site.states() == {"first": ("file", "served"), "time": ("command", "served")}

        assert (await site.command("update", "time", site.app("two")))["state"] == "served"
        assert (await site.ask(http, "time")).json()["result"] == {"name": "two"}
        await appears(site.sign("one", "stopped"))

        await site.command("remove", "time")
        assert (await site.ask(http, "time")).status_code == 404
        await appears(site.sign("two", "stopped"))
        assert await site.states() == {"first": ("file", "served")}
        site.sign("first", "end").touch()
        assert "event: last" in [line async for line in lines]


async def test_calls_at_a_door_that_is_removed_end_by_themselves_and_its_streams_at_once(site):
    await site.command("add", "time", site.app("time"), "--auth", "none")
    site.sign("time", "wait").touch()
    async with httpx2.AsyncClient(timeout=PATIENCE_SECONDS) as http, stream(site, http, "time") as lines:
        call = asyncio.create_task(site.ask(http, "time"))
        await appears(site.sign("time", "asked"))
        await site.command("remove", "time")
        assert (await site.ask(http, "time")).status_code == 404
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert [line async for line in lines]
        assert (await site.states())["time"] == ("command", "draining")
        assert not call.done()
        site.sign("time", "wait").unlink()
        assert (await call).json()["result"] == {"name": "time"}
        await appears(site.sign("time", "stopped"))


async def test_a_door_that_cannot_start_says_why_and_keeps_nobody_from_being_served(site):
    broken = site.directory / "broken.py"
    broken.write_text("raise RuntimeError('no database here')")
    told = await site.command("add", "bad", f"{broken}:app", "--auth", "none", code=1)
    assert told["state"] == "failed"
    assert "no database here" in told["reason"]
    await site.command("add", "good", site.app("good"), "--auth", "none")
    async with httpx2.AsyncClient(timeout=PATIENCE_SECONDS) as http:
        assert (await site.ask(http, "good")).json()["result"] == {"name": "good"}
        assert (await site.ask(http, "bad")).status_code == 404
    # A process that starts now has it too, without the door that cannot start.
    port = free_port()
    arguments = [PYTHON, "-m", "doorward", "serve", "--config", site.file, "--port", str(port)]
    with started(arguments, port=port) as second:
        async with httpx2.AsyncClient(timeout=PATIENCE_SECONDS) as http:
            answer = await http.post(second.url("/good/mcp"), json=CALL, headers=ACCEPT)
            assert answer.json()["result"] == {"name": "good"}


async def test_the_file_wins_over_a_door_of_the_same_name(site):
    assert "the settings have a door" in await site.command("add", "first", site.app("other"), code=2)
    assert "is the path of the door first" in await site.command(
        "add", "other", site.app("other"), "--path", "/first/mcp", code=2
    )
    assert "was not added by command" in await site.command("remove", "first", code=2)
