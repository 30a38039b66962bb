"""The process as its operator meets it: killed, restarted, stopped, doubled, and started wrongly."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import httpx2
import psutil
import pytest
from flows import foreign
from flows.door import PASSWORD, serving
from flows.processes import PYTHON, ROOT, free_port
from flows.python_client import REDIRECT_URI, Keyring, visit
from flows.user_agent import Person, fill, first_form
from world import CHALLENGE, VERIFIER

PERSON = Person(password=PASSWORD)
FASTMCP = foreign.SERVERS / "fastmcp_server.py"
LEGACY = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-11-25"}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}


@pytest.mark.requirement("A-08")
@pytest.mark.requirement("T-03")
async def test_clients_grants_and_refresh_tokens_survive_kill_9(tmp_path):
    keyring, data_dir, port = Keyring(), tmp_path / "data", free_port()
    with serving(FASTMCP, data_dir=data_dir, port=port) as door:
        await visit(door.url, person=PERSON, keyring=keyring)
        door.program.kill()
    client_id, refresh_token = keyring.client.client_id, keyring.tokens.refresh_token
    with serving(FASTMCP, data_dir=data_dir, port=port) as door:
        again = await visit(door.url, [("whoami", {})], person=PERSON, keyring=keyring)
        assert again.sign_ins == []
        assert again.results[0].structured_content["client_id"] == client_id
        form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": refresh_token}
        async with httpx2.AsyncClient() as http:
            refreshed = await http.post(door.program.url("/token"), data=form)
        assert refreshed.status_code == 200


@pytest.mark.parametrize("killed_at", ["sign_in", "consent", "code"])
async def test_a_half_done_sign_in_goes_on_after_kill_9(tmp_path, killed_at: str):
    data_dir, port = tmp_path / "data", free_port()
    options = {"data_dir": data_dir, "port": port}
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:

        async def press(page: httpx2.Response) -> httpx2.Response:
            form = first_form(page.text)
            return await http.post(form.action, data=fill(form, PERSON))

        async def arrive(answer: httpx2.Response) -> httpx2.Response:
            while answer.has_redirect_location and not answer.headers["location"].startswith(REDIRECT_URI):
                answer = await http.get(answer.headers["location"])
            return answer

        with contextlib.ExitStack() as life:
            door = life.enter_context(serving(FASTMCP, **options))

            def restart_if(moment: str) -> None:
                if moment == killed_at:
                    door.program.kill()
                    life.enter_context(serving(FASTMCP, **options))

            body = {"redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none"}
            client_id = (await http.post("/register", json=body)).json()["client_id"]
            query = {
                "response_type": "code",
                "client_id": client_id,
                "redirect_uri": REDIRECT_URI,
                "code_challenge": CHALLENGE,
                "code_challenge_method": "S256",
            }
            page = await arrive(await http.get("/authorize", params=query))
            restart_if("sign_in")
            page = await arrive(await press(page))
            restart_if("consent")
            answer = await press(page)
            code = httpx2.URL(answer.headers["location"]).params["code"]
            restart_if("code")
            form = {
                "grant_type": "authorization_code",
                "client_id": client_id,
                "code": code,
                "redirect_uri": REDIRECT_URI,
                "code_verifier": VERIFIER,
            }
            assert (await http.post("/token", data=form)).status_code == 200


async def test_a_session_lives_in_one_worker_and_is_reached_through_all(tmp_path):
    with serving(FASTMCP, data_dir=tmp_path / "data", auth="token", options=["--workers", "2"]) as door:
        headers = LEGACY | {"authorization": f"Bearer {door.header_token()}"}
        async with httpx2.AsyncClient(headers=headers) as http:
            opened = await http.post(door.url, json=INITIALIZE)
        session = headers | {"mcp-session-id": opened.headers["mcp-session-id"]}
        statuses = []
        for number in range(1, 31):
            async with httpx2.AsyncClient(headers=session) as http:  # a fresh connection, so any worker
                call = {"jsonrpc": "2.0", "id": number, "method": "tools/list", "params": {}}
                statuses.append((await http.post(door.url, json=call)).status_code)
        workers = psutil.Process(door.program.process.pid).children(recursive=False)
    assert statuses == [200] * 30
    assert len([child for child in workers if "spawn_main" in " ".join(_cmdline(child))]) in {0, 2}


def _cmdline(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


async def test_signing_in_works_whichever_worker_answers(tmp_path):
    with serving(FASTMCP, data_dir=tmp_path / "data", options=["--workers", "2"]) as door:
        for mode in ("auto", "legacy"):
            seen = await visit(door.url, [("whoami", {})], mode=mode, person=PERSON)
            assert seen.results[0].structured_content["subject"] == "owner"


async def test_a_worker_that_dies_is_replaced(tmp_path):
    with serving(FASTMCP, data_dir=tmp_path / "data", auth="token", options=["--workers", "2"]) as door:
        headers = {"authorization": f"Bearer {door.header_token()}"}
        await visit(door.url, headers=headers)
        children = psutil.Process(door.program.process.pid).children()
        victim = next(child for child in children if "spawn_main" in " ".join(_cmdline(child)))
        victim.kill()
        psutil.wait_procs([victim])
        await visit(door.url, [("echo", {"text": "x"})], headers=headers)


async def test_stopping_lets_a_call_finish_ends_streams_and_takes_the_children_along(tmp_path):
    command = foreign.SDK_SERVER_STDIO
    with serving(*command, data_dir=tmp_path / "data", auth="token") as door:
        headers = LEGACY | {"authorization": f"Bearer {door.header_token()}"}
        async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
            opened = await http.post(door.url, json=INITIALIZE)
            http.headers["mcp-session-id"] = opened.headers["mcp-session-id"]
            process = psutil.Process(door.program.process.pid)
            children = process.children(recursive=True)
            assert children
            async with http.stream("GET", door.url) as standing:
                assert standing.status_code == 200
                process.send_signal(signal.SIGTERM)
                ended = [line async for line in standing.aiter_lines()]
            assert all(line == "" or line.startswith(":") for line in ended)
        code = await asyncio.to_thread(door.program.process.wait, 20)
        assert code == 0
        _, alive = psutil.wait_procs(children, timeout=10)
        assert alive == []
        assert '"stopped"' in door.program.output()


async def test_children_end_with_a_server_that_is_killed(tmp_path):
    with serving(*foreign.SDK_SERVER_STDIO, data_dir=tmp_path / "data", auth="token") as door:
        headers = LEGACY | {"authorization": f"Bearer {door.header_token()}"}
        async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
            await http.post(door.url, json=INITIALIZE)
        children = psutil.Process(door.program.process.pid).children(recursive=True)
        assert children
        os.kill(door.program.process.pid, signal.SIGKILL)
        door.program.process.wait()
        _, alive = psutil.wait_procs(children, timeout=10)
        assert alive == []


@pytest.mark.requirement("X12")
async def test_nothing_secret_is_written_to_the_log_or_the_disk(tmp_path):
    data_dir = tmp_path / "data"
    keyring = Keyring()
    with serving(FASTMCP, data_dir=data_dir, options=["--log-level", "debug"]) as door:
        issued = door.header_token()
        seen = await visit(door.url, [("whoami", {})], person=PERSON, keyring=keyring)
        await visit(door.url, headers={"Authorization": f"Bearer {issued}"})
        code = seen.sign_ins[0].parameters["code"]
        log = door.program.output()
    written = log.encode() + b"".join(path.read_bytes() for path in data_dir.iterdir() if path.is_file())
    for secret in (issued, code, keyring.tokens.access_token, keyring.tokens.refresh_token, PASSWORD):
        assert secret.encode() not in written
    assert "request_id" in log


def run(*arguments: str | Path, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PYTHON, "-m", "doorward", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_busy_port_is_named_with_a_way_out(tmp_path):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        done = run("serve", FASTMCP, "--port", str(port), "--data-dir", tmp_path / "data")
    assert done.returncode == 3
    assert f"port {port} on 127.0.0.1 is already in use" in done.stderr
    assert f"--port {port + 1}" in done.stderr
    assert "Traceback" not in done.stderr


MISTAKES = {
    "no server in it": ("x = 1\n", "server"),
    "an import that fails": ("import does_not_exist\n", "does_not_exist"),
    "a syntax error": ("def broken(:\n", "SyntaxError"),
    "an error of its own": ("raise RuntimeError('my own fault')\n", "my own fault"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_the_users_file_is_told_in_the_users_terms(tmp_path, name: str):
    source, expected = MISTAKES[name]
    (tmp_path / "mine.py").write_text(source)
    done = run("serve", "mine.py", "--port", "0", "--data-dir", tmp_path / "data", cwd=tmp_path)
    assert done.returncode in {2, 3}
    assert expected in done.stderr
    assert "doorward/" not in done.stderr


def test_a_missing_file_a_missing_command_and_a_bad_target_are_told(tmp_path):
    for target in (["nowhere.py"], ["--", "no-such-command-anywhere"], ["what is this"]):
        done = run("serve", "--port", "0", "--data-dir", tmp_path / "data", *target)
        assert done.returncode in {2, 3}, done.stderr
        assert "Traceback" not in done.stderr
        assert done.stderr.count("\n") >= 1


def test_a_database_of_a_newer_version_is_left_alone(tmp_path):
    import sqlite3

    data_dir = tmp_path / "data"
    run("tokens", "create", "--name", "t", "--data-dir", data_dir)
    database = sqlite3.connect(data_dir / "doorward.sqlite")
    database.execute("PRAGMA user_version = 9999")
    database.commit()
    database.close()
    done = run("serve", FASTMCP, "--port", "0", "--data-dir", data_dir)
    assert done.returncode == 3
    assert "newer" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_upstream_that_is_down_is_named_and_nothing_breaks(tmp_path):
    with serving(f"http://127.0.0.1:{free_port()}/mcp", data_dir=tmp_path / "data", auth="token") as door:
        headers = LEGACY | {"authorization": f"Bearer {door.header_token()}"}
        answer = httpx2.post(door.url, json=INITIALIZE, headers=headers)
    assert answer.status_code == 502
    body = json.loads(answer.text)
    assert body["id"] == 0
    assert "cannot be reached" in body["error"]["message"]
