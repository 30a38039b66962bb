"""The good servers: one for each era and each way to let people in.

`Good` is all of it in one place, at one origin; what a broken server changes is a method or a document of it.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

from doorward.doctor.engine.requests import Request, Response, SignIn
from testbed.answers import reply
from testbed.authorization import TOKEN_SECONDS, Authorization
from testbed.endpoint import LEGACY, MODERN, Endpoint
from testbed.signing import key_set, new_key, signed, verified

ORIGIN = "https://mcp.example.com"
PRM = "/.well-known/oauth-protected-resource"


class Good(Authorization, Endpoint):
    """Exactly what a client needs: both eras, with sign-in."""

    needs_token = True
    served = frozenset({LEGACY, MODERN})
    second = "https://auth.example.net"
    """A second origin of the same server, for subclasses that need one."""

    def __init__(self, origin: str = ORIGIN) -> None:
        self.url = f"{origin}/mcp"
        Authorization.__init__(self, origin, self.url)
        Endpoint.__init__(self, self.served)
        self.requests: list[Request] = []
        self.document = {
            "resource": self.url,
            "authorization_servers": [origin],
            "scopes_supported": ["mcp"],
            "bearer_methods_supported": ["header"],
        }
        self.change()

    def change(self) -> None:
        """Change the server before it starts; for broken servers."""

    async def send(self, request: Request) -> Response:
        """Answer as the network does for a check; a wait moves the clock."""
        self.requests.append(request)
        self.now += request.wait_seconds
        response = self.everything(request)
        self.now += response.elapsed_seconds
        return response

    async def person(self, ask: SignIn) -> Response:
        """Act for the person who signs in."""
        return self.sign_in(ask)

    def everything(self, request: Request) -> Response:
        """Answer any URL of the server."""
        path = urlsplit(request.url).path
        if path.rstrip("/") in {"/mcp", "/sse"}:
            return self.endpoint(request)
        if path.startswith(PRM):
            return self.resource_metadata(request)
        return self.elsewhere(request) if not self.needs_token else self.oauth(request)

    def oauth(self, request: Request) -> Response:
        return Authorization.answer(self, request) or self.elsewhere(request)

    def elsewhere(self, request: Request) -> Response:
        return reply(404, {"error": "not_found"})

    def resource_metadata(self, request: Request) -> Response:
        return reply(200, self.document) if self.needs_token else self.elsewhere(request)

    def endpoint(self, request: Request) -> Response:
        """Guard the MCP endpoint."""
        if request.method == "OPTIONS":
            return reply(204)
        if self.needs_token and not self.let_in(request):
            return self.unauthorized(request)
        return Endpoint.answer(self, request)

    def let_in(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self.accepts(token)

    def hand_out(self) -> str:
        """Return a token as a user could supply it; empty if none is needed."""
        if not self.needs_token:
            return ""
        grant = {"grant": self.fresh("grant"), "client_id": "an-operator", "scope": ["mcp"]}
        return str(self.issue(grant).json["access_token"])

    def unauthorized(self, request: Request) -> Response:
        error = ', error="invalid_token"' if "authorization" in request.headers else ""
        challenge = f'Bearer resource_metadata="{self.origin}{PRM}/mcp", scope="mcp"{error}'
        return reply(401, {"error": "invalid_token"}, www_authenticate=challenge)


class Open(Good):
    """Both eras, without sign-in."""

    needs_token = False


class LegacyWithSignIn(Good):
    """Only the handshake era, with sign-in."""

    served = frozenset({LEGACY})


class LegacyOpen(Open):
    """Only the handshake era, without sign-in."""

    served = frozenset({LEGACY})


class ModernWithSignIn(Good):
    """Only the era without sessions, with sign-in. Its refusal tells older clients so."""

    served = frozenset({MODERN})


class ModernOpen(Open):
    """Only the era without sessions, without sign-in. Its refusal tells older clients so."""

    served = frozenset({MODERN})


class SignedTokens(Good):
    """Both eras, with sign-in and tokens that are JWTs: the resource verifies signature, audience and times."""

    def __init__(self, origin: str = ORIGIN) -> None:
        self.signing_key = new_key("key-1")
        self.published = [self.signing_key]
        super().__init__(origin)

    def change(self) -> None:
        self.metadata["jwks_uri"] = f"{self.origin}/jwks.json"

    def everything(self, request: Request) -> Response:
        answer = super().everything(request)
        return replace(answer, headers={"date": formatdate(self.now, usegmt=True), **answer.headers})

    def elsewhere(self, request: Request) -> Response:
        path = urlsplit(request.url).path
        return self.key_set(request) if path == "/jwks.json" else super().elsewhere(request)

    def key_set(self, request: Request) -> Response:
        return reply(200, key_set(*self.published))

    def audience(self) -> str:
        return self.resource

    def issued_at(self) -> int:
        return int(self.now)

    def access_token(self, grant: dict[str, Any]) -> str:
        at = self.issued_at()
        claims = {"iss": self.origin, "aud": self.audience(), "sub": "ann", "jti": self.fresh("jti")}
        claims |= {"client_id": grant["client_id"], "iat": at, "nbf": at, "exp": at + TOKEN_SECONDS}
        return signed(self.signing_key, claims)

    def accepts(self, token: str) -> bool:
        claims = verified(token, *self.published)
        if claims is None or claims["aud"] != self.resource or not claims["nbf"] <= self.now < claims["exp"]:
            return False
        return super().accepts(token)


class HeaderToken(Good):
    """Both eras, behind a token that an operator hands out: no authorization server."""

    handed_out = hashlib.sha256(b"testbed").hexdigest()

    def let_in(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {self.handed_out}"

    def unauthorized(self, request: Request) -> Response:
        return reply(401, {"error": "invalid_token"}, www_authenticate='Bearer realm="mcp", error="invalid_token"')

    def hand_out(self) -> str:
        return self.handed_out

    def oauth(self, request: Request) -> Response:
        return self.elsewhere(request)

    def resource_metadata(self, request: Request) -> Response:
        return self.elsewhere(request)


GOOD: dict[str, type[Good]] = {
    "both-eras": Good,
    "both-eras-open": Open,
    "legacy": LegacyWithSignIn,
    "legacy-open": LegacyOpen,
    "modern": ModernWithSignIn,
    "modern-open": ModernOpen,
    "signed-tokens": SignedTokens,
}
