"""The servers that are measured or stand behind those, one function each: `name(settings)` returns an ASGI app."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

from bench.calls import MODERN

Asgi = Callable[..., Any]
META = {"io.modelcontextprotocol/serverInfo": {"name": "raw", "version": "1"}}
ECHO_SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
CACHE = {"ttlMs": 0, "cacheScope": "private", "resultType": "complete", "_meta": META}


@dataclass(frozen=True)
class Settings:
    """The settings of a server."""

    port: int
    folder: Path
    """Its own, empty at the start."""
    shared: Path
    """The same for all."""
    ports: dict[str, int]
    """Where the other servers listen."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


async def read_body(receive: Any) -> bytes:
    """Read a whole request body."""
    body = b""
    while True:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body"):
            return body


async def answer(send: Any, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    """Send one JSON answer."""
    lines = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})


def result_of(body: dict[str, Any]) -> dict[str, Any]:
    """Answer the few methods that a client or proxy of the stateless era uses."""
    match body["method"]:
        case "tools/call":
            content = [{"type": "text", "text": body["params"]["arguments"]["text"]}]
            return {"content": content, "isError": False, "resultType": "complete", "_meta": META}
        case "tools/list":
            tool = {"name": "echo", "description": "Return the text.", "inputSchema": ECHO_SCHEMA}
            return {"tools": [tool], **CACHE}
        case "server/discover":
            return {"supportedVersions": [MODERN], "capabilities": {"tools": {}}, **CACHE}
    raise ValueError(body["method"])


def raw(_: Settings) -> Asgi:
    """An MCP server with nothing in it: the floor of any figure."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        body = json.loads(await read_body(receive))
        if body["method"] == "subscriptions/listen":
            await listen(body, receive, send)
            return
        reply = {"jsonrpc": "2.0", "id": body["id"], "result": result_of(body)}
        await answer(send, 200, json.dumps(reply, separators=(",", ":")).encode())

    return app


async def listen(body: dict[str, Any], receive: Any, send: Any) -> None:
    """Acknowledge a subscription and keep its stream open until the client goes."""
    stamp = {"io.modelcontextprotocol/subscriptionId": body["id"]}
    parameters = {"_meta": stamp, "notifications": {}}
    first = {"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": parameters}
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    event = f"event: message\ndata: {json.dumps(first)}\n\n".encode()
    await send({"type": "http.response.body", "body": event, "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass


async def lifespan(receive: Any, send: Any) -> None:
    """Agree to start and to stop."""
    for stage in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{stage}.complete"})


def fastmcp_server(auth: Any = None) -> Any:
    """Return a FastMCP server with one tool."""
    from fastmcp import FastMCP

    server = FastMCP("bench", version="1", auth=auth)

    @server.tool(output_schema=None)
    def echo(text: str) -> str:
        """Return the text."""
        return text

    return server


def fastmcp(_: Settings) -> Asgi:
    """FastMCP as it is, answering JSON."""
    return fastmcp_server().http_app(json_response=True)


def signing_keys(shared: Path) -> Any:
    """Return the one RSA key pair of this benchmark, made at first use."""
    from fastmcp.server.auth.providers.jwt import RSAKeyPair
    from pydantic import SecretStr

    file = shared / "keys.json"
    if not file.exists():
        made = RSAKeyPair.generate()
        file.write_text(json.dumps([made.private_key.get_secret_value(), made.public_key]))
    private, public = json.loads(file.read_text())
    return RSAKeyPair(private_key=SecretStr(private), public_key=public)


def fastmcp_jwt(settings: Settings) -> Asgi:
    """FastMCP that verifies RS256 tokens itself; a good token is written beside it."""
    from fastmcp.server.auth.providers.jwt import JWTVerifier

    keys = signing_keys(settings.shared)
    (settings.folder / "token").write_text(keys.create_token(issuer="https://bench", audience="bench"))
    verifier = JWTVerifier(public_key=keys.public_key, issuer="https://bench", audience="bench")
    return fastmcp_server(verifier).http_app(json_response=True)


def fastmcp_oauth_proxy(settings: Settings) -> Asgi:
    """FastMCP with its OAuth proxy and the store that it has by default, in front of `identity_provider`."""
    from fastmcp.server.auth.oauth_proxy import OAuthProxy
    from fastmcp.server.auth.providers.jwt import JWTVerifier

    provider = f"http://127.0.0.1:{settings.ports['identity_provider']}"
    keys = signing_keys(settings.shared)
    proxy = OAuthProxy(
        upstream_authorization_endpoint=f"{provider}/authorize",
        upstream_token_endpoint=f"{provider}/token",
        upstream_client_id="bench",
        upstream_client_secret="a secret of the benchmark",
        token_verifier=JWTVerifier(public_key=keys.public_key, issuer=provider, audience="bench"),
        base_url=settings.url,
        require_authorization_consent=False,
        valid_scopes=["mcp"],
    )
    return fastmcp_server(proxy).http_app(json_response=True)


def sdk_routes(settings: Settings) -> Asgi:
    """The SDK's authorization server routes over dictionaries in memory; consent is given at once."""
    from fastmcp.server.auth.providers.in_memory import ClientRegistrationOptions, InMemoryOAuthProvider

    options = ClientRegistrationOptions(enabled=True, valid_scopes=["mcp"], default_scopes=["mcp"])
    provider = InMemoryOAuthProvider(base_url=settings.url, client_registration_options=options)
    return fastmcp_server(provider).http_app(json_response=True)


def identity_provider(settings: Settings) -> Asgi:
    """An identity provider that says yes at once."""
    keys = signing_keys(settings.shared)
    token = keys.create_token(issuer=settings.url, audience="bench", expires_in_seconds=86400)
    tokens = {"access_token": token, "refresh_token": "r", "token_type": "Bearer", "expires_in": 86400}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
        elif scope["path"] == "/token":
            await read_body(receive)
            await answer(send, 200, json.dumps(tokens).encode())
        else:
            query = parse_qs(scope["query_string"].decode())
            back = f"{query['redirect_uri'][0]}?{urlencode({'code': 'c', 'state': query['state'][0]})}"
            await answer(send, 302, b"", (b"location", back.encode()))

    return app


def fastmcp_proxy(settings: Settings) -> Asgi:
    """FastMCP's reverse proxy in front of `raw_upstream`."""
    from fastmcp.server import create_proxy

    upstream = f"http://127.0.0.1:{settings.ports['raw_upstream']}/mcp"
    return create_proxy(upstream, name="proxy").http_app(json_response=True)
