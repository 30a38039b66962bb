"""Tools of the conformance server that need an answer from the client: asked mid-call, or with `input_required`.

Names, texts and schemas are fixed by the scenarios.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    ClientCapabilities,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
    TextContent,
)

TOOLS: list[Callable[..., Any]] = []


def tool(function: Callable[..., Any]) -> Callable[..., Any]:
    """Collect a tool for the server to register."""
    TOOLS.append(function)
    return function


# Tools that ask the client while they run (handshake era)


async def ask(ctx: Context, message: str, properties: dict[str, Any], required: list[str]) -> str:
    schema = {"type": "object", "properties": properties, "required": required}
    answer = await ctx.session.elicit_form(message, schema, related_request_id=ctx.request_id)
    return f"action={answer.action}, content={json.dumps(answer.content or {})}"


@tool
async def test_sampling(prompt: str, ctx: Context) -> str:
    """Ask the client's model."""
    answer = await ctx.session.create_message(
        [SamplingMessage(role="user", content=TextContent(text=prompt))],
        max_tokens=100,
        related_request_id=ctx.request_id,
    )
    return f"LLM response: {getattr(answer.content, 'text', '')}"


@tool
async def test_elicitation(message: str, ctx: Context) -> str:
    """Ask the user for a name and an address."""
    fields = {
        "username": {"type": "string", "description": "User's response"},
        "email": {"type": "string", "description": "User's email address"},
    }
    return "User response: " + await ask(ctx, message, fields, list(fields))


@tool
async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
    """Ask with a default for each primitive type."""
    fields = {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    }
    return "Elicitation completed: " + await ask(ctx, "Please check the values", fields, [])


@tool
async def test_elicitation_sep1330_enums(ctx: Context) -> str:
    """Ask with each way to write an enumeration."""
    plain = ["option1", "option2", "option3"]
    titles = ("First", "Second", "Third")
    titled = [{"const": f"value{index}", "title": f"{title} Option"} for index, title in enumerate(titles, 1)]
    choices = [{"const": f"value{index}", "title": f"{title} Choice"} for index, title in enumerate(titles, 1)]
    fields = {
        "untitledSingle": {"type": "string", "enum": plain},
        "titledSingle": {"type": "string", "oneOf": titled},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
        "titledMulti": {"type": "array", "items": {"anyOf": choices}},
    }
    return "Elicitation completed: " + await ask(ctx, "Please choose", fields, [])


# Tools that end a request with `input_required` (2026-07-28)


def form(message: str, name: str, kind: str = "string") -> ElicitRequest:
    schema = {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sample(prompt: str, max_tokens: int = 100) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=TextContent(text=prompt))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=max_tokens))


def accepted(ctx: Context, key: str, name: str) -> Any:
    """Return the named value of an accepted form, or None when the answer is absent or of another shape."""
    answer = (ctx.input_responses or {}).get(key)
    return (getattr(answer, "content", None) or {}).get(name) if getattr(answer, "action", None) == "accept" else None


@tool
def test_input_required_result_elicitation(ctx: Context) -> str | InputRequiredResult:
    """Ask for a name, then greet."""
    name = accepted(ctx, "user_name", "name")
    if not isinstance(name, str):
        return InputRequiredResult(input_requests={"user_name": form("What is your name?", "name")})
    return f"Hello, {name}!"


@tool
def test_input_required_result_sampling(ctx: Context) -> str | InputRequiredResult:
    """Ask the client's model for a capital."""
    answer = (ctx.input_responses or {}).get("capital_question")
    if answer is None:
        return InputRequiredResult(input_requests={"capital_question": sample("What is the capital of France?")})
    return f"The model said: {getattr(getattr(answer, 'content', None), 'text', '')}"


@tool
def test_input_required_result_list_roots(ctx: Context) -> str | InputRequiredResult:
    """Ask for the client's roots."""
    answer = (ctx.input_responses or {}).get("client_roots")
    if answer is None:
        return InputRequiredResult(input_requests={"client_roots": ListRootsRequest()})
    return "Roots: " + ", ".join(str(root.uri) for root in getattr(answer, "roots", []))


@tool
def test_input_required_result_request_state(ctx: Context) -> str | InputRequiredResult:
    """Ask with a state that must come back."""
    if ctx.request_state != "awaiting-confirmation" or accepted(ctx, "confirm", "ok") is None:
        requests = {"confirm": form("Please confirm", "ok", "boolean")}
        return InputRequiredResult(input_requests=requests, request_state="awaiting-confirmation")
    return "state-ok"


@tool
def test_input_required_result_tampered_state(ctx: Context) -> str | InputRequiredResult:
    """Ask with a sealed state; the SDK refuses a changed one."""
    if ctx.request_state is None:
        requests = {"confirm": form("Please confirm", "ok", "boolean")}
        return InputRequiredResult(input_requests=requests, request_state="sealed")
    return "state-ok"


@tool
def test_input_required_result_multiple_inputs(ctx: Context) -> str | InputRequiredResult:
    """Ask for three things at once."""
    wanted = {
        "user_name": form("What is your name?", "name"),
        "greeting": sample("Generate a greeting", 50),
        "client_roots": ListRootsRequest(),
    }
    if wanted.keys() - (ctx.input_responses or {}).keys():
        return InputRequiredResult(input_requests=wanted, request_state="three")
    return f"All three from {accepted(ctx, 'user_name', 'name')}"


@tool
def test_input_required_result_multi_round(ctx: Context) -> str | InputRequiredResult:
    """Ask twice, one after the other."""
    if name := accepted(ctx, "step1", "name"):
        requests = {"step2": form("Step 2: What is your favorite color?", "color")}
        return InputRequiredResult(input_requests=requests, request_state=json.dumps({"name": name}))
    if ctx.request_state and (color := accepted(ctx, "step2", "color")):
        return f"{json.loads(ctx.request_state)['name']} likes {color}"
    requests = {"step1": form("Step 1: What is your name?", "name")}
    return InputRequiredResult(input_requests=requests, request_state=json.dumps({}))


@tool
def test_input_required_result_capabilities(ctx: Context) -> str | InputRequiredResult:
    """Ask only for what the client can do."""
    if ctx.input_responses:
        return "thanks"
    able = ctx.client_capabilities or ClientCapabilities()
    wanted: dict[str, Any] = {}
    if able.sampling is not None:
        wanted["capital_question"] = sample("What is the capital of France?")
    if able.elicitation is not None:
        wanted["user_name"] = form("What is your name?", "name")
    return InputRequiredResult(input_requests=wanted) if wanted else "the client can be asked nothing"


@tool
def test_missing_capability(ctx: Context) -> str:
    """Refuse a client that did not declare sampling."""
    if ctx.client_capabilities is None or ctx.client_capabilities.sampling is None:
        raise MCPError(
            code=MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="This tool needs the sampling capability",
            data={"requiredCapabilities": {"sampling": {}}},
        )
    return "sampling is declared"


@tool
async def test_streaming_elicitation(ctx: Context) -> str | InputRequiredResult:
    """Report progress, then ask."""
    await ctx.report_progress(50, 100)
    if not ctx.input_responses:
        return InputRequiredResult(input_requests={"user_name": form("What is your name?", "name")})
    return "done"


@tool
async def test_logging_tool(ctx: Context) -> str:
    """Log once, if the request asked for it."""
    await ctx.session.send_log_message(level="info", data="one line", related_request_id=ctx.request_id)
    return "logged"
