"""Parses a request that offers to switch protocols like any other request, by its own framing.

Nothing here ever switches protocols, and a server may ignore `Upgrade`. The body that follows is then the body of that
request. httptools ends such a request after its head and treats what follows as another protocol. uvicorn parses it as
the next request, which is request smuggling. So the head is parsed a second time, without that header. A `CONNECT` body
has no framing, so its connection ends with the response.

Also owns the parts of uvicorn that are used beyond its documented API, checked when this module is imported.

Spec: RFC 9110 s7.8 (Upgrade), s9.3.6 (CONNECT); RFC 9112 s6.3, s9.6, s11.2.
"""

from __future__ import annotations

from urllib.parse import unquote

import httptools
import uvicorn
from uvicorn.server import ServerState

from doorward.errors import Problem, StartError

_SHARED = ("connections", "default_headers", "tasks", "total_requests")
"""The state shared by uvicorn's server and our connections."""


def require(state: type) -> None:
    """Check that uvicorn's server state has what `BoundedProtocol` reads and updates.

    Raises:
        StartError: names what is missing, and the versions that have it.
    """
    missing = sorted({*_SHARED} - vars(state()).keys())
    if missing:
        raise StartError(
            Problem(
                f"uvicorn {uvicorn.__version__} does not fit this version of Doorward",
                f"Its server state has no {', '.join(missing)}; without them it could not stop in order.",
                "Install the version that Doorward was tested with: pip install 'uvicorn>=0.40,<0.56'",
            )
        )


def head_without_upgrade(parser: httptools.HttpRequestParser, url: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
    """Return the head that was just parsed, without its offer to switch protocols."""
    lines = [b"%b %b HTTP/%b\r\n" % (parser.get_method(), url, parser.get_http_version().encode("ascii"))]
    lines += [b"%b: %b\r\n" % line for line in headers if line[0] != b"upgrade"]
    lines.append(b"\r\n")
    return b"".join(lines)


def new_parser(protocol: object) -> httptools.HttpRequestParser:
    """Return a parser configured like uvicorn's."""
    parser = httptools.HttpRequestParser(protocol)
    # Ignore data after a request that closes the connection, instead of failing: its response is still being sent.
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser


def parsed_target(url: bytes) -> tuple[bytes, str, bytes, bytes]:
    """Return a request target and its path, raw path and query. Raises `HttpParserInvalidURLError`."""
    found = httptools.parse_url(url)
    path = found.path.decode("ascii")
    return url, unquote(path) if "%" in path else path, found.path, found.query or b""


require(ServerState)
