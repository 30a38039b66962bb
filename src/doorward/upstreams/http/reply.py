"""How to treat an upstream's HTTP response, decided by its head: pass it on, reword it, follow it, or refuse it.

Pure. Headers pass by an allowlist: an upstream's cookie, challenge or security header would affect the door's own
origin. Era fallback depends on statuses, so a 4xx keeps its status even if its text is replaced. Only pages that no MCP
server sends become a fault.

Spec: MCP 2026-07-28 transports/streamable-http; RFC 9110 s15.4.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urljoin, urlsplit

from doorward.errors import UpstreamError
from doorward.secret_shapes import mask_reference
from doorward.upstreams.port import UpstreamCall

Headers = list[tuple[bytes, bytes]]

_PASSED = frozenset(
    {
        b"allow",
        b"cache-control",
        b"content-length",
        b"content-type",
        b"retry-after",
        b"x-accel-buffering",
    }
)
_PASSED_PREFIXES = (b"mcp-", b"ratelimit", b"x-ratelimit")
_REDIRECTS = frozenset({307, 308})
_NO_CONTENT = 204
"""It must not declare a length: RFC 9110 s8.6."""
_WITHOUT_CONTENT = frozenset({_NO_CONTENT, 205})
_QUOTED_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Verdict:
    """How to treat a response."""

    kind: Literal["pass", "stream", "empty", "reword", "redirect"]
    status: int
    headers: Headers
    location: bytes = b""
    """For `redirect`: the path and query to try at the same upstream."""


def judge(call: UpstreamCall, status: int, headers: Headers, origin: str, target: str) -> Verdict:
    """Decide from the head alone. `target` is the requested path and query.

    Raises:
        UpstreamError: `not_mcp`, if no MCP client could use this response.
    """
    content_type = b""
    location = b""
    empty = compressed = False
    passed: Headers = []
    for name, value in headers:
        if name in _PASSED or name.startswith(_PASSED_PREFIXES):
            passed.append((name, value))
        if name == b"content-type":
            content_type = value.partition(b";")[0].strip().lower()
        elif name == b"content-length":
            empty = value.strip() == b"0"
        elif name == b"location":
            location = value
        elif name == b"content-encoding":
            compressed |= value.strip().lower() != b"identity"
    if status < 300:  # noqa: PLR2004
        if compressed:
            raise compression_fault()
        return _success(call, status, passed, content_type, empty=empty)
    if status < 400:  # noqa: PLR2004
        return _redirect(call, status, location.decode("latin-1"), origin, target)
    return _failure(call, status, passed, content_type, compressed=compressed)


def compression_fault() -> UpstreamError:
    """Return the fault of an upstream that compresses although it was asked not to."""
    return UpstreamError(
        "not_mcp",
        "The MCP server compresses answers although it was asked not to. "
        "Switch compression off for the path of its MCP endpoint, in it or in a proxy in front of it.",
    )


def _success(call: UpstreamCall, status: int, passed: Headers, content_type: bytes, *, empty: bool) -> Verdict:
    if status == 202 and call.rpc_id is None:  # noqa: PLR2004
        return Verdict("empty", status, _without_body(status, passed))
    if status in _WITHOUT_CONTENT and (call.rpc_id is not None or call.method == "GET"):
        raise UpstreamError("not_mcp", f"The upstream answered {status}, which has no content, to a request.")
    if content_type == b"text/event-stream":
        return Verdict("stream", status, passed)
    if content_type == b"application/json" and not empty:
        return Verdict("pass", status, passed)
    if call.rpc_id is None and call.method != "GET":
        # Notifications, responses and DELETE only need the status; some servers add a short text.
        answered = 202 if call.method == "POST" else status
        return Verdict("empty", answered, _without_body(answered, passed))
    what = f"content type {content_type.decode('latin-1')!r}" if content_type else "no content type"
    raise UpstreamError(
        "not_mcp",
        f"The upstream answered {status} with {what}; an MCP server answers with JSON or an event stream. "
        "Is the path of its URL right?",
    )


def _failure(call: UpstreamCall, status: int, passed: Headers, content_type: bytes, *, compressed: bool) -> Verdict:
    if status in {401, 407}:
        # Passed on, it would make the client sign in again at a door that has just accepted it.
        raise UpstreamError(
            "not_mcp", f"The MCP server behind this door asks for credentials of its own ({status}); it has none set."
        )
    if compressed and status < 500 and b"html" not in content_type:  # noqa: PLR2004
        # Clients go by the status, such as the 404 of an ended session. No client can read the body.
        return Verdict("empty", status, _without_body(status, passed))
    if compressed:
        raise compression_fault()
    if content_type == b"application/json" or content_type.endswith(b"+json"):
        return Verdict("pass", status, passed)
    if call.method != "POST" and status in {404, 405}:
        return Verdict("empty", status, _without_body(status, passed))
    if status >= 500 or content_type in {b"text/html", b"application/xhtml+xml"}:  # noqa: PLR2004
        page = "a web page" if content_type.endswith((b"html", b"html+xml")) else "no JSON"
        raise UpstreamError("not_mcp", f"The upstream answered {status} with {page}, which is no MCP answer.")
    return Verdict("reword", status, _without_body(status, passed))


def _redirect(call: UpstreamCall, status: int, location: str, origin: str, target: str) -> Verdict:
    refused = UpstreamError(
        "not_mcp",
        f"The upstream answers with a redirect ({status}); give the door the address it leads to.",
        evidence=f"location {mask_reference(location)[:_QUOTED_CHARACTERS]!r}",
    )
    if status not in _REDIRECTS or not location:
        raise refused
    try:
        goal = urlsplit(urljoin(origin + target, location))
    except ValueError:
        raise refused from None
    asked, _, query = target.partition("?")
    if goal.path == asked or not _same_host(call, goal.netloc, origin):
        raise refused
    if goal.path.rstrip("/") != asked.rstrip("/") and f"{goal.scheme}://{goal.netloc}" != origin:
        raise refused
    own = call.query_string.decode("latin-1")
    query = goal.query.removesuffix(own).rstrip("&") or query  # the client's part is added again when it is asked
    path = goal.path + (f"?{query}" if query else "")
    if not path.isascii() or not path.startswith("/"):
        raise refused
    return Verdict("redirect", status, [], path.encode())


def _same_host(call: UpstreamCall, netloc: str, origin: str) -> bool:
    """Return whether a redirect stays at this upstream; a framework may use our name or the public one it was given."""
    if netloc.lower() == urlsplit(origin).netloc:
        return True
    told = next((value for name, value in call.headers if name == b"x-forwarded-host"), b"").decode("latin-1")
    return bool(told) and netloc.lower() == told.lower()


def _without_body(status: int, passed: Headers) -> Headers:
    kept = [(name, value) for name, value in passed if name not in {b"content-length", b"content-type"}]
    return kept if status == _NO_CONTENT else [*kept, (b"content-length", b"0")]


def reworded(call: UpstreamCall, status: int, headers: Headers, text: bytes) -> tuple[Headers, bytes]:
    """Convert the plain text of a 4xx into a JSON-RPC error, which every client can show."""
    said = "".join(c if c.isprintable() else " " for c in text.decode("utf-8", "replace"))[:_QUOTED_CHARACTERS].strip()
    message = f"The MCP server answered {status}" + (f": {said}" if said else ".")
    body = json.dumps({"jsonrpc": "2.0", "id": call.rpc_id, "error": {"code": -32600, "message": message}}).encode()
    kept = [(name, value) for name, value in headers if name != b"content-length"]
    return [*kept, (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))], body
