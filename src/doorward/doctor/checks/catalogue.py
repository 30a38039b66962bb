"""The listed tools, as each client would handle them, and the results of read-only ones.

A tool is called only if it is annotated as read-only and needs no argument that a person would have to choose.

Spec: MCP 2025-11-25 server/tools, server/utilities/pagination; MCP 2026-07-28 server/tools
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Generator
from typing import Any

from doorward.doctor.checks.tool_rules import SchemaRule, Tool, pointer_to_fault, tool_rules
from doorward.doctor.engine.calls import ask
from doorward.doctor.engine.check import Finding, Picture, Steps, found, seen
from doorward.doctor.engine.dialogue import Era
from doorward.doctor.engine.requests import Ask, Request, Response
from doorward.mcp.annotations import annotation_faults

PAGES_LIMIT = 50
_TOOLS_LIMIT, _BYTES_LIMIT = 2000, 1024 * 1024
_BYTES_MANY = 200 * 1024
_SHOWN = 10
"""At most this many faults of a kind are listed; the rest are counted."""


def _list(era: Era) -> Callable[[Picture], Steps]:
    def list_tools(picture: Picture) -> Steps:
        if era not in picture.mcp.eras:
            return []
        return (yield from _pages(picture, era))

    list_tools.__name__ = f"list_tools_{era}"
    return list_tools


def _pages(picture: Picture, era: Era) -> Generator[Ask, Response, list[Finding]]:
    """Follow the cursors of one era to the last page."""
    tools: list[Tool] = []
    cursors: list[str] = []
    size = 0
    findings: list[Finding] = []
    request = ask(picture, era, "tools/list")
    for page in range(1, PAGES_LIMIT + 1):
        response = yield request
        result = _result(response)
        if result is None:
            if page == 1:
                return _no_list(picture, era, request, response)
            summary = f"Page {page} of the tools, behind a cursor of the server's own, is no list."
            findings.append(found("TOOL-03", summary, seen(request, response)))
            break
        size += len(response.body)
        got = result.get("tools")
        fresh = [each for each in (got if isinstance(got, list) else []) if isinstance(each, dict)]
        cursor = result.get("nextCursor")
        if page > 1 and (looped := _looped(request, response, fresh, tools, cursors)):
            findings.append(looped)
            break
        tools += fresh
        if cursor == "":
            # The specification only knows an absent cursor, so "" may be one: some clients send it, and get the same
            # page.
            findings.append(_empty_cursor(request, response))
        if not isinstance(cursor, str) or not cursor or len(tools) > _TOOLS_LIMIT or size > _BYTES_LIMIT:
            break  # enough to report it
        if cursor in cursors:
            findings.append(_same_cursor(request, response, cursor))
            break
        cursors.append(cursor)
        request = ask(picture, era, "tools/list", {"cursor": cursor})
    picture.mcp.tools[era], picture.mcp.listed[era] = tools, size
    if cursors and not findings:
        findings.append(_several_pages(request, len(cursors), len(tools)))
    return findings


def _result(response: Response) -> dict[str, Any] | None:
    message = response.json
    result = message.get("result") if isinstance(message, dict) else None
    return result if isinstance(result, dict) else None


def _looped(
    request: Request, response: Response, fresh: list[Tool], before: list[Tool], cursors: list[str]
) -> Finding | None:
    """Return a finding if a page brings nothing new."""
    evidence = [*(f"cursor: {cursor}" for cursor in cursors[-3:]), *seen(request, response)]
    if not fresh:
        summary = "The last page has a nextCursor, and it leads to an empty page."
        return found("TOOL-03", summary, evidence, verdict="risk", severity="minor")
    names = {str(each.get("name")) for each in before}
    if all(str(each.get("name")) in names for each in fresh):
        return found("TOOL-03", "A cursor leads to tools that were listed before.", evidence)
    return None


def _empty_cursor(request: Request, response: Response) -> Finding:
    summary = "The last page has an empty nextCursor; a client that looks only for its absence asks on, without end."
    return found("TOOL-03", summary, seen(request, response), verdict="risk")


def _same_cursor(request: Request, response: Response, cursor: str) -> Finding:
    evidence = [f"cursor sent and received: {cursor}", *seen(request, response)]
    return found("TOOL-03", "The cursor does not advance: the list has no end.", evidence)


def _several_pages(request: Request, more: int, count: int) -> Finding:
    summary = f"The tools are on {more + 1} pages; several clients read the first one only."
    evidence = [f"> {request.method} {request.url}", f"{count} tools on {more + 1} pages"]
    return found("TOOL-03", summary, evidence, verdict="note" if more < PAGES_LIMIT else "risk")


def _no_list(picture: Picture, era: Era, request: Request, response: Response) -> list[Finding]:
    """Judge a missing list; another rule may cover its cause."""
    if response.status == 401 and not picture.token:  # noqa: PLR2004
        return [found("RS-03", "initialize is open, and tools/list asks for a token.", seen(request, response))]
    if response.fault == "too_large":
        summary = f"The list of tools is too large to be read: {response.sentence}"
        return [found("SCALE-01", summary, seen(request, response), verdict="risk")]
    lost = response.status == 404 and picture.mcp.mcp_session and era == "legacy"  # noqa: PLR2004
    if response.fault == "timeout" or lost or response.status in {401, 403, 429}:
        return []
    if "tools" in _capabilities(picture, era):
        summary = f"The capabilities name tools, and tools/list is answered with {response.status or 'nothing'}."
        return [found("TOOL-04", summary, seen(request, response))]
    return []


def _capabilities(picture: Picture, era: Era) -> dict[str, Any]:
    found_here = picture.mcp.result_of(era).get("capabilities")
    return found_here if isinstance(found_here, dict) else {}


def capability(picture: Picture) -> Steps:
    """Compare the announced capabilities with the lists."""
    yield from ()
    findings: list[Finding] = []
    for era in picture.mcp.eras:
        said = picture.mcp.result_of(era).get("capabilities")
        count = len(picture.mcp.tools.get(era, []))
        tools = said.get("tools") if isinstance(said, dict) else None
        if isinstance(tools, dict) or not (count or (isinstance(said, dict) and "tools" in said)):
            continue
        shape = "missing" if tools is None else "not an object"
        evidence = [f"capabilities ({era}): {said!r:.200}", f"tools/list ({era}): {count} tools"]
        findings.append(found("TOOL-04", f"The tools capability is {shape}, and {count} tools are listed.", evidence))
    return findings[:1]


def emptiness(picture: Picture) -> Steps:
    """Suspect a server that announces tools and lists none: a silently failed sign-in looks like that."""
    yield from ()
    announced = [era for era in picture.mcp.eras if isinstance(_capabilities(picture, era).get("tools"), dict)]
    empty = [era for era in announced if picture.mcp.tools.get(era) == []]
    # A server that requires no token has no reason to hide tools.
    if not picture.token or not announced or empty != announced:
        return []
    granted = picture.signed_in.get("scope")
    evidence = [f"tools/list ({era}): 0 tools" for era in empty]
    evidence += [f"scope of the token: {granted!r:.200}"] if granted is not None else []
    others = any({"prompts", "resources"} & set(_capabilities(picture, era)) for era in announced)
    verdict = "note" if others else "risk"
    return [found("TOOL-04", "Tools are announced, and with this token none is listed.", evidence, verdict=verdict)]


def schemas(picture: Picture) -> Steps:
    """Check each tool against the clients' schema rules."""
    yield from ()
    certain: dict[str, None] = {}
    evidence: list[str] = []
    first = ""
    for rule in tool_rules().schemas:
        eras = [era for era in picture.mcp.tools if era == "legacy" or not rule.only_legacy]
        faults = dict.fromkeys((str(tool.get("name")), at) for era in eras for tool, at in _faults(picture, era, rule))
        if not faults:
            continue
        certain |= dict.fromkeys(rule.clients)
        name, at = next(iter(faults))
        first = first or f"{name:.60}: {rule.says} ({at:.80})"
        evidence.append(f"{rule.says}; refused by {', '.join(rule.clients)}:")
        evidence += [f"  {name:.80}: {at:.200}" for name, at in list(faults)[:_SHOWN]]
        evidence += [f"  and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
    if not certain:
        return []
    summary = f"The schema of a tool is not what every client takes. {first}."
    return [found("TOOL-01", summary, evidence, clients=list(certain))]


def _faults(picture: Picture, era: Era, rule: SchemaRule) -> list[tuple[Tool, str]]:
    tools = picture.mcp.tools[era]
    return [(tool, at) for tool in tools if (at := pointer_to_fault(rule, tool)) is not None]


def names(picture: Picture) -> Steps:
    """Check each name as a client does that adds a prefix."""
    yield from ()
    listed = {era: [str(tool.get("name")) for tool in tools] for era, tools in picture.mcp.tools.items()}
    every = list(dict.fromkeys(name for group in listed.values() for name in group))
    doubled = sorted({name for group in listed.values() for name, count in Counter(group).items() if count > 1})
    if doubled:
        evidence = [f"{name!r:.80}: listed more than once" for name in doubled[:_SHOWN]]
        return [found("TOOL-02", "Tools share a name.", evidence)]
    refused: dict[str, list[str]] = {}
    tight: dict[str, list[str]] = {}
    for rule in tool_rules().names:
        for name in every:
            where = refused if not re.fullmatch(rule.pattern, name) or len(name) > rule.most_chars else tight
            if where is refused or len(name) + rule.prefix_chars > rule.most_chars:
                where.setdefault(name, []).extend(rule.clients)
    if refused:
        clients = list(dict.fromkeys(name for stopped in refused.values() for name in stopped))
        evidence = [f"{name!r:.120}: {', '.join(stopped)}" for name, stopped in list(refused.items())[:_SHOWN]]
        return [
            found("TOOL-02", f"The name {next(iter(refused))!r:.80} is refused by clients.", evidence, clients=clients)
        ]
    if tight:
        clients = list(dict.fromkeys(name for stopped in tight.values() for name in stopped))
        evidence = [
            f"{name!r:.80} ({len(name)} characters): {', '.join(them)}" for name, them in list(tight.items())[:_SHOWN]
        ]
        summary = "Names of tools are too long once a client puts up to 30 characters of its own before them."
        return [found("TOOL-02", summary, evidence, verdict="risk", clients=clients)]
    return []


def header_annotations(picture: Picture) -> Steps:
    """Find annotations that make clients of the newer era drop a tool."""
    yield from ()
    evidence: list[str] = []
    for tool in picture.mcp.tools.get("modern", []):
        evidence += [f"{tool.get('name')!r:.80}: {fault}" for fault in annotation_faults(tool.get("inputSchema"))]
    if not evidence:
        return []
    summary = "Annotations of arguments make clients of the newer era drop a tool."
    return [found("VER-06", summary, evidence[:_SHOWN])]


def size(picture: Picture) -> Steps:
    """Compare the number and size of the tools with the clients' limits."""
    yield from ()
    count = max((len(tools) for tools in picture.mcp.tools.values()), default=0)
    bytes_listed = max(picture.mcp.listed.values(), default=0)
    evidence = [f"tools: {count}", f"bytes of the list: {bytes_listed}"]
    full = [rule for rule in tool_rules().counts if count > rule.most_tools]
    evidence += [
        f"{', '.join(rule.clients)}: at most {rule.most_tools} tools, of all servers together" for rule in full
    ]
    clients = [name for rule in full for name in rule.clients]
    if bytes_listed > _BYTES_MANY:
        clients = list(picture.clients)
    if not clients:
        return []
    summary = f"{count} tools in {bytes_listed // 1024} KB are more than some clients hand to their model."
    return [found("SCALE-01", summary, evidence, verdict="risk", clients=clients)]


CHECKS = (_list("legacy"), _list("modern"), capability, emptiness, schemas, names, header_annotations, size)
