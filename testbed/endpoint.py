"""A good MCP endpoint that speaks both eras: sessions for the older one, none for the newer one.

Implements MCP 2025-11-25 and MCP 2026-07-28 basic/transports as far as a checker looks.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from doorward.doctor.engine.requests import Request, Response
from doorward.mcp.era import LEGACY_VERSIONS, MODERN_VERSIONS, VERSION_KEY
from doorward.mcp.headers import disagreement, read_mirrored
from testbed.answers import event, reply, result, rpc_error

LEGACY, MODERN = "legacy", "modern"
BEAT, BEAT_SECONDS = b": still here\n\n", 15.0
INFO = {"name": "testbed", "version": "1"}
_UNSUPPORTED, _MISMATCH, _NO_METHOD, _BAD_PARAMS = -32022, -32020, -32601, -32602


class Endpoint:
    """One MCP server. Each response is a method, so that a broken server can override it."""

    def __init__(self, eras: frozenset[str] = frozenset({LEGACY, MODERN})) -> None:
        self.eras = eras
        self.sessions: set[str] = set()
        self.opened = 0
        self.tools: list[dict[str, Any]] = [
            {
                "name": "echo",
                "description": "Return the text.",
                "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}},
                "annotations": {"readOnlyHint": True},
            },
            {
                "name": "count_words",
                "description": "Count the words of a text.",
                "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}},
                "outputSchema": {
                    "type": "object",
                    "properties": {"words": {"type": "integer"}},
                    "required": ["words"],
                },
                "annotations": {"readOnlyHint": True},
            },
        ]

    def answer(self, request: Request) -> Response:
        """Answer a request that has passed whatever guards the endpoint."""
        if request.method == "POST":
            return self.post(request)
        if request.method == "DELETE" and LEGACY in self.eras:
            known = request.headers.get("mcp-session-id", "") in self.sessions
            self.sessions.discard(request.headers.get("mcp-session-id", ""))
            return reply(200 if known else 404, {})
        return self.other_method(request)

    def other_method(self, request: Request) -> Response:
        return reply(405, {"error": "method not allowed"}, allow="POST")

    def post(self, request: Request) -> Response:
        """Return the era of a message, by its envelope."""
        try:
            message = json.loads(request.body)
        except ValueError:
            return rpc_error(400, -32700)
        if not isinstance(message, dict) or "method" not in message:
            return rpc_error(400)
        if "id" not in message:
            return self.notified(request, message)
        if not isinstance(message["id"], str | int) or isinstance(message["id"], bool):
            return rpc_error(400)
        meta = (message.get("params") or {}).get("_meta") or {}
        modern = VERSION_KEY in meta or request.headers.get("mcp-protocol-version") in MODERN_VERSIONS
        return self.modern(request, message) if modern else self.legacy(request, message)

    def notified(self, request: Request, message: dict[str, Any]) -> Response:
        return Response(202, {})

    def legacy(self, request: Request, message: dict[str, Any]) -> Response:
        """Serve the handshake era."""
        if LEGACY not in self.eras:
            return rpc_error(400, _UNSUPPORTED, message["id"], supported=list(MODERN_VERSIONS))
        session = request.headers.get("mcp-session-id")
        if message["method"] == "initialize":
            return self.initialize(message)
        if session is not None and session not in self.sessions:
            return rpc_error(404, -32001, message["id"])
        if message["method"] == "server/discover":
            return rpc_error(404, _NO_METHOD, message["id"])
        return self.called(message, {})

    def initialize(self, message: dict[str, Any]) -> Response:
        asked = message["params"]["protocolVersion"]
        self.opened += 1
        session = f"session-{self.opened}"
        self.sessions.add(session)
        answer = {
            "protocolVersion": asked if asked in LEGACY_VERSIONS else LEGACY_VERSIONS[0],
            "capabilities": self.capabilities(),
            "serverInfo": INFO,
        }
        return self.answered(message, answer, mcp_session_id=session)

    def capabilities(self) -> Any:
        return {"tools": {"listChanged": False}}

    def modern(self, request: Request, message: dict[str, Any]) -> Response:
        """Serve the era without sessions."""
        if MODERN not in self.eras:
            return rpc_error(400, _NO_METHOD, message["id"])
        version = message.get("params", {}).get("_meta", {}).get(VERSION_KEY)
        if version not in MODERN_VERSIONS:
            return rpc_error(400, _UNSUPPORTED, message["id"], supported=list(MODERN_VERSIONS))
        lines = {name.encode(): value.encode() for name, value in request.headers.items()}
        if disagreement(read_mirrored(lines, ()), message["method"], message["params"]):
            return rpc_error(400, _MISMATCH, message["id"])
        if message["method"] == "subscriptions/listen":
            return self.listening(request, message)
        if message["method"] == "server/discover":
            found = {"supportedVersions": list(MODERN_VERSIONS), "capabilities": self.capabilities()}
            return self.answered(message, found | self.modern_members(cached=True))
        return self.called(message, self.modern_members(cached=message["method"] == "tools/list"))

    def listening(self, request: Request, message: dict[str, Any]) -> Response:
        """Open a stream: what is heard is said at once, then a comment now and then while somebody listens."""
        meta = {"io.modelcontextprotocol/subscriptionId": message["id"]}
        heard = {"_meta": meta, "notifications": message["params"].get("notifications")}
        first = {"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": heard}
        body = event(first)
        heard_enough = request.until is not None and request.until in body
        pauses = 0 if heard_enough else int((request.limit_seconds or 0) // BEAT_SECONDS)
        arrivals = ((0.0, len(body)), *((BEAT_SECONDS * number, len(BEAT)) for number in range(1, pauses + 1)))
        answer = Response(200, {"content-type": "text/event-stream", "x-accel-buffering": "no"}, body + BEAT * pauses)
        listened = request.limit_seconds if pauses else 0.0
        return replace(answer, fault="timeout" if pauses else "", elapsed_seconds=listened or 0.0, arrivals=arrivals)

    def modern_members(self, *, cached: bool) -> dict[str, Any]:
        members: dict[str, Any] = {
            "resultType": "complete",
            "_meta": {"io.modelcontextprotocol/serverInfo": INFO},
        }
        return members | ({"ttlMs": 0, "cacheScope": "private"} if cached else {})

    def called(self, message: dict[str, Any], members: dict[str, Any]) -> Response:
        """Serve what both eras have."""
        method, params = message["method"], message.get("params") or {}
        if method == "tools/list":
            return self.answered(message, self.listed(params) | members)
        if method == "tools/call":
            return self.answered(message, self.tool(params) | members)
        if method == "ping" and not members:
            return self.answered(message, {})
        return rpc_error(404 if members else 200, _NO_METHOD, message["id"])

    def listed(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"tools": self.tools}

    def tool(self, params: dict[str, Any]) -> dict[str, Any]:
        """Run a tool."""
        text = str((params.get("arguments") or {}).get("text", ""))
        if params.get("name") == "echo":
            return {"content": [{"type": "text", "text": text}]}
        if params.get("name") == "count_words":
            count = {"words": len(text.split())}
            return {"content": [{"type": "text", "text": json.dumps(count)}], "structuredContent": count}
        return {"content": [{"type": "text", "text": "There is no such tool."}], "isError": True}

    def answered(self, message: dict[str, Any], value: dict[str, Any], **headers: str) -> Response:
        return result(message["id"], value, **headers)
