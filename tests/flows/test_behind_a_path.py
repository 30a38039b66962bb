"""Installations below a path of one host: two behind a real nginx, and doors that applications mount.

The first installation gets its path passed on, the second gets it taken off. Real clients sign in through both.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from flows import foreign
from flows.door import PASSWORD, Door, serving
from flows.processes import PYTHON, ROOT, Program, free_port, started
from flows.python_client import visit
from flows.test_self_check import looked
from flows.user_agent import Person

EXAMPLE = ROOT / "examples" / "01_fastmcp.py"
NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr notice; {user}
events {{ worker_connections 512; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $remote_addr; proxy_buffering off;
  server {{
    listen 127.0.0.1:{port};
    {locations}
    location /.well-known/ {{ return 404; }}
    location / {{ return 200 "<h1>Another application</h1>"; default_type text/html; }}
  }}
}}
"""
SETTINGS = """
public_url = "http://127.0.0.1:{port}/{name}"
trusted_proxies = ["127.0.0.1"]
log_format = "json"
"""
PASSED_ON = "location /{name}/ {{ proxy_pass http://127.0.0.1:{door}; }}"
TAKEN_OFF = "location /{name}/ {{ proxy_pass http://127.0.0.1:{door}/; }}"
DOCUMENTS = "location ~ ^/\\.well-known/[a-z-]+/{name}(/|$) {{ proxy_pass http://127.0.0.1:{door}; }}"
BY_PATH = {"a": PASSED_ON + DOCUMENTS, "b": TAKEN_OFF + DOCUMENTS}


@dataclass(frozen=True)
class Host:
    """One host name with its installations."""

    nginx: Program
    doors: dict[str, Door]

    def url(self, name: str, path: str = "/mcp") -> str:
        return self.nginx.url(f"/{name}{path}")


@contextlib.contextmanager
def host(folder: Path, locations: dict[str, str]) -> Iterator[Host]:
    """Serve an installation for each path, and nginx in front of them."""
    port, ports = free_port(), {name: free_port() for name in locations}
    inside = " ".join(text.format(name=name, door=ports[name]) for name, text in locations.items())
    user = "user root;" if os.geteuid() == 0 else ""
    file = folder / "nginx.conf"
    file.write_text(NGINX.format(folder=folder, port=port, locations=inside, user=user))
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "nginx is needed here: install the package `nginx`, then run again."
    with contextlib.ExitStack() as stack:
        # First, so that each door finds itself when it looks at its public URL.
        nginx = stack.enter_context(started([program, "-p", folder, "-c", file], port=port, cwd=folder))
        doors = {}
        for name, number in ports.items():
            settings = folder / f"{name}.toml"
            settings.write_text(SETTINGS.format(port=port, name=name))
            door = serving(EXAMPLE, data_dir=folder / name, port=number, options=("--config", str(settings)))
            doors[name] = stack.enter_context(door)
        yield Host(nginx, doors)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with host(tmp_path_factory.mktemp("host"), BY_PATH) as running:
        yield running


def check(url: str, *words: str) -> dict[str, Any]:
    """Run `doorward check`; return its report."""
    done = subprocess.run(
        [PYTHON, "-m", "doorward", "check", url, "--json", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stderr
    return json.loads(done.stdout)


def stopping(report: dict[str, Any]) -> list[Any]:
    """Return the findings, without the note that the root of the host belongs to somebody else (for one old client)."""
    return [each for each in report["findings"] if (each["rule"], each["verdict"]) != ("CLI-08", "note")]


@pytest.mark.parametrize("name", BY_PATH)
async def test_the_official_client_signs_in_below_a_path(shared: Host, name: str):
    seen = await visit(shared.url(name), [("greet", {"name": "Ann"})], person=Person("owner", PASSWORD))
    assert "greet" in seen.tools
    assert "Ann" in str(seen.results[0])
    asked = [path for path, status in seen.answers if status == 200 and ".well-known" in path]
    assert asked == [
        f"/.well-known/oauth-protected-resource/{name}/mcp",
        f"/.well-known/oauth-authorization-server/{name}",
    ]
    assert all(path.startswith((f"/{name}/", "/.well-known/")) for path, _ in seen.answers)


@pytest.mark.parametrize("name", BY_PATH)
@pytest.mark.parametrize("script", ["client_v1", "client_v2"])
def test_the_typescript_clients_sign_in_below_a_path(shared: Host, name: str, script: str):
    flags = foreign.flags(tool="greet", arguments={"name": "Ann"}, auth="dcr")
    seen = foreign.typescript_client(script, shared.url(name), *flags, password=PASSWORD)
    assert seen["ok"], seen


@pytest.mark.parametrize("name", BY_PATH)
def test_the_doctor_finds_nothing_below_a_path(shared: Host, name: str):
    assert stopping(check(shared.url(name))) == []


@pytest.mark.parametrize("name", BY_PATH)
def test_a_door_below_a_path_finds_nothing_about_itself(shared: Host, name: str):
    assert '"finding"' not in looked(shared.doors[name])


@pytest.mark.parametrize("location", [PASSED_ON, TAKEN_OFF])
def test_a_door_names_the_documents_that_the_proxy_does_not_pass_on(tmp_path, location: str):
    with host(tmp_path, {"a": location}) as running:
        log = looked(running.doors["a"])
    findings = [json.loads(line) for line in log.splitlines() if '"finding"' in line]
    summaries = " ".join(each["summary"] for each in findings)
    for path in ("oauth-protected-resource/a/mcp", "oauth-authorization-server/a"):
        assert f"http://127.0.0.1:{running.nginx.port}/.well-known/{path}" in summaries


def test_each_installation_of_a_host_takes_its_own_tokens_only(shared: Host):
    tokens = {name: door.header_token() for name, door in shared.doors.items()}
    for name in BY_PATH:
        for issued_by, token in tokens.items():
            headers = {"authorization": f"Bearer {token}", "accept": "application/json, text/event-stream"}
            call = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
            status = httpx2.post(shared.url(name), json=call, headers=headers).status_code
            assert (status == 401) == (issued_by != name)


@pytest.fixture(scope="module", params=["05_starlette_path.py", "06_fastapi_path.py"])
def mounted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """An example under the server that people run it with."""
    port, folder = free_port(), tmp_path_factory.mktemp("mounted")
    module = request.param.removesuffix(".py")
    words = [PYTHON, "-m", "uvicorn", f"{module}:app", "--app-dir", ROOT / "examples", "--port", str(port)]
    env = {"PUBLIC_URL": f"http://127.0.0.1:{port}/api", "OWNER_PASSWORD": PASSWORD}
    with started(words, port=port, env=env, cwd=folder) as program:
        yield program


async def test_the_official_client_signs_in_at_a_mounted_door(mounted: Program):
    seen = await visit(mounted.url("/api/mcp"), [("note", {"text": "milk"})], person=Person("owner", PASSWORD))
    assert "milk" in str(seen.results[0])
    assert "does not serve" not in mounted.output()


def test_the_typescript_client_signs_in_at_a_mounted_door(mounted: Program):
    flags = foreign.flags(tool="note", arguments={"text": "milk"}, auth="dcr")
    seen = foreign.typescript_client("client_v2", mounted.url("/api/mcp"), *flags, password=PASSWORD)
    assert seen["ok"], seen


def test_the_doctor_finds_nothing_at_a_mounted_door(mounted: Program):
    assert stopping(check(mounted.url("/api/mcp"))) == []


def test_the_other_routes_of_the_application_go_on(mounted: Program):
    assert httpx2.get(mounted.url("/hello")).json() == {"hello": "world"}
