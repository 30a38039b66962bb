"""The conformance server again, with the same functions registered on FastMCP: `mcp` is the object to serve.

Run as a program it listens on `--port` (loopback only).
"""

from __future__ import annotations

import argparse
import functools
import inspect
from typing import Any

import uvicorn
from conformance_server import complete
from conformance_server import mcp as original
from fastmcp import Context, FastMCP
from fastmcp.prompts import Message
from fastmcp.tools import Tool

mcp = FastMCP("conformance-target", version="1.0.0")


class Translated:
    """FastMCP's context under the names that the functions know."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    @property
    def client_capabilities(self) -> Any:
        return self._ctx.session.client_capabilities

    async def notify_tools_changed(self) -> None:
        await self._ctx.session.send_tool_list_changed()

    async def notify_prompts_changed(self) -> None:
        await self._ctx.session.send_prompt_list_changed()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ctx, name)


def adapted(function: Any) -> Any:
    """Return the function as FastMCP wants it: with FastMCP's context, if it takes one."""
    if "ctx" not in inspect.signature(function).parameters:
        return function

    @functools.wraps(function)
    async def call(*arguments: Any, ctx: Context, **named: Any) -> Any:
        result = function(*arguments, ctx=Translated(ctx), **named)
        return await result if inspect.isawaitable(result) else result

    hints = inspect.get_annotations(function, eval_str=True) | {"ctx": Context}
    call.__annotations__ = hints
    signature = inspect.signature(function)
    parameters = [
        parameter.replace(annotation=hints.get(name, parameter.annotation), kind=parameter.KEYWORD_ONLY)
        for name, parameter in signature.parameters.items()
    ]
    call.__signature__ = signature.replace(parameters=parameters)
    return call


def spoken(function: Any) -> Any:
    """Return the prompt with its items as messages, which FastMCP wants them to be."""

    @functools.wraps(function)
    async def call(*arguments: Any, **named: Any) -> Any:
        said = function(*arguments, **named)
        said = await said if inspect.isawaitable(said) else said
        return [Message(item) for item in said] if isinstance(said, list) else said

    return call


for tool in original._tool_manager.list_tools():
    mcp.add_tool(Tool.from_function(adapted(tool.fn), name=tool.name, description=tool.description))
for prompt in original._prompt_manager.list_prompts():
    mcp.prompt(spoken(adapted(inspect.unwrap(prompt.fn))), name=prompt.name, description=prompt.description)
for resource in original._resource_manager.list_resources():
    mcp.resource(str(resource.uri), name=resource.name, mime_type=resource.mime_type)(resource.fn)
for template in original._resource_manager.list_templates():
    mcp.resource(template.uri_template, name=template.name, mime_type=template.mime_type)(template.fn)
mcp.completion(complete)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    uvicorn.run(mcp.http_app(host_origin_protection=True), port=parser.parse_args().port, log_level="warning")
