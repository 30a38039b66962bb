"""Requests that every MCP subject gets, and the users that send them and check what comes back."""

from __future__ import annotations

import json
from collections.abc import Mapping

from bench.load import NO_HEADERS, User, Wrong, request

TEXT = "The quick brown fox jumps over the lazy dog."
MODERN, LEGACY = "2026-07-28", "2025-11-25"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
}
ACCEPT = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


def bearer(token: str | None) -> dict[str, str]:
    """Return the header that presents a token, if there is one."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def message(method: str, parameters: dict[str, object], number: int | None = 7) -> bytes:
    """Return a JSON-RPC request, or a notification when it has no number."""
    body: dict[str, object] = {"jsonrpc": "2.0", "method": method, "params": parameters}
    return json.dumps(body if number is None else {**body, "id": number}).encode()


def modern_request(port: int, token: str | None) -> bytes:
    """Return a `tools/call` of the stateless era."""
    routing = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": "echo"}
    body = message("tools/call", {"name": "echo", "arguments": {"text": TEXT}, "_meta": META})
    return request("POST", "/mcp", port, {**ACCEPT, **routing, **bearer(token)}, body)


def check_echo(status: int, body: bytes) -> None:
    """Raise unless the body is a good result of `echo`, as JSON or as one event."""
    text = body.decode()
    if "data:" in text[:200]:
        text = next(line[5:] for line in text.splitlines() if line.startswith("data:"))
    answer = json.loads(text) if status == 200 else {}
    content = answer.get("result", {}).get("content", [{}])
    if answer.get("id") != 7 or content[0].get("text") != TEXT or answer["result"].get("isError"):
        raise Wrong(f"{status} {body[:300]!r}")


def repeat(asked: bytes) -> User:
    """Send the same call repeatedly; the first reply is checked in full, and every other one must equal it."""
    first = yield asked
    check_echo(first.status, first.body)
    yield None
    while True:
        reply = yield asked
        if reply.status != 200 or reply.body != first.body:
            check_echo(reply.status, reply.body)
        yield None


def modern_user(port: int, token: str | None = None, *, gated: bool = False) -> User:
    """Call in the stateless era; behind a gate, see first that it refuses a call without a token."""
    if gated:
        (yield modern_request(port, None)).expect(401)
    yield from repeat(modern_request(port, token))


def legacy_user(port: int, token: str | None = None) -> User:
    """Open a session, then call within it."""
    headers = {**ACCEPT, **bearer(token)}
    hello = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
    opened = (yield request("POST", "/mcp", port, headers, message("initialize", hello, 0))).expect(200)
    headers |= {"MCP-Protocol-Version": LEGACY, "Mcp-Session-Id": opened.header("mcp-session-id")}
    ready = yield request("POST", "/mcp", port, headers, message("notifications/initialized", {}, None))
    ready.expect(202)
    call = message("tools/call", {"name": "echo", "arguments": {"text": TEXT}})
    yield from repeat(request("POST", "/mcp", port, headers, call))


def getter(port: int, path: str, status: int, needle: bytes, headers: Mapping[str, str] = NO_HEADERS) -> User:
    """Fetch the same document repeatedly; each body must contain the needle."""
    asked = request("GET", path, port, headers)
    while True:
        reply = (yield asked).expect(status)
        if needle not in reply.body + reply.head:
            raise Wrong(f"{needle!r} is missing in {reply.body[:300]!r}")
        yield None


def unauthorized(port: int) -> User:
    """Call without a token; each refusal must name the metadata."""
    asked = modern_request(port, None)
    while True:
        reply = (yield asked).expect(401)
        if b"resource_metadata=" not in reply.head:
            raise Wrong(f"no challenge in {reply.head!r}")
        yield None
