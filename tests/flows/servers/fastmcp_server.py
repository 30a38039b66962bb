"""A FastMCP server that uses what servers use: tools, progress, a resource, a prompt, a question, the caller's token.

`mcp` is the object to serve. Run as a program it listens on `--port` (loopback only), without any authentication.
"""

from __future__ import annotations

import argparse
import asyncio

import uvicorn
from fastmcp import Context, FastMCP
from fastmcp.server.dependencies import get_access_token
from mcp_types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult

mcp = FastMCP("sample-fastmcp", version="1.0.0")
NAME_SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


@mcp.tool
def echo(text: str) -> str:
    """Return the text."""
    return text


@mcp.tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@mcp.tool
def whoami() -> dict[str, object]:
    """Tell who calls, as the server sees it."""
    access = get_access_token()
    if access is None:
        return {"authenticated": False}
    known = {"client_id": access.client_id, "subject": access.subject, "scopes": access.scopes}
    return {"authenticated": True, "token": access.token, "resource": access.resource, **known}


@mcp.tool
async def countdown(steps: int, ctx: Context) -> str:
    """Report progress step by step."""
    for step in range(1, steps + 1):
        await ctx.report_progress(step, steps)
        await asyncio.sleep(0)
    return f"{steps} steps"


@mcp.tool
async def greet(ctx: Context) -> str | InputRequiredResult:
    """Ask for a name, then greet; the way of asking follows the protocol version of the caller."""
    current = ctx.request_context
    if current is not None and current.protocol_version >= "2026-07-28":
        answer = (ctx.input_responses or {}).get("name")
        content = getattr(answer, "content", None)
        if not content:
            question = ElicitRequest(params=ElicitRequestFormParams(message="Your name?", requested_schema=NAME_SCHEMA))
            return InputRequiredResult(input_requests={"name": question})
        return f"Hello, {content['name']}!"
    reply = await ctx.session.elicit_form("Your name?", NAME_SCHEMA, related_request_id=ctx.request_id)
    return f"Hello, {(reply.content or {}).get('name')}!"


@mcp.resource("sample://greeting", mime_type="text/plain")
def greeting() -> str:
    """Hold a greeting."""
    return "Good morning."


@mcp.prompt
def review(subject: str) -> str:
    """Ask for a review."""
    return f"Please review {subject}."


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    uvicorn.run(mcp.http_app(), port=parser.parse_args().port, log_level="warning")
