"""The server that the official conformance suite asks for, on the `mcp` SDK: `mcp` is the object to serve.

Names, texts and schemas are fixed by the scenarios. Run as a program it listens
on `--port` (loopback only), or with `--stdio` speaks on its standard streams.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
from typing import Annotated, Any

import mcp_types as types
import uvicorn
from conformance_asking import TOOLS, accepted, form
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp_types import (
    AudioContent,
    EmbeddedResource,
    ImageContent,
    InputRequiredResult,
    TextContent,
    TextResourceContents,
)
from pydantic import Field

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
SILENCE = base64.b64encode(
    b"RIFF\x26\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00"
    b"data\x02\x00\x00\x00\x00\x00"
).decode()
PAUSE_SECONDS = 0.05  # the scenarios ask for gaps between notifications


class Events(EventStore):
    """Keep what was sent, so a client that lost its stream can have the rest."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []

    async def store_event(self, stream_id: str, message: Any) -> str:
        self.sent.append((stream_id, message))
        return str(len(self.sent))

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        position = int(last_event_id) if last_event_id.isdecimal() else 0
        if not 0 < position <= len(self.sent):
            return None
        wanted = self.sent[position - 1][0]
        for number, (stream_id, message) in enumerate(self.sent[position:], position + 1):
            if stream_id == wanted and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return wanted


mcp = MCPServer("conformance-target", version="1.0.0")


def text_resource(uri: str, text: str, mime_type: str = "text/plain") -> EmbeddedResource:
    return EmbeddedResource(resource=TextResourceContents(uri=uri, mime_type=mime_type, text=text))


def image() -> ImageContent:
    return ImageContent(data=PIXEL, mime_type="image/png")


# Plain tools


@mcp.tool()
def test_simple_text() -> str:
    """Answer with one text."""
    return "This is a simple text response for testing."


@mcp.tool()
def test_image_content() -> list[ImageContent]:
    """Answer with one picture."""
    return [image()]


@mcp.tool()
def test_audio_content() -> list[AudioContent]:
    """Answer with one sound."""
    return [AudioContent(data=SILENCE, mime_type="audio/wav")]


@mcp.tool()
def test_embedded_resource() -> list[EmbeddedResource]:
    """Answer with one resource."""
    return [text_resource("test://embedded-resource", "This is an embedded resource content.")]


@mcp.tool()
def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
    """Answer with a text, a picture and a resource."""
    payload = json.dumps({"test": "data", "value": 123})
    return [
        TextContent(text="Multiple content types test:"),
        image(),
        text_resource("test://mixed-content-resource", payload, "application/json"),
    ]


@mcp.tool()
def test_error_handling() -> str:
    """Fail on purpose."""
    raise RuntimeError("This tool intentionally returns an error for testing")


@mcp.tool()
async def test_tool_with_logging(ctx: Context) -> str:
    """Send three log messages while working."""
    for index, line in enumerate(("Tool execution started", "Tool processing data", "Tool execution completed")):
        await asyncio.sleep(PAUSE_SECONDS if index else 0)
        await ctx.session.send_log_message(level="info", data=line, related_request_id=ctx.request_id)
    return "Logged three times."


@mcp.tool()
async def test_tool_with_progress(ctx: Context) -> str:
    """Report progress three times."""
    for done in (0, 50, 100):
        await asyncio.sleep(PAUSE_SECONDS if done else 0)
        await ctx.report_progress(done, 100)
    return "Reached 100."


@mcp.tool()
async def test_reconnection(ctx: Context) -> str:
    """Hang up in the middle; the client comes back for the rest."""
    await ctx.close_sse_stream()
    await asyncio.sleep(PAUSE_SECONDS)
    return "Still here."


@mcp.tool()
def test_custom_headers(region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})]) -> str:
    """Take an argument that is mirrored in a header."""
    return region


SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


@mcp.tool()
def json_schema_2020_12_tool() -> str:
    """Have a schema with every keyword that must survive the way to the client."""
    return "ok"


mcp._tool_manager.get_tool("json_schema_2020_12_tool").parameters = SCHEMA


@mcp.tool()
async def test_trigger_tool_change(ctx: Context) -> str:
    """Announce that the list of tools changed."""
    await ctx.notify_tools_changed()
    return "announced"


@mcp.tool()
async def test_trigger_prompt_change(ctx: Context) -> str:
    """Announce that the list of prompts changed."""
    await ctx.notify_prompts_changed()
    return "announced"


for function in TOOLS:
    mcp.tool()(function)


# Resources


@mcp.resource("test://static-text", mime_type="text/plain")
def static_text() -> str:
    """Hold a fixed text."""
    return "This is the content of the static text resource."


@mcp.resource("test://static-binary", mime_type="image/png")
def static_binary() -> bytes:
    """Hold a fixed picture."""
    return base64.b64decode(PIXEL)


@mcp.resource("test://watched-resource", mime_type="text/plain")
def watched() -> str:
    """Hold a text that can be watched."""
    return "Nothing happened yet."


@mcp.resource("test://template/{id}/data", mime_type="application/json")
def template(id: str) -> str:  # noqa: A002 - the name of the URI variable
    """Hold one document for each id."""
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


# Prompts


@mcp.prompt()
def test_simple_prompt() -> str:
    """Say one sentence."""
    return "This is a simple prompt for testing."


@mcp.prompt()
def test_prompt_with_arguments(
    arg1: Annotated[str, Field(description="first")], arg2: Annotated[str, Field(description="second")]
) -> str:
    """Say both arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@mcp.prompt()
def test_prompt_with_embedded_resource(resourceUri: str) -> list[Any]:  # noqa: N803 - the wire name
    """Show a resource and ask about it."""
    return [
        text_resource(resourceUri, "Embedded resource content for testing."),
        "Please process the embedded resource above.",
    ]


@mcp.prompt()
def test_prompt_with_image() -> list[Any]:
    """Show a picture and ask about it."""
    return [image(), "Please analyze the image above."]


@mcp.prompt()
def test_input_required_result_prompt(ctx: Context) -> Any:
    """Ask for a context before answering."""
    context = accepted(ctx, "user_context", "context")
    if not isinstance(context, str):
        return InputRequiredResult(
            input_requests={"user_context": form("What context should the prompt use?", "context")}
        )
    return f"In the context of {context}: begin."


# What only the handshake era has


@mcp.completion()
async def complete(ref: Any, argument: Any, context: Any) -> types.Completion:
    words = [word for word in ("paris", "park", "party") if word.startswith(argument.value)]
    return types.Completion(values=words, total=len(words), has_more=False)


async def acknowledge(ctx: Any, params: Any) -> types.EmptyResult:
    """Accept a log level or a subscription; nothing here changes while a scenario looks."""
    return types.EmptyResult()


for method, params_type in (
    ("logging/setLevel", types.SetLevelRequestParams),
    ("resources/subscribe", types.SubscribeRequestParams),
    ("resources/unsubscribe", types.UnsubscribeRequestParams),
):
    mcp._lowlevel_server.add_request_handler(method, params_type, acknowledge)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--stdio", action="store_true")
    chosen = parser.parse_args()
    if chosen.stdio:
        mcp.run("stdio")
    else:
        app = mcp.streamable_http_app(event_store=Events(), retry_interval=100)
        uvicorn.run(app, port=chosen.port, log_level="warning")
