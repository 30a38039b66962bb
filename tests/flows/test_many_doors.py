"""One server, one file, three doors: an app in this process, a remote server and a command. Each has its own tokens."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from flows import foreign
from flows.door import PASSWORD, command
from flows.processes import POLL_SECONDS, PYTHON, Program, free_port, started
from flows.python_client import Keyring, visit
from flows.user_agent import Person

PERSON = Person(password=PASSWORD)
PATIENCE_SECONDS = 60
CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}
ACCEPT = {"accept": "application/json, text/event-stream"}
CALLS = {
    "here": ("add", {"a": 2, "b": 3}, "5"),
    "remote": ("add", {"a": 2, "b": 3}, "5"),
    "time": ("get_current_time", {"timezone": "UTC"}, "UTC"),
}


def settings(directory: Path, remote: str) -> Path:
    """Write a file with the three doors."""
    file = directory / "doorward.toml"
    file.write_text(
        f"""
data_dir = {json.dumps(str(directory / "data"))}

[doors.here]
target = {json.dumps(str(foreign.SERVERS / "fastmcp_server.py"))}

[doors.remote]
target = {json.dumps(remote)}

[doors.time]
target = {json.dumps(list(map(str, foreign.TIME_SERVER)))}
"""
    )
    return file


@pytest.fixture(scope="module", params=["1", "2"], ids=["one process", "two workers"])
def server(request, tmp_path_factory) -> Iterator[tuple[Program, Path]]:
    directory, port = tmp_path_factory.mktemp("doors"), free_port()
    with foreign.python_server("sdk_server") as remote:
        file = settings(directory, remote.url())
        arguments = [PYTHON, "-m", "doorward", "serve", "--config", str(file), "--port", str(port)]
        env = {"DOORWARD_OWNER_PASSWORD": PASSWORD}
        with started([*arguments, "--workers", request.param], port=port, env=env) as program:
            yield program, directory / "data"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_signs_in_and_calls_at_each_door(server, mode):
    program, _ = server
    for name, (tool, arguments, answer) in CALLS.items():
        seen = await visit(program.url(f"/{name}/mcp"), [(tool, arguments)], mode=mode, person=PERSON)
        assert len(seen.sign_ins) == 1, name
        assert answer in str(seen.results[0]), name


async def test_a_token_of_one_door_is_refused_at_another_with_the_challenge_of_that_one(server):
    program, _ = server
    keyring = Keyring()
    await visit(program.url("/here/mcp"), person=PERSON, keyring=keyring)
    assert keyring.tokens is not None
    bearer = {**ACCEPT, "authorization": f"Bearer {keyring.tokens.access_token}"}
    async with httpx2.AsyncClient() as http:
        assert (await http.post(program.url("/here/mcp"), json=CALL, headers=bearer)).status_code == 200
        for other in ("remote", "time"):
            refused = await http.post(program.url(f"/{other}/mcp"), json=CALL, headers=bearer)
            assert refused.status_code == 401
            document = program.url(f"/.well-known/oauth-protected-resource/{other}/mcp")
            assert f'resource_metadata="{document}"' in refused.headers["www-authenticate"]
            published = (await http.get(document)).json()
            assert published["resource"] == program.url(f"/{other}/mcp")


def test_each_door_has_looked_at_itself(server):
    program, data_dir = server
    wait_for_self_checks(program)
    found = command("doors", "list", data_dir=data_dir)
    assert {each["name"]: each["url"] for each in found} == {name: program.url(f"/{name}/mcp") for name in CALLS}
    assert [each["findings"] for each in found] == [[], [], []]


def wait_for_self_checks(program: Program) -> None:
    """Wait until every door has said what it found."""
    until = time.monotonic() + PATIENCE_SECONDS
    while program.output().count('"self_check"') < len(CALLS):
        assert time.monotonic() < until, program.output()
        assert program.process.poll() is None, program.output()
        time.sleep(POLL_SECONDS)


def test_the_counts_are_those_of_each_door(server):
    program, _ = server
    page = httpx2.get(program.url("/metrics")).text
    for name in CALLS:
        assert f'doorward_open_streams{{door="{name}"' in page
