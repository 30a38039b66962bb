"""Eleven real clients as the door sees them: how each gets known, where it listens, and what it does of its own.

Each goes the whole way with every defence on: challenge, metadata, registration, sign-in, tokens, a restart of the
door, a refresh, and a list of tools in either protocol era.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from door.fronts import legacy, modern, modern_headers
from endpoints.documents import KEY, proof, public, publish
from endpoints.test_real_clients import DOCUMENTS, TWINS
from fetching.hostile import Host, listening, local_fetcher, response
from mcp.server.mcpserver import MCPServer
from world import RESOURCE, VERIFIER, World, world

from doorward.clock import FixedClock
from doorward.directory.clients import add_client
from doorward.directory.header_tokens import NewHeaderToken, create_header_token
from doorward.oauth.clients.new_client import NewClient

BOTH = "application/json, text/event-stream"
INITIALIZE = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "client", "version": "1"}}


@dataclass
class Known:
    """A client as it is known at the door."""

    client_id: str
    redirect_uri: str
    form: Callable[[World], dict[str, str]]
    """What proves it, in the form of a token request."""
    auth: tuple[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """What it adds to every request."""
    at_once: int = 1
    """How many of its processes refresh at the same moment."""


Meet = Callable[[World, Host], Awaitable[Known]]


def server() -> Any:
    """Return a server of one tool."""
    made = MCPServer("notes")
    made.tool()(whoami)
    return made.streamable_http_app()


def whoami() -> str:
    """Say something."""
    return "somebody"


async def registered(w: World, body: Mapping[str, Any], **headers: str) -> dict[str, Any]:
    """Register as the body says, twice in the same moment, as hosted clients do; use the second."""
    async with w.browser() as http:
        both = await asyncio.gather(*(http.post("/register", json=body, headers=headers) for _ in range(2)))
    assert [answer.status_code for answer in both] == [201, 201], both[0].text
    client: dict[str, Any] = both[1].json()
    return client


def by_registration(name: str, redirect_uri: str = "", *, at_once: int = 1) -> Meet:
    """Return a client that registers itself; `redirect_uri`: where it listens, if not at the first it names."""

    async def meet(w: World, host: Host) -> Known:
        del host
        client = await registered(w, TWINS[name])
        client_id, secret = client["client_id"], client.get("client_secret")
        method = client["token_endpoint_auth_method"]
        posted = {"client_secret": secret} if method == "client_secret_post" else {}
        auth = (client_id, secret) if method == "client_secret_basic" else None
        listens_at = redirect_uri or TWINS[name]["redirect_uris"][-1]
        return Known(client_id, listens_at, lambda _: {"client_id": client_id, **posted}, auth, at_once=at_once)

    return meet


def by_document(name: str, redirect_uri: str = "") -> Meet:
    """Return a client that describes itself at a URL."""

    async def meet(w: World, host: Host) -> Known:
        del w
        said = DOCUMENTS[name] | {"client_name": name}
        keyed = said["token_endpoint_auth_method"] == "private_key_jwt"
        if keyed:
            said["jwks_uri"] = host.url("/jwks.json")
            host.answers["/jwks.json"] = response(json.dumps(public(KEY)).encode())
        client_id = publish(host, **said)
        used: list[None] = []

        def form(w: World) -> dict[str, str]:
            used.append(None)
            return {"client_id": client_id} | (proof(w, client_id, jti=f"{len(used)}") if keyed else {})

        return Known(client_id, redirect_uri or said["redirect_uris"][0], form)

    return meet


async def inspector(w: World, host: Host) -> Known:
    """Be a page in a browser: ask before each request whether it may, and read only what it may."""
    del host
    origin = {"origin": "http://localhost:6274"}
    async with w.browser() as http:
        for path in ("/register", "/token", "/.well-known/oauth-authorization-server"):
            wish = {**origin, "access-control-request-method": "POST"}
            asked = await http.options(path, headers=wish)
            assert asked.status_code == 204
            assert asked.headers["access-control-allow-origin"] == "*"
    client_id = (await registered(w, TWINS["Inspector"], **origin))["client_id"]
    listens_at = TWINS["Inspector"]["redirect_uris"][0]
    return Known(client_id, listens_at, lambda _: {"client_id": client_id}, headers=origin)


async def mcp_manager(w: World, host: Host) -> Known:
    """Come in by a header token and by registration; go on as a client that an operator registered."""
    door, redirect_uri = w.door, TWINS["MCP Manager"]["redirect_uris"][0]
    secret, _ = await create_header_token(
        door.store,
        door.clock,
        door.entropy,
        NewHeaderToken(name="m", user_id="owner", scopes=("mcp",), lifetime_seconds=None),
    )
    async with w.browser() as http:
        assert await tools(http, "modern", {"accept": BOTH, "authorization": f"Bearer {secret}"}) == ["whoami"]
    await by_registration("MCP Manager")(w, host)
    new = await add_client(
        door.store, door.clock, door.entropy,
        NewClient(client_name="MCP Manager", redirect_uris=(redirect_uri,)), policy=door.policy,
    )  # fmt: skip
    posted = {"client_id": new.client.client_id, "client_secret": new.client_secret or ""}
    return Known(new.client.client_id, redirect_uri, lambda _: posted)


PROFILES: dict[str, Meet] = {
    "Claude": by_registration("Claude"),
    "Claude Code": by_document("Claude Code", "http://localhost:52871/callback"),
    "ChatGPT": by_document("ChatGPT"),
    "Codex": by_registration("Codex", "http://127.0.0.1:50211/callback/Xk29slQ"),
    "Cursor": by_registration("Cursor", "cursor://anysphere.cursor-mcp/oauth/callback"),
    "VS Code": by_registration("VS Code", "http://127.0.0.1:61999/"),
    "Gemini CLI": by_registration("Gemini CLI"),
    "Inspector": inspector,
    "mcp-remote": by_registration("mcp-remote", at_once=2),
    "LibreChat": by_registration("LibreChat"),
    "MCP Manager": mcp_manager,
}


async def discovered(w: World, headers: Mapping[str, str]) -> dict[str, Any]:
    """Follow the challenge to the metadata, as the specification tells a client to."""
    async with w.browser() as http:
        challenged = await http.post(
            "/mcp", json=legacy("initialize", **INITIALIZE), headers={"accept": BOTH, **headers}
        )
        assert challenged.status_code == 401
        url = challenged.headers["www-authenticate"].partition('resource_metadata="')[2].partition('"')[0]
        resource = (await http.get(url, headers=headers)).raise_for_status().json()
        assert resource["resource"] == RESOURCE
        (issuer,) = resource["authorization_servers"]
        found = await http.get(f"{issuer}/.well-known/oauth-authorization-server", headers=headers)
        metadata: dict[str, Any] = found.raise_for_status().json()
        assert metadata["issuer"] == issuer
        return metadata


async def granted(w: World, known: Known, endpoint: str, **fields: str) -> dict[str, Any]:
    """Ask for tokens, from as many processes at once as the client has."""
    async with w.browser() as http:
        answers = await asyncio.gather(
            *(
                http.post(endpoint, data=fields | known.form(w), auth=known.auth, headers=known.headers)
                for _ in range(known.at_once if "refresh_token" in fields else 1)
            )
        )
    assert {answer.status_code for answer in answers} == {200}, answers[0].text
    assert len({answer.json()["access_token"] for answer in answers}) == 1
    tokens: dict[str, Any] = answers[0].json()
    return tokens


async def tools(http: httpx2.AsyncClient, era: str, headers: dict[str, str]) -> list[str]:
    """List the tools in one of the eras, as a client of that era does."""
    if era == "modern":
        mirrored = {name: value for name, value in modern_headers("tools/list").items() if value is not None}
        answer = await http.post("/mcp", json=modern("tools/list"), headers=headers | mirrored)
    else:
        opened = await http.post("/mcp", json=legacy("initialize", 0, **INITIALIZE), headers=headers)
        assert opened.status_code == 200, opened.text
        headers |= {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
        ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        assert (await http.post("/mcp", json=ready, headers=headers)).status_code == 202
        answer = await http.post("/mcp", json=legacy("tools/list"), headers=headers)
    assert answer.status_code == 200, answer.text
    text = answer.text if answer.headers["content-type"].startswith("application/json") else _last_data(answer.text)
    return [tool["name"] for tool in json.loads(text)["result"]["tools"]]


def _last_data(stream: str) -> str:
    return [line[5:] for line in stream.splitlines() if line.startswith("data:") and line[5:].strip()][-1]


async def goes_the_whole_way(tmp_path: Path, name: str, era: str) -> None:
    """Be that client; raises `AssertionError` where it would stop."""
    clock = FixedClock()
    async with listening() as host:
        async with opened(tmp_path, clock) as w:
            known = await PROFILES[name](w, host)
            endpoint = (await discovered(w, known.headers))["token_endpoint"]
            code = await w.code(known.client_id, redirect_uri=known.redirect_uri, resource=RESOURCE)
            redeem = {"code": code, "redirect_uri": known.redirect_uri, "code_verifier": VERIFIER}
            tokens = await granted(w, known, endpoint, grant_type="authorization_code", resource=RESOURCE, **redeem)
        async with opened(tmp_path, clock) as w:
            refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "resource": RESOURCE}
            tokens = await granted(w, known, endpoint, **refresh)
            headers = {"accept": BOTH, "authorization": f"Bearer {tokens['access_token']}", **known.headers}
            async with w.browser() as http:
                assert await tools(http, era, headers) == ["whoami"]


@asynccontextmanager
async def opened(tmp_path: Path, clock: FixedClock) -> AsyncIterator[World]:
    """Run a door with every limit at its default in front of a server of one tool."""
    settings = {"allowed_origins": ["http://localhost:6274"]}
    async with world(tmp_path, app=server(), clock=clock, fetcher=local_fetcher(), **settings) as w:
        yield w
