"""The authorization server as work: register, sign in, consent, redeem, refresh, for servers with the usual paths."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Generator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx2
from flows.user_agent import Browser, Person, fill, first_form

from bench.load import Reply, User, Wrong, request

REDIRECT_URI = "http://127.0.0.1:33418/callback"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
REGISTRATION = {
    "client_name": "bench",
    "redirect_uris": [REDIRECT_URI],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
    "application_type": "native",
    "scope": "mcp",
}


@dataclass(frozen=True)
class Grant:
    """What a client holds after the whole flow."""

    client_id: str
    access_token: str
    refresh_token: str


@dataclass(frozen=True)
class Asked:
    """One authorization request, ready to send."""

    path: str
    state: str
    verifier: str
    resource: str


def authorization(client_id: str, base_url: str) -> Asked:
    """Make an authorization request with fresh PKCE and state."""
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    digest = hashlib.sha256(verifier.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": REDIRECT_URI,
        "state": state,
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
        "resource": f"{base_url}/mcp",
        "scope": "mcp",
    }
    return Asked(f"/authorize?{urlencode(query)}", state, verifier, query["resource"])


def redemption(asked: Asked, client_id: str, code: str) -> dict[str, str]:
    """Return the form that redeems a code."""
    return {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": client_id,
        "redirect_uri": REDIRECT_URI,
        "code_verifier": asked.verifier,
        "resource": asked.resource,
    }


async def obtain(base_url: str, person: Person, browser: Browser | None = None) -> Grant:
    """Go through the whole flow once, before any measuring; redirects may leave the server and come back."""
    async with httpx2.AsyncClient(base_url=base_url, timeout=60) as http:
        client_id = (await http.post("/register", json=REGISTRATION)).raise_for_status().json()["client_id"]
        asked = authorization(client_id, base_url)
        back = await (browser or Browser()).follow(f"{base_url}{asked.path}", REDIRECT_URI, person)
        if back.parameters.get("state") != asked.state or "code" not in back.parameters:
            raise Wrong(f"the flow ended with {back.parameters}")
        form = redemption(asked, client_id, back.parameters["code"])
        tokens = (await http.post("/token", data=form)).raise_for_status().json()
    return Grant(client_id, tokens["access_token"], tokens.get("refresh_token", ""))


def registering_user(port: int) -> User:
    """Register new clients repeatedly."""
    asked = request("POST", "/register", port, {"Content-Type": "application/json"}, json.dumps(REGISTRATION).encode())
    while True:
        reply = (yield asked).expect(201)
        if json.loads(reply.body)["redirect_uris"] != [REDIRECT_URI]:
            raise Wrong(f"{reply.body[:300]!r}")
        yield None


def refreshing_user(port: int, grant: Grant) -> User:
    """Refresh repeatedly, each time with the token of the last refresh."""
    current = grant.refresh_token
    while True:
        form = {"grant_type": "refresh_token", "refresh_token": current, "client_id": grant.client_id}
        reply = (yield request("POST", "/token", port, FORM, urlencode(form).encode())).expect(200)
        tokens = json.loads(reply.body)
        if not tokens["access_token"] or tokens["refresh_token"] == current:
            raise Wrong(f"{reply.body[:300]!r}")
        current = tokens["refresh_token"]
        yield None


def flow_user(port: int, person: Person, *, stay_signed_in: bool, base_url: str = "") -> User:
    """Register, authorize, sign in, consent and redeem repeatedly, with a new client each time.

    Someone who stays signed in keeps their cookies, so only the first flow asks for the password; of a door that takes
    a public URL with a host of its own. Requests go to the port in any case.
    """
    base_url = base_url or f"http://127.0.0.1:{port}"
    registration = json.dumps(REGISTRATION).encode()
    cookies: dict[str, str] = {}
    while True:
        reply = yield request("POST", "/register", port, {"Content-Type": "application/json"}, registration)
        client_id = json.loads(reply.expect(201).body)["client_id"]
        asked = authorization(client_id, base_url)
        code = yield from walk(port, base_url + asked.path, asked.state, person, cookies)
        form = urlencode(redemption(asked, client_id, code)).encode()
        tokens = json.loads((yield request("POST", "/token", port, FORM, form)).expect(200).body)
        if not tokens["access_token"] or not tokens["refresh_token"]:
            raise Wrong(f"no tokens in {tokens}")
        if not stay_signed_in:
            cookies.clear()
        yield None


def walk(
    port: int, url: str, state: str, person: Person, cookies: dict[str, str]
) -> Generator[bytes | None, Reply, str]:
    """Be the browser from the authorization request to the redirect back; returns the code."""
    reply = yield page(port, "GET", url, cookies)
    while True:
        for line in reply.headers("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if value:
                cookies[name.strip()] = value.strip()
            else:
                cookies.pop(name.strip(), None)
        if location := reply.header("location"):
            url = urljoin(url, location)
            if url.startswith(REDIRECT_URI):
                query = parse_qs(urlsplit(url).query)
                if query.get("state") != [state]:
                    raise Wrong(f"the flow ended with {query}")
                return query["code"][0]
            reply = yield page(port, "GET", url, cookies)
            continue
        form = first_form(reply.expect(200).body.decode())
        if form is None:
            raise Wrong(f"no form in {reply.body[:300]!r}")
        url = urljoin(url, form.action)
        reply = yield page(port, "POST", url, cookies, urlencode(fill(form, person)).encode())


def page(port: int, method: str, url: str, cookies: dict[str, str], body: bytes | None = None) -> bytes:
    """Return the request that a browser sends for a page of the same site."""
    parts = urlsplit(url)
    headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
    if cookies:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    if body is not None:
        headers |= {**FORM, "Origin": f"{parts.scheme}://{parts.netloc}"}
    return request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path, port, headers, body)
