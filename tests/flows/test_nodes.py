"""Two nodes that share nothing but one PostgreSQL database: every request of a flow goes to the other one in turn."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from flows import foreign
from flows.door import PASSWORD
from flows.processes import PYTHON, ROOT, Program, free_port, started
from flows.user_agent import Person, fill, first_form
from postgres_server import PASSWORD as DATABASE_PASSWORD
from postgres_server import PostgresServer, running_server
from world import CHALLENGE, VERIFIER

PERSON = Person(password=PASSWORD)
REDIRECT_URI = "http://127.0.0.1:33418/callback"
SERVER = foreign.SERVERS / "fastmcp_server.py"
MASTER_KEY = base64.b64encode(os.urandom(32)).decode()
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
LEGACY = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-11-25"}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with running_server() as server:
        yield server


@dataclass
class Nodes:
    """Several nodes of one installation, behind one public URL that no proxy serves here: requests choose a node."""

    programs: list[Program]
    public_url: str
    url: str
    turn: Iterator[int] = field(default_factory=itertools.count)

    def next(self) -> Program:
        """The node whose turn it is."""
        return self.programs[next(self.turn) % len(self.programs)]

    async def send(self, http: httpx2.AsyncClient, method: str, path: str, **options) -> httpx2.Response:
        """Send to the next node what a client would send to the public URL."""
        path = path.removeprefix(self.public_url)
        host = self.public_url.partition("://")[2]
        headers = {"host": host, "origin": self.public_url, **options.pop("headers", {})}
        return await http.request(method, self.next().url(path), headers=headers, **options)

    async def follow(self, http: httpx2.AsyncClient, answer: httpx2.Response) -> httpx2.Response:
        while answer.has_redirect_location and not answer.headers["location"].startswith(REDIRECT_URI):
            answer = await self.send(http, "GET", answer.headers["location"])
        return answer

    async def press(self, http: httpx2.AsyncClient, page: httpx2.Response) -> httpx2.Response:
        form = first_form(page.text)
        assert form is not None, page.text
        answer = await self.send(http, "POST", form.action, data=fill(form, PERSON))
        return await self.follow(http, answer)

    def command(self, *arguments: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PYTHON, "-m", "doorward", *arguments, "--data-dir", str(data_dir)],
            cwd=ROOT,
            env={**os.environ, "DOORWARD_DATABASE": self.url, "DOORWARD_MASTER_KEY": MASTER_KEY},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@contextlib.contextmanager
def nodes(postgres: PostgresServer, tmp_path: Path, *target: str | Path, auth: str = "oauth") -> Iterator[Nodes]:
    """Run two nodes with data directories of their own on one new database."""
    public_url = f"http://127.0.0.1:{free_port()}"
    url = postgres.url(postgres.new_database())
    environment = {
        "DOORWARD_DATABASE": url,
        "DOORWARD_MASTER_KEY": MASTER_KEY,
        "DOORWARD_OWNER_PASSWORD": PASSWORD,
    }
    with contextlib.ExitStack() as running:
        programs = []
        for name in ("a", "b"):
            port = free_port()
            settings = ["--port", str(port), "--data-dir", str(tmp_path / name), "--auth", auth]
            arguments = [PYTHON, "-m", "doorward", "serve", *settings, "--public-url", public_url, *map(str, target)]
            programs.append(running.enter_context(started(arguments, port=port, env=environment)))
        yield Nodes(programs, public_url, url)
        for program in programs:
            assert DATABASE_PASSWORD not in program.output()
            assert MASTER_KEY not in program.output()


async def register(both: Nodes, http: httpx2.AsyncClient) -> str:
    body = {"redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none"}
    answer = await both.send(http, "POST", "/register", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["client_id"]


async def sign_in(both: Nodes, http: httpx2.AsyncClient, client_id: str) -> str:
    """Go from `/authorize` over sign-in and consent to a code."""
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": REDIRECT_URI,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    answer = await both.follow(http, await both.send(http, "GET", "/authorize", params=query))
    while not answer.has_redirect_location:
        answer = await both.press(http, answer)
    return httpx2.URL(answer.headers["location"]).params["code"]


async def test_a_flow_whose_every_request_meets_another_node(postgres, tmp_path):
    with nodes(postgres, tmp_path, SERVER) as both:
        async with httpx2.AsyncClient(timeout=30) as http:
            for _ in range(3):
                client_id = await register(both, http)
                form = {
                    "grant_type": "authorization_code",
                    "client_id": client_id,
                    "code": await sign_in(both, http, client_id),
                    "redirect_uri": REDIRECT_URI,
                    "code_verifier": VERIFIER,
                }
                issued = await both.send(http, "POST", "/token", data=form)
                assert issued.status_code == 200, issued.text
                # The reply was lost, and the client asks again: the other node gives the same one.
                assert (await both.send(http, "POST", "/token", data=form)).json() == issued.json()
                tokens = issued.json()
                bearer = {"authorization": f"Bearer {tokens['access_token']}"}
                called = await both.send(http, "POST", "/mcp", json=INITIALIZE, headers=LEGACY | bearer)
                assert called.status_code == 200, called.text

                form = {
                    "grant_type": "refresh_token",
                    "client_id": client_id,
                    "refresh_token": tokens["refresh_token"],
                }
                refreshed = await both.send(http, "POST", "/token", data=form)
                assert refreshed.status_code == 200, refreshed.text
                assert (await both.send(http, "POST", "/token", data=form)).json() == refreshed.json()

                tokens = refreshed.json()
                bearer = {"authorization": f"Bearer {tokens['access_token']}"}
                for program in both.programs:
                    answer = await http.post(
                        program.url("/mcp"), json=INITIALIZE, headers=LEGACY | bearer | {"origin": both.public_url}
                    )
                    assert answer.status_code == 200, answer.text
                revoked = await both.send(
                    http, "POST", "/revoke", data={"client_id": client_id, "token": tokens["refresh_token"]}
                )
                assert revoked.status_code == 200
                for _ in both.programs:
                    answer = await both.send(http, "POST", "/mcp", json=INITIALIZE, headers=LEGACY | bearer)
                    assert answer.status_code == 401
                http.cookies.clear()


async def test_a_session_of_a_remote_server_is_reached_through_either_node(postgres, tmp_path):
    with (
        foreign.python_server("sdk_server") as upstream,
        nodes(postgres, tmp_path, upstream.url(), auth="token") as both,
    ):
        done = both.command("tokens", "create", "--name", "t", "--json", data_dir=tmp_path / "c")
        assert done.returncode == 0, done.stderr
        assert DATABASE_PASSWORD not in done.stdout + done.stderr
        headers = LEGACY | {"authorization": f"Bearer {json.loads(done.stdout)['token']}"}
        async with httpx2.AsyncClient(timeout=30) as http:
            opened = await both.send(http, "POST", "/mcp", json=INITIALIZE, headers=headers)
            headers["mcp-session-id"] = opened.headers["mcp-session-id"]
            for _ in range(6):
                assert (await both.send(http, "POST", "/mcp", json=CALL, headers=headers)).status_code == 200


def test_keys_are_one_ring_for_all_nodes_and_another_master_key_is_refused(postgres, tmp_path):
    with nodes(postgres, tmp_path, SERVER) as both:
        rings = [httpx2.get(program.url("/.well-known/jwks.json")).json() for program in both.programs]
        assert rings[0] == rings[1]
        made = json.loads(both.command("keys", "rotate", "--json", data_dir=tmp_path / "c").stdout)
        assert made["state"] == "next"
        for program in both.programs:
            known: list[str] = []
            while made["kid"] not in known:
                known = [key["kid"] for key in httpx2.get(program.url("/.well-known/jwks.json")).json()["keys"]]
            assert known[0] == rings[0]["keys"][0]["kid"]
        other = [PYTHON, "-m", "doorward", "serve", "--port", "0", "--data-dir", str(tmp_path / "d"), str(SERVER)]
        environment = {"DOORWARD_DATABASE": both.url, "DOORWARD_MASTER_KEY": base64.b64encode(b"x" * 32).decode()}
        done = subprocess.run(
            other, env={**os.environ, **environment}, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 3
        assert "another master key" in done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "a" / "keys.json").exists()


async def test_both_nodes_heal_after_the_database_was_killed(postgres, tmp_path):
    with nodes(postgres, tmp_path, SERVER) as both:
        async with httpx2.AsyncClient(timeout=30) as http:
            client_id = await register(both, http)
            postgres.kill()
            try:
                for program in both.programs:
                    answer = await http.post(program.url("/token"), data={"client_id": client_id, "grant_type": "x"})
                    assert answer.status_code in {400, 503}
                    answer = await http.get(program.url("/readyz"))
                    assert answer.status_code == 503
            finally:
                postgres.start()
            for program in both.programs:
                while (await http.get(program.url("/readyz"))).status_code != 200:
                    pass
            assert await sign_in(both, http, client_id)
