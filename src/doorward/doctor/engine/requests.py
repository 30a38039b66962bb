"""The words in which a check talks to the outside: what it wants asked, and what came back.

A check knows no network, no clock and no browser; its runner does. Everything is answered by a `Response`, so
that a check needs no exceptions and no other shapes.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from doorward import strict_json


@dataclass(frozen=True, slots=True)
class Request:
    """What a check wants to be asked."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    until: bytes | None = None
    """Read no further than to these bytes of the body; empty: the head is enough. For answers that never end."""
    wait_seconds: float = 0.0
    """Leave the server alone for so long first."""
    limit_seconds: float | None = None
    """How long the answer may take, where that is not what is usual."""
    connection: str = ""
    """Requests of one name go over one connection that is kept; without a name, each has its own."""


@dataclass(frozen=True, slots=True)
class Connect(Request):
    """Open a connection, and say nothing over it. Its answer has no status; without a fault, it was opened."""

    family: str = ""
    """`IPv4` or `IPv6`; empty: whichever the name leads to first."""
    tls: str = ""
    """`TLSv1.2` or `TLSv1.3`, and no other; empty: what both sides prefer."""
    named: bool = True
    """Whether the TLS handshake names the server."""
    trusted: bool = True
    """Whether the certificate must be good; where it need not be, its chain can still be looked at."""


@dataclass(frozen=True, slots=True)
class Lookup(Request):
    """Ask a resolver for the host of the URL. Its answer has no status; without a fault, it has all the addresses."""

    resolver: str = ""
    """Its IP address, or that and `#PORT`."""


@dataclass(frozen=True, slots=True)
class Together:
    """Requests to be sent at the same moment; the answers are the `parts` of the response, in order."""

    requests: tuple[Request, ...]


@dataclass(frozen=True, slots=True)
class SignIn:
    """A page for a person to sign in at. The answer is the redirect to `redirect_uri`, or a fault."""

    url: str
    redirect_uri: str
    meanwhile: str = ""
    """A page that the same browser opens after the first one, and leaves alone."""


Ask = Request | Together | SignIn
Pairs = dict[str, tuple[Request, "Response"]]


@dataclass(frozen=True, slots=True)
class Certificate:
    """One link of the chain that a server sends."""

    subject: str
    issuer: str
    days_left: int
    """Negative: it has expired."""


@dataclass(frozen=True, slots=True)
class Response:
    """What came back. Status 0: nothing did, and `fault` says why."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    fault: str = ""
    sentence: str = ""
    elapsed_seconds: float = 0.0
    """From the first byte sent to the last one read, to the end of the connection, or to the end of the patience."""
    arrivals: tuple[tuple[float, int], ...] = ()
    """When pieces of the body came, and how many bytes each: what a buffer on the way changes."""
    parts: tuple[Response, ...] = ()
    addresses: tuple[str, ...] = ()
    """What the name led to, each with its class; of a `Connect` or a `Lookup` alone."""
    chain: tuple[Certificate, ...] = ()
    """What the server sent of its certificates, its own first; of a `Connect` alone."""

    @property
    def media_type(self) -> str:
        """The content type without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def json(self) -> Any:
        """The body as JSON, or the answer among the events of a stream; None when it is neither."""
        return _of_stream(self.body) if self.media_type == "text/event-stream" else _decoded(self.body)

    @property
    def document(self) -> dict[str, Any] | None:
        """The body as a JSON object that was served as one."""
        found = self.json if self.status == 200 else None  # noqa: PLR2004
        return found if isinstance(found, dict) else None


def together(requests: Mapping[str, Request]) -> Generator[Ask, Response, Pairs]:
    """Send requests that have names at the same moment, and return each with its answer."""
    answers = (yield Together(tuple(requests.values()))).parts
    return {name: (request, answer) for (name, request), answer in zip(requests.items(), answers, strict=True)}


def _of_stream(body: bytes) -> Any:
    """Return the answer of a stream, which may come after notifications; without one, the first message."""
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
