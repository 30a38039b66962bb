"""Calls of read-only tools: whether the result matches its schema, and whether a long call reports progress.

Only tools are called that are annotated as read-only and need no argument that a person would have to choose.

Spec: MCP 2025-11-25 server/tools, basic/utilities/progress
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from doorward.doctor.checks.json_schema import first_misfit
from doorward.doctor.checks.tool_rules import Tool
from doorward.doctor.engine.calls import ask
from doorward.doctor.engine.check import Finding, Picture, Steps, found, seen
from doorward.doctor.engine.requests import Request, Response, Together

_CALLS = 5
_PATIENCE_SECONDS = 75.0
"""With `--repeat`: longer than the minute that most clients wait."""
_LONG_SECONDS = 20.0
_CLIENTS_WAIT_SECONDS = 60


def results(picture: Picture) -> Steps:
    """Call a few tools that are safe to call, those with an output schema first."""
    era = picture.mcp.preferred
    named = [tool for tool in picture.mcp.tools.get(era, []) if isinstance(tool.get("name"), str)]
    arguments = {str(tool["name"]): given for tool in named if (given := safe(tool)) is not None}
    chosen = [tool for tool in named if tool["name"] in arguments]
    chosen = sorted(chosen, key=lambda tool: "outputSchema" not in tool)[:_CALLS]
    if not chosen:
        why = "no tool is annotated as read-only and callable without arguments"
        picture.skip(why if picture.mcp.eras else "nothing can be called", "TOOL-05", "TIME-01")
        return []
    if not picture.repeat:
        picture.skip("a call longer than the usual limit is waited for only with --repeat", "TIME-01")
    limit = _PATIENCE_SECONDS if picture.repeat else None
    requests = []
    for number, tool in enumerate(chosen):
        params: dict[str, Any] = {"name": tool["name"], "arguments": arguments[str(tool["name"])]}
        requests.append(_patient(ask(picture, era, "tools/call", params), f"doorward-check-{number}", limit))
    answers = (yield Together(tuple(requests))).parts
    findings: list[Finding] = []
    for tool, request, response in zip(chosen, requests, answers, strict=True):
        findings += _judged(tool, request, response)
        findings += _alive(tool, request, response)
    return findings


def safe(tool: Tool) -> dict[str, Any] | None:
    """Return arguments with which a tool can be called safely; None if there are none."""
    hints, schema, execution = tool.get("annotations"), tool.get("inputSchema"), tool.get("execution")
    if not isinstance(hints, dict) or hints.get("readOnlyHint") is not True or hints.get("destructiveHint") is True:
        return None
    if isinstance(execution, dict) and execution.get("taskSupport") == "required":
        return None
    if not isinstance(tool.get("name"), str) or not isinstance(schema, dict):
        return None
    required, properties = schema.get("required") or [], schema.get("properties") or {}
    if not isinstance(required, list) or not isinstance(properties, dict):
        return None
    given: dict[str, Any] = {}
    for name in required:
        about = properties.get(name) if isinstance(name, str) else None
        if not isinstance(about, dict):
            return None
        choices = about.get("enum")
        if "const" in about or "default" in about:
            given[name] = about.get("const", about.get("default"))
        elif isinstance(choices, list) and choices:
            given[name] = choices[0]
        else:
            return None
    return given


def _patient(request: Request, progress_token: str, limit: float | None) -> Request:
    """Ask for progress, and wait this long for the response."""
    message = json.loads(request.body)
    message["params"].setdefault("_meta", {})["progressToken"] = progress_token
    return replace(request, body=json.dumps(message).encode(), limit_seconds=limit)


def _judged(tool: Tool, request: Request, response: Response) -> list[Finding]:
    """Compare a result with the schema that the tool declares."""
    message = response.json
    result = message.get("result") if isinstance(message, dict) else None
    schema = tool.get("outputSchema")
    if (
        not isinstance(result, dict)
        or not isinstance(schema, dict)
        or result.get("resultType", "complete") != "complete"
    ):
        return []
    evidence = [f"tool: {tool['name']!r:.80}", *seen(request, response)]
    content = result.get("structuredContent")
    if result.get("isError") is True:
        misfit = first_misfit(content, schema) if "structuredContent" in result else None
        if misfit is None:
            return []
        summary = f"An error result of {tool['name']} carries structured content of another shape ({misfit})."
        return [found("TOOL-05", summary, evidence, verdict="risk")]
    if "structuredContent" not in result:
        return [found("TOOL-05", f"{tool['name']} has an output schema and returns no structured content.", evidence)]
    misfit = first_misfit(content, schema)
    if misfit is None:
        return []
    return [found("TOOL-05", f"The result of {tool['name']} does not fit its output schema: {misfit}.", evidence)]


def _alive(tool: Tool, request: Request, response: Response) -> list[Finding]:
    """Return a finding if a long call sent no progress."""
    if response.elapsed_seconds < _LONG_SECONDS and not (response.fault == "timeout" and request.limit_seconds):
        return []
    if b"notifications/progress" in response.body:
        return []
    seconds = max(response.elapsed_seconds, request.limit_seconds or 0.0 if response.fault == "timeout" else 0.0)
    summary = (
        f"{tool['name']} works for {seconds:.0f} seconds without a progress notification, though one was asked for."
    )
    verdict = "broken" if seconds >= _CLIENTS_WAIT_SECONDS else "risk"
    evidence = [f"tool: {tool['name']!r:.80}", f"seconds: {seconds:.1f}", *seen(request, response)]
    return [found("TIME-01", summary, evidence, verdict=verdict)]


CHECKS = (results,)
