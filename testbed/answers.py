"""The responses of the test bed's servers."""

from __future__ import annotations

import json
from typing import Any

from doorward.doctor.engine.requests import Response

CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "Authorization, Content-Type, MCP-Protocol-Version, Mcp-Session-Id, Mcp-Method, "
    "Mcp-Name, Last-Event-ID",
    "access-control-expose-headers": "WWW-Authenticate, Mcp-Session-Id",
}


def reply(status: int, body: Any = None, media_type: str = "application/json", **headers: str) -> Response:
    """Answer with JSON, or with bytes of another type; `www_authenticate=...` becomes the header."""
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    kind = {"content-type": media_type} if body is not None else {}
    return Response(status, {**kind, **CORS, **given}, data)


def page(status: int = 200, **headers: str) -> Response:
    """Answer with a page for people."""
    return reply(status, b"<!doctype html><title>Sign in</title>", "text/html; charset=utf-8", **headers)


def event(message: Any) -> bytes:
    """Encode a message as a server-sent event."""
    return b"event: message\ndata: " + json.dumps(message).encode() + b"\n\n"


def result(rpc_id: Any, value: Any, **headers: str) -> Response:
    """Answer a JSON-RPC request."""
    return reply(200, {"jsonrpc": "2.0", "id": rpc_id, "result": value}, **headers)


def rpc_error(status: int, code: int = -32600, rpc_id: Any = None, message: str = "no", **data: Any) -> Response:
    """Refuse a JSON-RPC request."""
    error = {"code": code, "message": message} | ({"data": data} if data else {})
    return reply(status, {"jsonrpc": "2.0", "id": rpc_id, "error": error})
