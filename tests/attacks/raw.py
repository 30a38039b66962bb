"""Requests whose path no client library tidies up: the ASGI application is called with the path as it is."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

from world import World


async def status_of(w: World, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> int:
    """Return the status that a request for exactly this path gets."""
    lines = {"host": "mcp.example.com", "content-length": str(len(body)), **(headers or {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in lines.items()],
        "client": ("192.0.2.1", 40000),
        "server": ("mcp.example.com", 443),
    }
    found: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            found.append(message["status"])

    await w.door(scope, receive, send)
    assert len(found) == 1, f"{path} was answered {len(found)} times"
    return found[0]
