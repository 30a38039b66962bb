"""One door in front of a small upstream, and requests to it as an ASGI server would make them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from one_door import one_door

from doorward.clock import CountingEntropy, FixedClock
from doorward.config.policy import resource_of
from doorward.door.door import McpDoor
from doorward.door.services import DoorServices
from doorward.edge.client_address import ClientAddresses
from doorward.keys.sealing import Sealer
from doorward.oauth.policy import Policy, by_uri
from doorward.oauth.tokens import opaque as tokens
from doorward.records.accounts import HeaderToken
from doorward.records.changes import Insert
from doorward.records.oauth import AccessToken
from doorward.storage.memory import MemoryStore
from doorward.upstreams.port import Era, Receive, Send, UpstreamCall

ORIGIN = "https://mcp.example.com"
RESOURCE = ORIGIN + "/mcp"
MODERN = "2026-07-28"
BOTH = "application/json, text/event-stream"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}

Lines = list[tuple[bytes, bytes]]
Handle = Callable[[UpstreamCall, Receive, Send], Awaitable[None]]


@dataclass
class Answer:
    """What came back for one request."""

    status: int = 0
    headers: Lines = field(default_factory=list)
    body: bytes = b""
    parts: list[bytes] = field(default_factory=list)
    is_complete: bool = False

    def all(self, name: str) -> list[str]:
        return [value.decode("latin-1") for key, value in self.headers if key.decode("latin-1") == name]

    def one(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) < 2, f"{name} was sent {len(values)} times"
        return values[0] if values else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> int:
        """The JSON-RPC error code."""
        code: int = self.json["error"]["code"]
        return code

    async def take(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            assert not self.status, "the answer was started twice"
            self.status, self.headers = message["status"], list(message["headers"])
        else:
            assert self.status, "the body came before the head"
            assert not self.is_complete, "the body went on after its end"
            part = message.get("body", b"")
            self.parts.append(part)
            self.body += part
            self.is_complete = not message.get("more_body", False)


async def answer_json(call: UpstreamCall, receive: Receive, send: Send) -> None:
    """An upstream that is content with everything."""
    body = json.dumps({"jsonrpc": "2.0", "id": call.rpc_id, "result": {}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Recording:
    """An upstream that keeps every call and answers by a function."""

    def __init__(
        self,
        handle: Handle = answer_json,
        *,
        name: str = "The MCP server behind /mcp",
        audience: str | None = None,
        keeps_sessions_here: bool = False,
    ) -> None:
        self.name = name
        self.audience = audience
        self.keeps_sessions_here = keeps_sessions_here
        self.calls: list[UpstreamCall] = []
        self.answer = handle

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def era(self) -> Era | None:
        return None

    async def handle(self, call: UpstreamCall, receive: Receive, send: Send) -> None:
        self.calls.append(call)
        await self.answer(call, receive, send)

    @property
    def last(self) -> UpstreamCall:
        return self.calls[-1]

    def got(self, name: str) -> list[str]:
        return [value.decode("latin-1") for key, value in self.last.headers if key == name.encode()]


class Front:
    """A door with its store, and tokens made by hand."""

    def __init__(self, upstream: Any = None, *, origin: str = ORIGIN, door: dict[str, Any] | None = None, **settings):
        self.upstream = upstream if upstream is not None else Recording()
        self.origin = origin
        self.clock = FixedClock()
        self.store = MemoryStore()
        self.entropy = CountingEntropy()
        self.config = one_door(public_url=origin, **{"host": "0.0.0.0", **settings})
        self.resource = resource_of(self.config)
        self.policy = Policy(issuer=origin, resources=by_uri(self.resource), other_hosts=self.config.allowed_hosts)
        self.sealer = Sealer("mcp session", b"kid1", {b"kid1": bytes(32)}, self.entropy)
        self.door = self.another_worker(**(door or {}))

    def another_worker(self, **services: Any) -> McpDoor:
        """Return the same door once more, with other parts of the installation."""
        shared = {
            "policy": self.policy,
            "store": self.store,
            "clock": self.clock,
            "entropy": self.entropy,
            "sealer": self.sealer,
            "addresses": ClientAddresses(self.config.trusted_proxies),
            "listens_on": self.config.host,
            "write_timeout_seconds": self.config.write_timeout_seconds,
        }
        return McpDoor(
            settings=self.config.doors[0],
            resource=self.resource,
            upstream=self.upstream,
            services=DoorServices(**{**shared, **services}),
        )

    async def access_token(self, **changes: Any) -> str:
        value = tokens.mint(tokens.ACCESS_TOKEN, self.entropy.random_bytes(32))
        record = {
            "access_digest": tokens.digest(value),
            "grant_id": "grant-1",
            "client_id": "client-1",
            "user_id": "ann",
            "scopes": ("mcp",),
            "resource": self.resource.uri,
            "created_at": self.clock.now(),
            "expires_at": self.clock.now() + 3600,
        }
        await self.store.apply([Insert(AccessToken(**{**record, **changes}))])
        return value

    async def header_token(self, **changes: Any) -> str:
        value = tokens.mint(tokens.HEADER_TOKEN, self.entropy.random_bytes(32))
        record = {
            "token_digest": tokens.digest(value),
            "token_id": "token-1",
            "name": "ci",
            "user_id": "robot",
            "scopes": ("mcp",),
            "created_at": self.clock.now(),
        }
        await self.store.apply([Insert(HeaderToken(**{**record, **changes}))])
        return value

    async def ask(
        self,
        body: Any = None,
        *,
        method: str = "POST",
        token: str | None = None,
        headers: dict[str, str | None] | None = None,
        more: Lines | None = None,
        receive: Receive | None = None,
        door: McpDoor | None = None,
        **scope: Any,
    ) -> Answer:
        """Send one request. A header that is None is left out; `more` are further lines, doubled or not."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent: dict[str, str | None] = {"host": self.origin.partition("://")[2], "accept": BOTH}
        if method == "POST":
            sent |= {"content-type": "application/json", "content-length": str(len(content))}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        sent |= {name.lower(): value for name, value in (headers or {}).items()}
        lines = [(name.encode(), value.encode("latin-1")) for name, value in sent.items() if value is not None]
        answer = Answer()
        await (door or self.door)(
            {
                "type": "http",
                "asgi": {"version": "3.0", "spec_version": "2.3"},
                "http_version": "1.1",
                "method": method,
                "scheme": "http",
                "path": "/mcp",
                "raw_path": b"/mcp",
                "root_path": "",
                "query_string": b"",
                "client": ("192.0.2.7", 4711),
                "server": ("127.0.0.1", 8000),
                "headers": lines + (more or []),
                **scope,
            },
            receive or arriving(content),
            answer.take,
        )
        return answer


def arriving(*parts: bytes, then: str | None = None) -> Receive:
    """A `receive` that delivers a body in these parts; then it waits forever, or returns `then` at once."""
    messages = [
        {"type": "http.request", "body": part, "more_body": index + 1 < len(parts)} for index, part in enumerate(parts)
    ]
    if then is not None:
        messages.append({"type": then})

    async def receive() -> Any:
        if messages:
            return messages.pop(0)
        return await asyncio.get_running_loop().create_future()

    return receive


def legacy(method: str = "tools/list", rpc_id: Any = 1, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": rpc_id, "method": method, "params": params}


def modern(method: str = "tools/list", rpc_id: Any = 1, **params: Any) -> dict[str, Any]:
    return legacy(method, rpc_id, **params, _meta=META)


def modern_headers(method: str = "tools/list", **others: str | None) -> dict[str, str | None]:
    return {"mcp-protocol-version": MODERN, "mcp-method": method, **others}
