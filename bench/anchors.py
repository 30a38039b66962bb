"""The proxies that Doorward is compared with, and the fast Go servers behind them: settings, commands, what to install.

nginx runs three times: with `proxy_pass` alone, with `auth_request` as its manual sets it up, and the same with kept
connections to the gate. Caddy runs with `forward_auth`. A gate in Go answers the authorization subrequest at once. Only
the proxy's own CPU time counts.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from framing.proxies import Missing, path_of

SOURCE = Path(__file__).with_name("fast_server.go")
TOKEN = "a-token-of-the-benchmark"
"""The bearer token that the gate accepts."""
UPSTREAM, GATE = "go_upstream", "go_gate"
PLAIN, CHECKED, CHECKED_KEPT, CADDY = "nginx_plain", "nginx_checked", "nginx_checked_kept", "caddy_checked"
ANCHORS = (PLAIN, CHECKED, CHECKED_KEPT, CADDY)
INSTALL = {
    "go": "Go from https://go.dev/dl or the package golang-go",
    "nginx": "nginx, for example with apt-get install nginx",
    "caddy": "Caddy, for example with apt-get install caddy",
}
PROGRAMS = {UPSTREAM: "go", GATE: "go", PLAIN: "nginx", CHECKED: "nginx", CHECKED_KEPT: "nginx", CADDY: "caddy"}
"""The program that each of these servers needs."""
NEEDS = {PLAIN: [UPSTREAM]} | {name: [UPSTREAM, GATE] for name in (CHECKED, CHECKED_KEPT, CADDY)}

_NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr error;
{user}
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 100000000;
  keepalive_timeout 600s;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  upstream app {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}
{gate}
  server {{
    listen 127.0.0.1:{port};
{locations}
  }}
}}
"""
_GATE = "  upstream gate {{ server 127.0.0.1:{gate};{kept} }}"
_KEPT = " keepalive 64; keepalive_requests 100000000;"
_PLAIN = "    location / { proxy_pass http://app; }"
_CHECKED = """\
    location / {{ auth_request /check; proxy_pass http://app; }}
    location = /check {{
      internal;
      proxy_pass http://gate;
      proxy_pass_request_body off;
      proxy_set_header Connection "{connection}";
      proxy_set_header Content-Length "";
    }}"""
_CADDY = """\
{{
  admin off
  auto_https off
  log {{
    level ERROR
  }}
}}
http://:{port} {{
  bind 127.0.0.1
  forward_auth 127.0.0.1:{gate} {{
    uri /check
  }}
  reverse_proxy 127.0.0.1:{upstream}
}}
"""


def nginx_settings(server: str, folder: Path, port: int, ports: Mapping[str, int]) -> str:
    """Return the configuration of one of the nginx servers.

    Connections to clients and to the upstream are kept. Those to the gate are kept only where the name says so: the
    settings that nginx documents for `auth_request` open one for each subrequest.
    """
    checked, kept = server != PLAIN, server == CHECKED_KEPT
    return _NGINX.format(
        folder=folder,
        port=port,
        upstream=ports[UPSTREAM],
        user="user root;" if os.geteuid() == 0 else "",
        gate=_GATE.format(gate=ports[GATE], kept=_KEPT if kept else "") if checked else "",
        locations=_CHECKED.format(connection="" if kept else "close") if checked else _PLAIN,
    )


def caddy_settings(port: int, ports: Mapping[str, int]) -> str:
    """Return the Caddyfile."""
    return _CADDY.format(port=port, upstream=ports[UPSTREAM], gate=ports[GATE])


def command(server: str, port: int, folder: Path, ports: Mapping[str, int]) -> list[str]:
    """Write the settings of a server into its folder, and return the command that runs it."""
    if server == UPSTREAM:
        return [str(built()), "upstream", str(port)]
    if server == GATE:
        return [str(built()), "gate", str(port), TOKEN]
    if server == CADDY:
        file = folder / "Caddyfile"
        file.write_text(caddy_settings(port, ports))
        home = [f"{name}={folder}" for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")]
        return ["env", *home, path_of("caddy"), "run", "--config", str(file), "--adapter", "caddyfile"]
    file = folder / "nginx.conf"
    file.write_text(nginx_settings(server, folder, port, ports))
    return [path_of("nginx"), "-c", str(file), "-p", str(folder), "-e", "stderr"]


def missing(servers: Iterable[str]) -> dict[str, str]:
    """Return the programs that these servers need and this machine lacks, each with what to install."""
    found = {}
    for program in dict.fromkeys(PROGRAMS[server] for server in servers if server in PROGRAMS):
        try:
            path = path_of(program)
        except Missing:
            found[program] = INSTALL[program]
            continue
        if program == "nginx" and not has_auth_request(_printed([path, "-V"])):
            found[program] = "an nginx with the module http_auth_request, as the package nginx has it"
    return found


def has_auth_request(build: str) -> bool:
    """Return whether nginx has the `auth_request` module, from the output of `nginx -V`."""
    return "--with-http_auth_request_module" in build.split()


def versions(programs: Iterable[str]) -> list[str]:
    """Return one line for each of the programs that is installed, with its version."""
    words = {"go": ["version"], "nginx": ["-v"], "caddy": ["version"]}
    return [f"{name}: {version_in(_printed([path_of(name), *words[name]]))}" for name in programs]


def version_in(printed: str) -> str:
    """Return the version number in what a program prints about itself, or all of it."""
    found = re.search(r"\d+(\.\d+)+", printed)
    return found[0] if found else printed


def built() -> Path:
    """Build the Go servers once for each source and compiler, and return the program."""
    go = path_of("go")
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "doorward-bench"
    digest = hashlib.sha256(SOURCE.read_bytes() + _printed([go, "version"]).encode()).hexdigest()
    program = folder / f"fast-server-{digest[:16]}"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f"{program.name}.{os.getpid()}"
        env = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
        subprocess.run([go, "build", "-o", str(fresh), str(SOURCE)], check=True, env=env, cwd=folder)
        shutil.move(fresh, program)
    return program


def _printed(words: list[str]) -> str:
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.strip()
