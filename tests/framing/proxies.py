"""nginx, Caddy and HAProxy in front of the door, each as its documentation shows it, with kept connections.

nginx twice: with the setting for kept connections, and with the one for WebSockets, which passes `Upgrade` on. HAProxy
twice: as it comes, and with `http-reuse always`. Every program is a process of its own in a directory of its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flows.processes import Program, free_port, started

PROGRAMS: Final = ("nginx", "caddy", "haproxy")

_NGINX: Final = """
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr notice; {user}
events {{ worker_connections 512; }}
http {{
  access_log off; client_max_body_size 100m;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  upstream door {{ server 127.0.0.1:{door}; keepalive 2; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://door; proxy_http_version 1.1; proxy_set_header Host $http_host; {more}
    }}
  }}
}}
"""
_KEPT: Final = 'proxy_set_header Connection "";'
_WEBSOCKET: Final = (
    "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; "
    "proxy_request_buffering off;"
)
_CADDY: Final = """
{{
  admin off
  auto_https off
}}
http://:{port} {{
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:{door}
}}
"""
_HAPROXY: Final = """
global
  nbthread 1
  maxconn 512
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  {more}
frontend people
  bind 127.0.0.1:{port}
  default_backend door
backend door
  server door 127.0.0.1:{door}
"""


class Missing(RuntimeError):
    """A proxy is not installed."""


@dataclass(frozen=True)
class Proxy:
    """One way of putting a proxy in front."""

    program: str
    file: str
    settings: str
    command: Callable[[str, Path], list[str]]
    more: str = ""


def _nginx(found: str, file: Path) -> list[str]:
    return [found, "-c", str(file), "-p", str(file.parent), "-e", "stderr"]


def _caddy(found: str, file: Path) -> list[str]:
    return [found, "run", "--config", str(file), "--adapter", "caddyfile"]


def _haproxy(found: str, file: Path) -> list[str]:
    return [found, "-db", "-f", str(file)]


PROXIES: Final[dict[str, Proxy]] = {
    "nginx": Proxy("nginx", "nginx.conf", _NGINX, _nginx, _KEPT),
    "nginxws": Proxy("nginx", "nginx.conf", _NGINX, _nginx, _WEBSOCKET),
    "caddy": Proxy("caddy", "Caddyfile", _CADDY, _caddy),
    "haproxy": Proxy("haproxy", "haproxy.cfg", _HAPROXY, _haproxy),
    "haproxyre": Proxy("haproxy", "haproxy.cfg", _HAPROXY, _haproxy, "http-reuse always"),
}


def path_of(program: str) -> str:
    """Return where a proxy is installed. Raises `Missing`."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise Missing(f"{program} is needed here: install the package `{program}`, then run again.")
    return found


@contextlib.contextmanager
def running(name: str, *, door: int, folder: Path) -> Iterator[Program]:
    """Run one of the proxies in front of this port until the block ends."""
    proxy = PROXIES[name]
    folder.mkdir()
    port, file = free_port(), folder / proxy.file
    user = "user root;" if os.geteuid() == 0 else ""
    file.write_text(proxy.settings.format(folder=folder, port=port, door=door, more=proxy.more, user=user))
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with started(proxy.command(path_of(proxy.program), file), port=port, env=home, cwd=folder) as program:
        yield program
