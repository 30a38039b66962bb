"""Required parts of an answer: the JSON-RPC envelope, and the members of a result in each revision.

Owns the table of members by method and era. Judges servers' answers for the doctor; a door does not use it. The
contents of `capabilities` and of tools are judged elsewhere.

Spec: JSON-RPC 2.0 s5; MCP 2025-11-25 basic/lifecycle, server/tools; MCP 2026-07-28 basic/index, server/discover.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

CACHEABLE_METHODS = frozenset(
    {"server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read"}
)
_SCOPES = ("public", "private")
_LISTS = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "tools/call": "content",
    "prompts/get": "messages",
    "resources/read": "contents",
    "server/discover": "supportedVersions",
}


def answer_of(messages: Sequence[object]) -> object:
    """Return the answer among the messages of a stream; without one, the last message, or None."""
    for each in reversed(messages):
        if isinstance(each, dict) and ("result" in each or "error" in each):
            return each
    return messages[-1] if messages else None


def envelope_faults(rpc_id: str | int, message: object) -> tuple[str, ...]:
    """Return the JSON-RPC faults of the answer to a request with this id.

    Spec: JSON-RPC 2.0 s5
    """
    if not isinstance(message, dict):
        return ("the answer is not one JSON object",)
    faults = []
    if message.get("jsonrpc") != "2.0":
        faults.append('"jsonrpc": "2.0" is missing')
    if ("result" in message) == ("error" in message):
        faults.append("there is not exactly one of result and error")
    if "result" in message and not isinstance(message["result"], dict):
        faults.append(f"result is {_kind(message['result'])} where an object is due")
    error = message.get("error")
    if "error" in message and not (isinstance(error, dict) and type(error.get("code")) is int):
        faults.append("error is not an object with a whole number as code")
    answered = message.get("id")
    unread = answered is None and "error" in message
    if not unread and (type(answered) is not type(rpc_id) or answered != rpc_id):
        faults.append(f"the id sent is {rpc_id!r}, the one received is {answered!r}")
    return tuple(faults)


def result_faults(method: str, result: Mapping[str, object], *, modern: bool) -> tuple[str, ...]:
    """Return which members of a result are missing or have the wrong type for the revision."""
    faults: list[str] = []
    if modern:
        faults += _modern_faults(method, result)
        if result.get("resultType", "complete") != "complete":
            return tuple(faults)
    member = _LISTS.get(method)
    if member is not None and not isinstance(result.get(member), list):
        faults.append(_wrong(member, result, "a list"))
    if "nextCursor" in result and not isinstance(result["nextCursor"], str):
        faults.append(_wrong("nextCursor", result, "a string, or absent on the last page"))
    if method == "initialize":
        faults += _handshake_faults(result)
    return tuple(faults)


def _modern_faults(method: str, result: Mapping[str, object]) -> list[str]:
    kind = result.get("resultType")
    if not isinstance(kind, str):
        return [_wrong("resultType", result, "a string such as complete")]
    if kind != "complete" or method not in CACHEABLE_METHODS:
        return []
    faults = []
    ttl = result.get("ttlMs")
    if type(ttl) is not int or ttl < 0:
        faults.append(_wrong("ttlMs", result, "a whole number of at least 0"))
    if result.get("cacheScope") not in _SCOPES:
        faults.append(_wrong("cacheScope", result, "public or private"))
    return faults


def _handshake_faults(result: Mapping[str, object]) -> list[str]:
    faults = []
    if not isinstance(result.get("protocolVersion"), str):
        faults.append(_wrong("protocolVersion", result, "a string"))
    info = result.get("serverInfo")
    if not isinstance(info, dict) or not all(isinstance(info.get(name), str) for name in ("name", "version")):
        faults.append(_wrong("serverInfo", result, "an object with name and version"))
    return faults


def _wrong(member: str, result: Mapping[str, object], due: str) -> str:
    return f"{member} is {_kind(result[member]) if member in result else 'missing'}; due is {due}"


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"{value!r:.40}"
    return "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else "a number"
