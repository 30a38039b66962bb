"""A probe of a wrapped app at start: does anything answer at the door's path?

An app that answers elsewhere (`/`, `/v1/mcp`, `/mcp/mcp`) starts without an error, and every client gets its 404. The
probe is OPTIONS, which has no side effects; only a plain 404 counts as "nothing there".
"""

from __future__ import annotations

import asyncio

from doorward.errors import Problem
from doorward.upstreams.port import ASGIApp, Message, Scope

SECONDS = 2.0
_NOT_FOUND = 404


async def ask(app: ASGIApp, scope: Scope) -> Problem | None:
    """Return the problem if the app has nothing at the path of the scope; None if it has, or if that is unclear."""
    answered: list[int] = []

    async def receive() -> Message:
        if answered:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answered.append(message["status"])

    try:
        async with asyncio.timeout(SECONDS):
            await app(scope, receive, send)
    except Exception:  # noqa: BLE001  whatever the user's code raises here, requests will show it with its traceback
        return None
    return nothing_at(scope["path"]) if answered == [_NOT_FOUND] else None


def nothing_at(path: str) -> Problem:
    """Return the problem for the operator."""
    return Problem(
        what=f"Nothing answers at {path} in the app behind this door",
        why=f"Doorward asked it OPTIONS {path}, and it answered 404; every client will get that, too.",
        fix="Set `path` to where the app serves MCP, or mount the MCP app there. A FastMCP app is mounted at / with its"
        " own path, or at its path with path='/'.",
        where="path",
    )
