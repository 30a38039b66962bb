"""One script of good and bad OAuth requests, for any authorization server: what it says to each, in comparable words.

Knows the endpoints from the metadata and nothing of who serves them. An answer becomes a few words: `200`,
`400 invalid_grant`, `back: invalid_scope` for an error that the client is told by redirect, `page 400` for one that
only the person sees, and `pages` for a request that leads to signing in.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
from flows.user_agent import Browser, Person

REDIRECT_URI = "http://127.0.0.1:33419/callback"
VERIFIER = "the-verifier-of-this-script-is-long-enough-for-anyone"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
Pairs = list[tuple[str, str]]


@dataclass
class Known:
    """A registered client, and how it authenticates."""

    client_id: str
    secret: str | None
    method: str


@dataclass
class Server:
    """One authorization server, one resource and a person who may sign in."""

    metadata: dict[str, Any]
    resource: str
    person: Person
    http: httpx2.AsyncClient
    known: dict[str, Known] = field(default_factory=dict)

    async def register(self, **changes: Any) -> httpx2.Response:
        body = {"redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none", "application_type": "native"}
        return await self.http.post(self.metadata["registration_endpoint"], json=body | changes)

    async def client(self, name: str, method: str = "none") -> Known:
        """Return a client of the script by its name, registered once."""
        if name not in self.known:
            given = (await self.register(token_endpoint_auth_method=method)).raise_for_status().json()
            self.known[name] = Known(given["client_id"], given.get("client_secret"), method)
        return self.known[name]

    def authorization(self, client: Known, **changes: str | None) -> str:
        """Return the address of an authorization request; a change to None leaves the parameter out."""
        query: dict[str, str | None] = {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": REDIRECT_URI,
            "scope": "mcp",
            "state": "s1",
            "resource": self.resource,
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        sent = {name: value for name, value in (query | changes).items() if value is not None}
        return f"{self.metadata['authorization_endpoint']}?{urlencode(sent)}"

    async def asked(self, url: str) -> str:
        """Say what an authorization request leads to."""
        answer = await self.http.get(url, headers={"accept": "text/html"})
        location = answer.headers.get("location")
        if location is None:
            return f"page {answer.status_code}"
        if not location.startswith(REDIRECT_URI):
            return "pages"
        parts = urlsplit(location)
        query = parse_qs(parts.query or parts.fragment)
        whole = query.get("state") == ["s1"] and query.get("iss") == [self.metadata["issuer"]]
        where = "back" if parts.query else "back in the fragment"
        return f"{where}: {query['error'][0]}{'' if whole else ' without state or iss'}"

    async def code(self, client: Known, **changes: str | None) -> str:
        back = await Browser().follow(self.authorization(client, **changes), REDIRECT_URI, self.person)
        return back.parameters["code"]

    async def post(
        self, endpoint: str, form: Pairs, client: Known | None = None, headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        """Send a form as the client authenticates."""
        form, headers = list(form), dict(headers or {})
        if client is not None and client.method == "client_secret_basic":
            headers["authorization"] = basic(client.client_id, client.secret or "")
        elif client is not None:
            form.append(("client_id", client.client_id))
            if client.secret is not None:
                form.append(("client_secret", client.secret))
        headers.setdefault("content-type", "application/x-www-form-urlencoded")
        return await self.http.post(self.metadata[f"{endpoint}_endpoint"], content=urlencode(form), headers=headers)

    async def tokens(self, client: Known) -> dict[str, str]:
        """Sign in and return fresh tokens."""
        return (await self.post("token", redemption(await self.code(client)), client)).raise_for_status().json()


Case = Callable[[Server], Awaitable[str]]


def basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def redemption(code: str, **changes: str | None) -> Pairs:
    """Return the form that redeems a code; a change to None leaves the parameter out."""
    form: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
    }
    return [(name, value) for name, value in (form | changes).items() if value is not None]


def renewal(refresh_token: str, **more: str) -> Pairs:
    return [("grant_type", "refresh_token"), ("refresh_token", refresh_token), *more.items()]


def said(answer: httpx2.Response) -> str:
    """Put an answer of an endpoint into words."""
    try:
        error = answer.json().get("error", "")
    except ValueError:
        error = ""
    return f"{answer.status_code} {error}".strip()
