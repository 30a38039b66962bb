"""An ASGI application behind a door: it answers as the server at a URL does, and notes what it has seen."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import mcp  # noqa: F401 (an application with the SDK in its process is told its user)
from framing.upstream import SLOW_SECONDS


def _user_of(scope: Any) -> str:
    return str(scope["user"].access_token.subject)


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer a call with its tag and user."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    try:
        call = json.loads(body)
        tag, rpc_id = str(call["params"]["arguments"]["tag"]), call.get("id")
    except (ValueError, LookupError, TypeError):
        tag, rpc_id = "", None
    if tag:
        with Path(os.environ["FRAMING_SEEN"]).open("a", encoding="utf-8") as notes:
            notes.write(f"{_user_of(scope)} {tag}\n")
    if (b"x-answer", b"slow") in scope["headers"]:
        await asyncio.sleep(SLOW_SECONDS)
    answer = {"jsonrpc": "2.0", "id": rpc_id, "result": {"tag": tag, "user": _user_of(scope)}}
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})
