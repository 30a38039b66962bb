"""A good server as a function from request to answer, and the one change that breaks it in each way."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from doorward.doctor.exchange import Request, Response

ORIGIN = "https://mcp.example.com"
URL = f"{ORIGIN}/mcp"
PRM = f"{ORIGIN}/.well-known/oauth-protected-resource"
CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "Authorization, Content-Type, MCP-Protocol-Version, Mcp-Session-Id",
    "access-control-expose-headers": "WWW-Authenticate, Mcp-Session-Id",
}


def reply(status: int, body: Any = None, media_type: str = "application/json", **headers: str) -> Response:
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, {"content-type": media_type, **CORS, **given}, data)


def page(status: int = 200, **headers: str) -> Response:
    return reply(status, b"<!doctype html><title>Sign in</title>", "text/html; charset=utf-8", **headers)


def rpc_error(status: int, code: int = -32600) -> Response:
    return reply(status, {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": "no"}})


class Good:
    """Everything a client needs, and nothing else."""

    needs_token = True

    def __init__(self) -> None:
        self.clients: dict[str, dict[str, Any]] = {}
        self.deleted: list[str] = []
        self.requests: list[Request] = []
        self.resource: Any = {
            "resource": URL,
            "authorization_servers": [ORIGIN],
            "scopes_supported": ["mcp"],
        }
        self.metadata: Any = {
            "issuer": ORIGIN,
            "authorization_endpoint": f"{ORIGIN}/authorize",
            "token_endpoint": f"{ORIGIN}/token",
            "registration_endpoint": f"{ORIGIN}/register",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "client_id_metadata_document_supported": True,
        }

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        return self.answer(request)

    def answer(self, request: Request) -> Response:
        path = urlsplit(request.url).path
        if path.rstrip("/") in {"/mcp", "/sse"}:
            return self.endpoint(request)
        if path.startswith("/.well-known/oauth-protected-resource"):
            return self.resource_metadata(request)
        if path.startswith(("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")):
            return reply(200, self.metadata)
        if path.startswith("/register/"):
            self.deleted.append(path.rpartition("/")[2])
            return reply(204)
        handlers: dict[str, Callable[[Request], Response]] = {
            "/register": self.register,
            "/authorize": self.authorize,
            "/token": self.token,
        }
        return handlers[path](request) if path in handlers else reply(404, {"error": "not_found"})

    def resource_metadata(self, request: Request) -> Response:
        return reply(200, self.resource)

    def endpoint(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return reply(204)
        if self.needs_token:
            return self.unauthorized(request)
        if request.method == "GET":
            return reply(405, allow="POST")
        return self.call(request)

    def unauthorized(self, request: Request) -> Response:
        return reply(401, {"error": "no token"}, www_authenticate=f'Bearer resource_metadata="{PRM}/mcp", scope="mcp"')

    def call(self, request: Request) -> Response:
        message = json.loads(request.body)
        if "mcp-session-id" in request.headers:
            return rpc_error(404)
        if message["method"] == "initialize":
            version = message["params"]["protocolVersion"]
            return self.result({"protocolVersion": version, "capabilities": {"tools": {}}}, mcp_session_id="one")
        return rpc_error(400, -32601)

    def result(self, result: Any, **headers: str) -> Response:
        return reply(200, {"jsonrpc": "2.0", "id": 1, "result": result}, **headers)

    def register(self, request: Request) -> Response:
        body = json.loads(request.body)
        client_id = f"client-{len(self.clients)}"
        self.clients[client_id] = body
        own = {
            "client_id": client_id,
            "registration_client_uri": f"{ORIGIN}/register/{client_id}",
            "registration_access_token": "let-me-in-registration",
        }
        secret = {"client_secret": "very-secret-value", "client_secret_expires_at": 0}
        return reply(201, body | own | (secret if body["token_endpoint_auth_method"] != "none" else {}))

    def authorize(self, request: Request) -> Response:
        query = dict(parse_qsl(urlsplit(request.url).query))
        client = self.clients[query["client_id"]]
        if not any(self.matches(uri, query["redirect_uri"]) for uri in client["redirect_uris"]):
            return page(400)
        return self.login_page(query)

    def refused(self, query: dict[str, str], error: str) -> Response:
        return reply(302, location=f"{query['redirect_uri']}?{urlencode({'error': error})}")

    def login_page(self, query: dict[str, str]) -> Response:
        return page()

    def matches(self, registered: str, asked: str) -> bool:
        mine, theirs = urlsplit(registered), urlsplit(asked)
        if mine.scheme == "http":
            return (mine.hostname, mine.path) == (theirs.hostname, theirs.path)
        return registered == asked

    def token(self, request: Request) -> Response:
        form = parse_qs(request.body.decode())
        if "client_id" not in form and "authorization" not in request.headers:
            return reply(401, {"error": "invalid_client"})
        return reply(400, {"error": "invalid_grant"})


class Open(Good):
    needs_token = False
