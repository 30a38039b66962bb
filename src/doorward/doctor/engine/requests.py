"""The requests that a check can yield, and the response that it gets.

A check does not know network, clock or browser; the runner does. Everything is answered by a `Response`, so that checks
need no exceptions or other shapes.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from doorward import strict_json


@dataclass(frozen=True, slots=True)
class Request:
    """A request that a check wants sent."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    until: bytes | None = None
    """Stop reading at these bytes of the body; empty: after the head. For responses that never end."""
    wait_seconds: float = 0.0
    """Wait this long before sending."""
    limit_seconds: float | None = None
    """Time limit for the response, if not the usual one."""
    connection: str = ""
    """Requests with the same name share one kept connection; without a name, each has its own."""


@dataclass(frozen=True, slots=True)
class Connect(Request):
    """Open a connection and send nothing. The response has no status; without a fault, the connection opened."""

    family: str = ""
    """`IPv4` or `IPv6`; empty: the first address of the name."""
    tls: str = ""
    """`TLSv1.2` or `TLSv1.3`, and no other; empty: what both sides prefer."""
    named: bool = True
    """Whether the TLS handshake names the server."""
    trusted: bool = True
    """Whether the certificate must be valid; if not, its chain can still be examined."""


@dataclass(frozen=True, slots=True)
class Lookup(Request):
    """Ask a resolver for the host of the URL. The response has no status; without a fault, it has all addresses."""

    resolver: str = ""
    """Its IP address, or that and `#PORT`."""


@dataclass(frozen=True, slots=True)
class Together:
    """Requests to send concurrently; the responses are the `parts` of the response, in order."""

    requests: tuple[Request, ...]


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in page for a person. The response is the redirect to `redirect_uri`, or a fault."""

    url: str
    redirect_uri: str
    meanwhile: str = ""
    """A page that the same browser opens after the first one, and leaves open."""


Ask = Request | Together | SignIn
Pairs = dict[str, tuple[Request, "Response"]]


@dataclass(frozen=True, slots=True)
class Certificate:
    """One link of the chain that a server sends."""

    subject: str
    issuer: str
    days_left: int
    """Negative if it has expired."""


@dataclass(frozen=True, slots=True)
class Response:
    """A response. Status 0: none arrived, and `fault` says why."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    fault: str = ""
    sentence: str = ""
    elapsed_seconds: float = 0.0
    """From the first byte sent to the last one read, to the end of the connection, or to the time limit."""
    arrivals: tuple[tuple[float, int], ...] = ()
    """When parts of the body arrived, and how many bytes each; shows buffering on the way."""
    parts: tuple[Response, ...] = ()
    addresses: tuple[str, ...] = ()
    """The addresses of the name, each with its class; only for `Connect` and `Lookup`."""
    chain: tuple[Certificate, ...] = ()
    """The certificates that the server sent, its own first; only for `Connect`."""

    @property
    def media_type(self) -> str:
        """The content type without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def json(self) -> Any:
        """The body as JSON, or the answer among the events of a stream; None if it is neither."""
        return _of_stream(self.body) if self.media_type == "text/event-stream" else _decoded(self.body)

    @property
    def document(self) -> dict[str, Any] | None:
        """The body as a JSON object with a JSON content type, else None."""
        found = self.json if self.status == 200 else None  # noqa: PLR2004
        return found if isinstance(found, dict) else None


def together(requests: Mapping[str, Request]) -> Generator[Ask, Response, Pairs]:
    """Send named requests concurrently, and return each with its response."""
    answers = (yield Together(tuple(requests.values()))).parts
    return {name: (request, answer) for (name, request), answer in zip(requests.items(), answers, strict=True)}


def _of_stream(body: bytes) -> Any:
    """Return the answer of a stream, which may follow notifications; without one, the first message."""
    first = None
    for line in body.splitlines():
        message = _decoded(line[5:]) if line.startswith(b"data:") and b"{" in line else None
        if isinstance(message, dict) and ("result" in message or "error" in message):
            return message
        first = message if first is None else first
    return first


def _decoded(text: bytes) -> Any:
    try:
        return strict_json.decode(text)
    except strict_json.InvalidJson:
        return None
