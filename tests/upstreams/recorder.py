"""Driving an upstream through `handle()`: calls as the door makes them, and a `send` that keeps what it is given."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from doorward.mcp.jsonrpc import Message, read_message
from doorward.upstreams.port import Caller, Upstream, UpstreamCall

MODERN_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "recorder", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
ACCEPT = (b"accept", b"application/json, text/event-stream")
JSON = (b"content-type", b"application/json")


def scope() -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": "/door",
        "raw_path": b"/door",
        "root_path": "/outer",
        "query_string": b"",
        "headers": [(b"host", b"mcp.example.com"), (b"authorization", b"Bearer dwa_never")],
        "client": ("192.0.2.7", 4711),
        "server": ("mcp.example.com", 443),
        "user": "somebody the outer app put here",
        "state": {"outer": True},
    }


def caller(**changes: Any) -> Caller:
    values: dict[str, Any] = {
        "user_id": "ann",
        "client_id": "client-1",
        "scopes": ("mcp", "files:read"),
        "resource": "https://mcp.example.com/mcp",
        "issuer": "https://mcp.example.com",
        "expires_at": None,
        "token_id": "tok_1",
    }
    return Caller(**{**values, **changes})


def call(
    body: Any = None,
    *,
    method: str = "POST",
    era: str = "legacy",
    session: str | None = None,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    who: Caller | None = None,
    query_string: bytes = b"",
    share: str = "",
) -> UpstreamCall:
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    decoded = body if isinstance(body, dict) else {}
    fields = [ACCEPT, JSON, *headers]
    if session is not None:
        fields.append((b"mcp-session-id", session.encode()))
    if era == "modern":
        fields.append((b"mcp-protocol-version", b"2026-07-28"))
        if "method" in decoded:
            fields.append((b"mcp-method", decoded["method"].encode()))
        if isinstance(name := decoded.get("params", {}).get("name"), str):
            fields.append((b"mcp-name", name.encode()))
    message = read_message(raw) if raw else None
    return UpstreamCall(
        method=method,  # type: ignore[arg-type]
        headers=fields,
        query_string=query_string,
        body=raw,
        era=era,  # type: ignore[arg-type]
        rpc_method=decoded.get("method"),
        rpc_id=decoded.get("id") if "method" in decoded else None,
        mcp_session_id=session,
        caller=who,
        scope=scope(),
        share=share,
        message=message if isinstance(message, Message) else None,
    )


def modern(method: str, params: dict[str, Any] | None = None, *, rpc_id: Any = 1, meta: Any = None, **rest: Any) -> Any:
    params = {**(params or {}), "_meta": {**MODERN_META, **(meta or {})}}
    return call({"jsonrpc": "2.0", "id": rpc_id, "method": method, "params": params}, era="modern", **rest)


INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {"elicitation": {}},
        "clientInfo": {"name": "recorder", "version": "1"},
    },
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


@dataclass
class Answer:
    """What an upstream sent so far."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    complete: bool = False
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    gate: Callable[[int], Awaitable[None]] | None = None

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            assert self.status == 0, "a response starts once"
            self.status = message["status"]
            self.headers = dict(message["headers"])
        else:
            assert self.status, "a body comes after its head"
            self.body += message.get("body", b"")
            self.complete = not message.get("more_body", False)
            if self.gate is not None:
                await self.gate(len(self.body))
        async with self.changed:
            self.changed.notify_all()

    async def until(self, condition: Callable[[Answer], Any]) -> Any:
        async with self.changed:
            await self.changed.wait_for(lambda: condition(self))
        return condition(self)

    def json(self) -> Any:
        return json.loads(self.body)

    def events(self) -> list[Any]:
        """The JSON of each `data:` line."""
        return [json.loads(line[5:]) for line in self.body.splitlines() if line.startswith(b"data:")]

    def message(self, rpc_id: Any = 1) -> Any:
        """The JSON-RPC response with this id, however it was framed."""
        found = [self.json()] if self.headers[b"content-type"].startswith(b"application/json") else self.events()
        return next(item for item in found if item.get("id") == rpc_id and "method" not in item)


class Client:
    """The far end of one request: stays until `leave()`."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.listening = asyncio.Event()

    async def receive(self) -> Any:
        self.listening.set()
        await self.left.wait()
        return {"type": "http.disconnect"}

    def leave(self) -> None:
        self.left.set()


async def ask(upstream: Upstream, request: UpstreamCall, *, client: Client | None = None) -> Answer:
    answer = Answer()
    await upstream.handle(request, (client or Client()).receive, answer.send)
    return answer


class Pending:
    """A request under way beside the test."""

    def __init__(self, upstream: Upstream, request: UpstreamCall) -> None:
        self.client = Client()
        self.answer = Answer()
        self.task = asyncio.ensure_future(upstream.handle(request, self.client.receive, self.answer.send))

    async def leave(self) -> None:
        self.client.leave()
        await self.task

    async def close(self) -> None:
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await self.task
