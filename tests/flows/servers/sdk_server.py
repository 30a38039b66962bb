"""The tools of `fastmcp_server.py` on the `mcp` SDK itself: `mcp` is the object to serve.

Run as a program it listens on `--port` (loopback only), or with `--stdio` speaks on its standard streams.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import Annotated

import uvicorn
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.resolve import Elicit, Resolve
from pydantic import BaseModel

mcp = MCPServer("sample-sdk", version="1.0.0")


class Name(BaseModel):
    """What `greet` asks for."""

    name: str


@mcp.tool()
def echo(text: str) -> str:
    """Return the text."""
    return text


@mcp.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@mcp.tool()
def whoami() -> dict[str, object]:
    """Tell who calls, as the server sees it."""
    access = get_access_token()
    if access is None:
        return {"authenticated": False}
    known = {"client_id": access.client_id, "subject": access.subject, "scopes": access.scopes}
    return {"authenticated": True, "token": access.token, "resource": access.resource, **known}


@mcp.tool()
async def countdown(steps: int, ctx: Context) -> str:
    """Report progress step by step."""
    for step in range(1, steps + 1):
        await ctx.report_progress(step, steps)
        await asyncio.sleep(0)
    return f"{steps} steps"


async def ask_name() -> Elicit[Name]:
    """Ask the user; the SDK picks the way that the protocol version has."""
    return Elicit("Your name?", Name)


@mcp.tool()
def greet(answer: Annotated[Name, Resolve(ask_name)]) -> str:
    """Ask for a name, then greet."""
    return f"Hello, {answer.name}!"


@mcp.resource("sample://greeting", mime_type="text/plain")
def greeting() -> str:
    """Hold a greeting."""
    return "Good morning."


@mcp.prompt()
def review(subject: str) -> str:
    """Ask for a review."""
    return f"Please review {subject}."


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--stdio", action="store_true")
    chosen = parser.parse_args()
    if chosen.stdio:
        mcp.run("stdio")
    else:
        uvicorn.run(mcp.streamable_http_app(), port=chosen.port, log_level="warning")
