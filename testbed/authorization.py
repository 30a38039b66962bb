"""A good authorization server: registration, a page, codes, tokens that rotate, revocation. All in memory.

Implements only what a client may rely on: RFC 6749, RFC 7591, RFC 7592, RFC 7009, RFC 8707, RFC 9207.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

from doorward.doctor.engine.requests import Request, Response, SignIn
from testbed.answers import page, reply

TOKEN_SECONDS = 3600
REPLAY_SECONDS = 30
SCOPES = ("mcp", "offline_access")
DOCUMENTS = {
    "https://claude.ai/oauth/mcp-oauth-client-metadata": ["https://claude.ai/api/mcp/auth_callback"],
    "https://claude.ai/oauth/claude-code-client-metadata": ["http://localhost/callback", "http://127.0.0.1/callback"],
    "https://chatgpt.com/oauth/codex/client.json": ["http://127.0.0.1/callback", "http://localhost/callback"],
    "https://vscode.dev/oauth/client-metadata.json": ["http://127.0.0.1:33418/", "https://vscode.dev/redirect"],
}
"""Client ID Metadata Documents of clients: their redirect URIs, by URL."""


class Authorization:
    """One authorization server. Each response is a method, so that a broken server can override it."""

    began_at = 1_800_000_000.0

    def __init__(self, origin: str, resource: str) -> None:
        self.origin = origin
        self.resource = resource
        self.now = self.began_at
        self.clients: dict[str, dict[str, Any]] = {}
        self.deleted: list[str] = []
        self.codes: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, dict[str, Any]] = {}
        """Valid access tokens, each with its grant, client, scope and expiry."""
        self.refresh_tokens: dict[str, dict[str, Any]] = {}
        self.ended: set[str] = set()
        """Grants that were revoked."""
        self.metadata: dict[str, Any] = {
            "issuer": origin,
            "authorization_endpoint": f"{origin}/authorize",
            "token_endpoint": f"{origin}/token",
            "registration_endpoint": f"{origin}/register",
            "revocation_endpoint": f"{origin}/revoke",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": list(SCOPES),
            "client_id_metadata_document_supported": True,
            "authorization_response_iss_parameter_supported": True,
        }
        self._made = 0

    def answer(self, request: Request) -> Response | None:
        """Answer requests to the authorization server; return None for all others."""
        path = urlsplit(request.url).path
        if path.startswith(("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")):
            return self.server_metadata(request)
        if path.startswith("/register/"):
            return self.manage(request)
        handlers = {
            "/register": self.registration,
            "/authorize": self.authorize,
            "/token": self.token,
            "/revoke": self.revoke,
        }
        if path not in handlers:
            return None
        return reply(204) if request.method == "OPTIONS" else handlers[path](request)

    def fresh(self, kind: str) -> str:
        """Return a value that was not there before."""
        self._made += 1
        return f"{kind}-{self._made}-{hashlib.sha256(f'{kind} {self._made}'.encode()).hexdigest()[:24]}"

    def server_metadata(self, request: Request) -> Response:
        return reply(200, self.metadata)

    def registration(self, request: Request) -> Response:
        """Refuse what no server can take, so that a broken one need not think of it."""
        if not isinstance(json.loads(request.body).get("redirect_uris"), list):
            return reply(400, {"error": "invalid_redirect_uri"})
        return self.register(request)

    def register(self, request: Request) -> Response:
        body = json.loads(request.body)
        client_id = self.fresh("client")
        own: dict[str, Any] = {
            "client_id": client_id,
            "registration_client_uri": f"{self.origin}/register/{client_id}",
            "registration_access_token": self.fresh("registration"),
        }
        if body.get("token_endpoint_auth_method", "client_secret_basic") != "none":
            own |= {"client_secret": self.fresh("secret"), "client_secret_expires_at": 0}
        self.clients[client_id] = body | own
        return reply(201, body | own)

    def manage(self, request: Request) -> Response:
        client_id = urlsplit(request.url).path.rpartition("/")[2]
        client = self.clients.get(client_id)
        if client is None or request.headers.get("authorization") != f"Bearer {client['registration_access_token']}":
            return reply(401, {"error": "invalid_token"})
        self.deleted.append(client_id)
        return reply(204)

    def matches(self, registered: str, asked: str) -> bool:
        """Compare redirect URIs: by all but the port on this machine, exactly elsewhere."""
        mine, theirs = urlsplit(registered), urlsplit(asked)
        if mine.scheme == "http":
            return (mine.hostname, mine.path) == (theirs.hostname, theirs.path)
        return registered == asked

    def authorize(self, request: Request) -> Response:
        """Show the page, or say what is wrong with the request."""
        query = dict(parse_qsl(urlsplit(request.url).query))
        client = self.clients.get(query.get("client_id", "")) or self.described(query.get("client_id", ""))
        if client is None or not any(self.matches(uri, query["redirect_uri"]) for uri in client["redirect_uris"]):
            return page(400)
        if query.get("code_challenge_method") != "S256" or query.get("response_type") != "code":
            return self.refused(query, "invalid_request")
        if query.get("prompt") == "none":
            return self.refused(query, "login_required")
        return self.login_page(query)

    def described(self, client_id: str) -> dict[str, Any] | None:
        """Return the client that a metadata document describes, as if it had been fetched."""
        return {"redirect_uris": DOCUMENTS[client_id]} if client_id in DOCUMENTS else None

    def refused(self, query: dict[str, str], error: str) -> Response:
        return self.redirect(query, {"error": error})

    def redirect(self, query: dict[str, str], parameters: dict[str, str]) -> Response:
        """Send the browser back to the client."""
        parameters |= self.issuer_parameter() | ({"state": query["state"]} if "state" in query else {})
        joint = "&" if "?" in query["redirect_uri"] else "?"
        return reply(302, location=f"{query['redirect_uri']}{joint}{urlencode(parameters)}")

    def issuer_parameter(self) -> dict[str, str]:
        return {"iss": self.metadata["issuer"]}

    def login_page(self, query: dict[str, str]) -> Response:
        return page(content_security_policy="default-src 'none'; frame-ancestors 'none'")

    def sign_in(self, ask: SignIn) -> Response:
        """Act for a person who signs in and allows what is asked."""
        shown = self.authorize(Request("GET", ask.url))
        if shown.status != 200:
            return shown
        return self.consent(dict(parse_qsl(urlsplit(ask.url).query)))

    def consent(self, query: dict[str, str]) -> Response:
        code = self.fresh("code")
        self.codes[code] = query | {"until": self.now + 60}
        return self.redirect(query, {"code": code})

    def token(self, request: Request) -> Response:
        """Authenticate the client, then serve its grant."""
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if "grant_type" not in form:
            return reply(400, {"error": "invalid_request"})
        client = self.authenticated(request, form)
        if client is None:
            return reply(401, {"error": "invalid_client"}, www_authenticate="Basic")
        grants = {"authorization_code": self.redeem, "refresh_token": self.refresh}
        if form["grant_type"] not in grants:
            return reply(400, {"error": "unsupported_grant_type"})
        return grants[form["grant_type"]](client, form)

    def authenticated(self, request: Request, form: dict[str, str]) -> dict[str, Any] | None:
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            client_id, _, secret = (unquote(part) for part in base64.b64decode(encoded).decode().partition(":"))
        client = self.clients.get(client_id)
        return client if client is not None and client.get("client_secret", "") == secret else None

    def redeem(self, client: dict[str, Any], form: dict[str, str]) -> Response:
        asked = self.codes.get(form.get("code", ""))
        if asked is None or asked["until"] < self.now or asked["client_id"] != client["client_id"]:
            return reply(400, {"error": "invalid_grant"})
        proof = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if proof.rstrip(b"=").decode() != asked["code_challenge"] or form.get("redirect_uri") != asked["redirect_uri"]:
            return reply(400, {"error": "invalid_grant"})
        if form.get("resource", asked.get("resource")) != asked.get("resource"):
            return reply(400, {"error": "invalid_target"})
        del self.codes[form["code"]]
        scope = [each for each in asked.get("scope", "mcp").split() if each in SCOPES]
        return self.issue({"grant": self.fresh("grant"), "client_id": client["client_id"], "scope": scope})

    def issue(self, grant: dict[str, Any]) -> Response:
        """Return the tokens of a grant."""
        access = self.access_token(grant)
        self.tokens[access] = grant | {"until": self.now + TOKEN_SECONDS}
        body = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": " ".join(grant["scope"]),
        }
        refresh = self.fresh("refresh")
        self.refresh_tokens[refresh] = grant | {"successor": None}
        return reply(200, body | {"refresh_token": refresh}, cache_control="no-store")

    def access_token(self, grant: dict[str, Any]) -> str:
        return self.fresh("access")

    def refresh(self, client: dict[str, Any], form: dict[str, str]) -> Response:
        """Rotate; the same token again within its short window gets the same successor."""
        known = self.refresh_tokens.get(form.get("refresh_token", ""))
        if known is None or known["client_id"] != client["client_id"] or known["grant"] in self.ended:
            return reply(400, {"error": "invalid_grant"})
        if known["successor"] is None:
            known["successor"] = self.issue({name: known[name] for name in ("grant", "client_id", "scope")})
            known["rotated_at"] = self.now
        elif known["rotated_at"] + REPLAY_SECONDS < self.now:
            self.ended.add(known["grant"])
            return reply(400, {"error": "invalid_grant"})
        successor: Response = known["successor"]
        return successor

    def revoke(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if self.authenticated(request, form) is None:
            return reply(401, {"error": "invalid_client"})
        known = self.tokens.get(form.get("token", "")) or self.refresh_tokens.get(form.get("token", ""))
        if known is not None:
            self.ended.add(known["grant"])
        return reply(200, {})

    def accepts(self, token: str) -> bool:
        """Return whether an access token is good now."""
        known = self.tokens.get(token)
        return known is not None and known["until"] > self.now and known["grant"] not in self.ended
