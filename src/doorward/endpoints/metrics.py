"""`/metrics`: what this process has counted since its start, as Prometheus reads it.

Owns the text format, who may read it, and the counts of the answers outside the door. Every label is a word of ours: a
path, a client or a reason that a stranger could make up would fill the memory of the collector. A caller that may not
read it gets a 404.

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
    """Return the page; `common` labels are on every sample."""
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
    """Return `2xx` and so on; an empty text where there was no answer."""
    return f"{status // 100}xx" if status else ""


class Answers:
    """Counts the answers of what is not a door, by endpoint and status."""

    def __init__(self) -> None:
        self.counted: Counter[tuple[str, str, str]] = Counter()

    async def count(self, router: Router, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the router serve one request, and count its answer."""

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                method = scope["method"] if scope["method"] in _METHODS else "other"
                endpoint = router.entry(local_path(scope)) or "other"
                self.counted[endpoint, method, status_class(message["status"])] += 1
            await send(message)

        await router(scope, receive, counting)


class MetricsEndpoint:
    """Serves `/metrics` to peers that may read it."""

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
        """Answer the page, or that there is none."""
        peer = "" if request.client is None else request.client.host
        # A proxy on this machine makes the whole world a neighbour; it says so, or passes on the public name.
        comes_through_a_proxy = any(name in request.headers for name in _FORWARDING)
        if comes_through_a_proxy or not self._trusts(peer) or not self._is_inside(request.headers.get("host", "")):
            return not_found()
        return Response(render(self._read(), self._common), 200, {"content-type": CONTENT_TYPE, **NO_STORE})

    def _is_inside(self, host: str) -> bool:
        # A name in the public DNS may be a page of a stranger that was pointed at this machine (DNS rebinding).
        name = host.lower()
        if name in self._allowed_hosts:
            return True
        name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
        try:
            ip_address(name)
        except ValueError:
            return "." not in name and name != ""
        return True
