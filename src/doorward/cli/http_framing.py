"""How a request that offers to switch protocols is read: as any other, by its own framing.

Nothing here is ever switched to, and a server may ignore `Upgrade`; the body that follows is then the body of that
request. httptools ends such a request after its head and calls what follows another protocol. uvicorn parses it as the
next request, which is request smuggling. So the head is parsed a second time, without the field. `CONNECT` has no body
that can be framed: its connection ends with the answer.

Owns also what is asked of uvicorn beyond its documented surface, checked when this module is imported.

Spec: RFC 9110 s7.8 (Upgrade), s9.3.6 (CONNECT); RFC 9112 s6.3, s9.6, s11.2.
"""

from __future__ import annotations

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from doorward.errors import Problem, StartError

_CALLED = ("_unset_keepalive_if_required", "send_400_response", "on_response_complete", "timeout_keep_alive_handler")
_KEPT = (
    *("cycle", "flow", "headers", "logger", "loop", "parser", "pipeline", "scope"),
    *("timeout_keep_alive", "timeout_keep_alive_task", "transport", "url"),
)
_KEPT_BY_A_CYCLE = (
    *("disconnected", "keep_alive", "message_event"),
    *("response_complete", "response_started"),
)


def require(protocol: type, cycle: type) -> None:
    """Check that uvicorn has what `BoundedProtocol` builds on.

    Raises:
        StartError: naming what is missing, and the versions that have it.
    """
    missing = [name for name in _CALLED if not callable(getattr(protocol, name, None))]
    kept = _attributes_of(protocol, "__init__") | _attributes_of(protocol, "on_message_begin")
    missing += sorted({*_KEPT} - kept)
    missing += sorted({*_KEPT_BY_A_CYCLE} - _attributes_of(cycle, "__init__"))
    if missing:
        raise StartError(
            Problem(
                f"uvicorn {uvicorn.__version__} does not fit this version of Doorward",
                f"Its HTTP protocol has no {', '.join(missing)}; without them a request could be read wrongly.",
                "Install the version that Doorward was tested with: pip install 'uvicorn>=0.40,<0.56'",
            )
        )


def _attributes_of(owner: type, method: str) -> set[str]:
    """Return the names that a method uses as attributes, if there is such a method."""
    code = getattr(getattr(owner, method, None), "__code__", None)
    return set() if code is None else {*code.co_names}


def head_without_upgrade(parser: httptools.HttpRequestParser, url: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
    """Return the head that was just parsed, without its offer to switch protocols."""
    lines = [b"%b %b HTTP/%b\r\n" % (parser.get_method(), url, parser.get_http_version().encode("ascii"))]
    lines += [b"%b: %b\r\n" % line for line in headers if line[0] != b"upgrade"]
    lines.append(b"\r\n")
    return b"".join(lines)


def new_parser(protocol: object) -> httptools.HttpRequestParser:
    """Return a parser as uvicorn sets one up."""
    parser = httptools.HttpRequestParser(protocol)
    # What follows a request that closes the connection is ignored, not an error: the answer is still under way.
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser


require(HttpToolsProtocol, RequestResponseCycle)
