"""A whole door in this process, with a clock that stands still, and a browser and a client to use it with."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2

from doorward import Door
from doorward.clock import FixedClock
from doorward.directory.clients import add_client
from doorward.oauth.clients.new_client import NewClient

ISSUER = "https://mcp.example.com"
RESOURCE = f"{ISSUER}/mcp"
REDIRECT_URI = "https://client.example/callback"
PASSWORD = "correct horse"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


async def echo_app(scope, receive, send) -> None:
    """Answer every POST with the headers it got, as a JSON-RPC result."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await receive()
    names = ",".join(sorted({name.decode() for name, _ in scope["headers"]}))
    body = b'{"jsonrpc":"2.0","id":1,"result":{"headers":"%s"}}' % names.encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class World:
    """One door, started, with helpers that speak HTTP to it."""

    def __init__(self, door: Door, clock: FixedClock) -> None:
        self.door = door
        self.clock = clock
        self.front: Any = door
        """What requests arrive at: the door, or an application in front of it."""

    def browser(self) -> httpx2.AsyncClient:
        """A browser: keeps cookies, follows nothing by itself."""
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(self.front), base_url=self.door.policy.issuer)

    async def register(self, **metadata: Any) -> dict[str, Any]:
        async with self.browser() as http:
            body = {"redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none", "client_name": "Test"}
            answer = await http.post("/register", json=body | metadata)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def known_client(self) -> str:
        """Add a client as an operator does: its errors go back to it."""
        made = await add_client(
            *(self.door.store, self.door.clock, self.door.entropy),
            NewClient(client_name="Known", redirect_uris=(REDIRECT_URI,), confidential=False),
            policy=self.door.policy,
        )
        return made.client.client_id

    def authorize_parameters(self, client_id: str, **changes: str) -> dict[str, str]:
        parameters = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": REDIRECT_URI,
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "state": "opaque",
            "resource": next(iter(self.door.policy.resources)),
        } | changes
        return {name: value for name, value in parameters.items() if value != "-"}

    async def sign_in(self, browser: httpx2.AsyncClient, client_id: str, **changes: str) -> httpx2.Response:
        """Go from `/authorize` to the consent page."""
        answer = await browser.get("/authorize", params=self.authorize_parameters(client_id, **changes))
        page = await follow(browser, answer)
        if "username" in page.text:
            page = await self.submit(browser, page, username="owner", password=PASSWORD)
        return page

    async def submit(self, browser: httpx2.AsyncClient, page: httpx2.Response, **values: str) -> httpx2.Response:
        """Send the form of a page and follow to the next page, or to the redirect that leaves us."""
        action, fields = form_of(page)
        return await follow(browser, await browser.post(urljoin(str(page.url), action), data=fields | values))

    async def code(self, client_id: str, **changes: str) -> str:
        async with self.browser() as browser:
            page = await self.sign_in(browser, client_id, **changes)
            answer = await self.submit(browser, page, decision="approve")
        return query_of(answer)["code"]

    async def token(self, **form: str) -> httpx2.Response:
        async with self.browser() as http:
            return await http.post("/token", data=form)

    async def redeem(self, client_id: str, code: str, **changes: str) -> httpx2.Response:
        form = {
            "grant_type": "authorization_code",
            "client_id": client_id,
            "code": code,
            "redirect_uri": REDIRECT_URI,
            "code_verifier": VERIFIER,
        }
        return await self.token(**(form | changes))

    async def call(self, access_token: str | None) -> httpx2.Response:
        headers = {"accept": "application/json, text/event-stream"}
        if access_token:
            headers["authorization"] = f"Bearer {access_token}"
        async with self.browser() as http:
            return await http.post("/mcp", json=CALL, headers=headers)


@asynccontextmanager
async def world(
    tmp_path: Path, *, app: Any = echo_app, clock: FixedClock | None = None, public_url: str = ISSUER, **settings: Any
):
    """Run a door on SQLite in `tmp_path`; opening the same path again is a restart."""
    clock = clock or FixedClock()
    door = Door(
        app,
        public_url=public_url,
        data_dir=tmp_path / "data",
        clock=clock,
        **({"owner_password": PASSWORD} | settings),
    )
    async with door.lifespan():
        yield World(door, clock)


def form_of(page: httpx2.Response) -> tuple[str, dict[str, str]]:
    """Return action and hidden fields of the one form of a page."""
    action = re.search(r'<form method="post" action="([^"]+)"', page.text)
    assert action, page.text
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
    return html.unescape(action[1]), {name: html.unescape(value) for name, value in fields}


async def follow(browser: httpx2.AsyncClient, answer: httpx2.Response) -> httpx2.Response:
    """Follow redirects that stay at the door."""
    own = f"{str(browser.base_url).rstrip('/')}/"
    while answer.status_code in {302, 303} and answer.headers["location"].startswith(own):
        answer = await browser.get(answer.headers["location"])
    return answer


def query_of(answer: httpx2.Response) -> dict[str, str]:
    """Return the query of the redirect that leaves us."""
    assert answer.status_code == 303, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
