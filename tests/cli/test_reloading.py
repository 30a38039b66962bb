"""A settings file that changes while the server runs: SIGHUP takes over its doors, and no other call is dropped."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest
from flows.processes import POLL_SECONDS, PYTHON, Program, free_port, started

PATIENCE_SECONDS = 60
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
ACCEPT = {"accept": "application/json, text/event-stream"}
APP = """
import asyncio, os

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await receive()
    if "NAME" == "slow":
        open(__file__ + ".asked", "w").close()
        while not os.path.exists(__file__ + ".go"):
            await asyncio.sleep(0.01)
    body = b'{"jsonrpc":"2.0","id":1,"result":{"name":"NAME"}}'
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})
"""


class Files:
    """The settings file, and the apps that it names."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = directory / "doorward.toml"

    def write(self, *names: str, text: str = "", log_level: str = "info") -> None:
        """Write a file with these doors, and `text` at its end."""
        lines = [
            'auth = "none"',
            f'log_level = "{log_level}"',
            f"data_dir = {json.dumps(str(self.directory / 'data'))}",
        ]
        for name in names:
            app = self.directory / f"{name}.py"
            app.write_text(APP.replace("NAME", name))
            lines += [f"[doors.{name}]", f"target = {json.dumps(f'{app}:app')}"]
        self.file.write_text("\n".join([*lines, text]))


@pytest.fixture(params=[1, 2], ids=["one process", "two workers"])
def running(request, tmp_path) -> Iterator[tuple[Program, Files, int]]:
    files, port = Files(tmp_path), free_port()
    files.write("slow", "old")
    arguments = [PYTHON, "-m", "doorward", "serve", "--config", files.file, "--port", str(port)]
    with started([*arguments, "--workers", str(request.param)], port=port) as program:
        logged(program, '"serving"', 2)
        try:
            yield program, files, request.param
        finally:
            # The server's look at its own doors waits here too, and stopping lets every call finish.
            (files.directory / "slow.py.go").touch()


def logged(program: Program, event: str, times: int) -> None:
    """Wait until an event is in the log so often."""
    until = time.monotonic() + PATIENCE_SECONDS
    while program.output().count(event) < times:
        assert time.monotonic() < until, program.output()
        assert program.process.poll() is None, program.output()
        time.sleep(POLL_SECONDS)


def hang_up(program: Program) -> None:
    os.kill(program.process.pid, signal.SIGHUP)


async def asked(http: httpx2.AsyncClient, program: Program, name: str) -> httpx2.Response:
    return await http.post(program.url(f"/{name}/mcp"), json=CALL, headers=ACCEPT)


async def test_doors_come_and_go_while_a_call_at_another_goes_on(running):
    program, files, processes = running
    async with httpx2.AsyncClient(timeout=PATIENCE_SECONDS) as http:
        call = asyncio.create_task(asked(http, program, "slow"))
        until = time.monotonic() + PATIENCE_SECONDS
        while not (files.directory / "slow.py.asked").exists():
            assert time.monotonic() < until, program.output()
            await asyncio.sleep(POLL_SECONDS)
        files.write("slow", "new")
        hang_up(program)
        await asyncio.to_thread(logged, program, '"reloaded"', processes)
        assert (await asked(http, program, "new")).json()["result"] == {"name": "new"}
        assert (await asked(http, program, "old")).status_code == 404
        assert not call.done()
        (files.directory / "slow.py.go").touch()
        assert (await call).json()["result"] == {"name": "slow"}


async def test_a_file_that_loads_but_cannot_start_is_forgotten_so_a_worker_can_be_replaced(running):
    program, files, processes = running
    files.write("slow", "old", "bad")
    (files.directory / "bad.py").write_text("raise RuntimeError('no disk')")
    hang_up(program)
    await asyncio.to_thread(logged, program, '"reload_refused"', 1)
    if processes > 1:
        (worker, *_) = workers(program)
        os.kill(worker, signal.SIGKILL)
        await asyncio.to_thread(logged, program, '"worker_ended"', 1)
    until = time.monotonic() + PATIENCE_SECONDS
    while len(workers(program)) < processes * (processes > 1):
        assert time.monotonic() < until, program.output()
        await asyncio.sleep(POLL_SECONDS)
    files.write("slow", "old", "new")
    hang_up(program)
    # Each process says so: the one that was started last serves as well.
    await asyncio.to_thread(logged, program, '"reloaded"', processes)
    assert program.output().count('"worker_ended"') == processes - 1
    async with httpx2.AsyncClient(timeout=PATIENCE_SECONDS) as http:
        assert (await asked(http, program, "new")).json()["result"] == {"name": "new"}


def workers(program: Program) -> list[int]:
    """Return the processes of the server's workers."""
    children = psutil.Process(program.process.pid).children()
    return [each.pid for each in children if any("spawn_main" in word for word in each.cmdline())]


async def test_a_file_with_a_fault_is_kept_out_and_the_log_says_why(running):
    program, files, processes = running
    files.write("slow", "new", text="pth = 1")
    hang_up(program)
    await asyncio.to_thread(logged, program, '"reload_refused"', 1)
    assert "there is no such setting" in program.output()
    assert '"needs_a_restart"' not in program.output()
    async with httpx2.AsyncClient(timeout=PATIENCE_SECONDS) as http:
        assert (await asked(http, program, "old")).json()["result"] == {"name": "old"}
        assert (await asked(http, program, "new")).status_code == 404
        files.write("slow", "old", "new", log_level="debug")
        hang_up(program)
        await asyncio.to_thread(logged, program, '"reloaded"', processes)
        assert '"event": "needs_a_restart", "settings": ["log_level"]' in program.output()
        assert (await asked(http, program, "new")).json()["result"] == {"name": "new"}
