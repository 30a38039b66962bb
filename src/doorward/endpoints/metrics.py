"""`/metrics`: this process's counters since its start, in the Prometheus format.

Owns the text format, access to it, and the response counters outside of doors. Every label value is one of ours: paths,
clients or reasons that a client could invent would exhaust the collector's memory. A caller without access gets a 404.

Spec: Prometheus text format 0.0.4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from starlette.requests import Request
from starlette.responses import Response

from doorward.edge.frame import NO_STORE, not_found
from doorward.edge.mounting import local_path
from doorward.edge.router import Router
from doorward.upstreams.port import Message, Receive, Scope, Send

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FORWARDING = ("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "forwarded", "via")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with all its samples."""

    name: str
    kind: str
    help: str
    samples: Iterable[tuple[Labels, int]]


def render(families: Iterable[Family], common: Labels) -> str:
    """Return the page; every sample gets the `common` labels."""
    lines: list[str] = []
    for family in families:
        lines += (f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}")
        for labels, value in family.samples:
            shown = ",".join(f'{name}="{_escaped(text)}"' for name, text in {**labels, **common}.items())
            lines.append(f"{family.name}{{{shown}}} {value}" if shown else f"{family.name} {value}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def status_class(status: int) -> str:
    """Return `2xx` and so on; an empty string if there was no response."""
    return f"{status // 100}xx" if status else ""


class Answers:
    """Counts the responses of everything but doors, by endpoint and status."""

    def __init__(self) -> None:
        self.counted: Counter[tuple[str, str, str]] = Counter()

    async def count(self, router: Router, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the router serve one request, and count its response."""

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                method = scope["method"] if scope["method"] in _METHODS else "other"
                endpoint = router.entry(local_path(scope)) or "other"
                self.counted[endpoint, method, status_class(message["status"])] += 1
            await send(message)

        await router(scope, receive, counting)


class MetricsEndpoint:
    """Serves `/metrics` to peers with access."""

    def __init__(
        self,
        read: Callable[[], Iterable[Family]],
        *,
        common: Labels,
        trusts: Callable[[str], bool],
        allowed_hosts: tuple[str, ...] = (),
    ) -> None:
        self._read = read
        self._common = common
        self._trusts = trusts
        self._allowed_hosts = frozenset(host.lower() for host in allowed_hosts)

    async def __call__(self, request: Request) -> Response:
        """Return the page, or a 404."""
        if not self.admits(request):
            return not_found()
        return Response(render(self._read(), self._common), 200, {"content-type": CONTENT_TYPE, **NO_STORE})

    def admits(self, request: Request) -> bool:
        """Return whether the peer may see what goes on inside."""
        peer = "" if request.client is None else request.client.host
        # Behind a local proxy, every client has a loopback address. A proxy adds headers, or passes on the public host.
        comes_through_a_proxy = any(name in request.headers for name in _FORWARDING)
        return not comes_through_a_proxy and self._trusts(peer) and self._is_inside(request.headers.get("host", ""))

    def _is_inside(self, host: str) -> bool:
        # A public DNS name may belong to an attacker's page and point to this machine (DNS rebinding).
        name = host.lower()
        if name in self._allowed_hosts:
            return True
        name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
        try:
            ip_address(name)
        except ValueError:
            return "." not in name and name != ""
        return True
