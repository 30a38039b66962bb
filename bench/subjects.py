"""What is measured: the servers, and for each row of the table the users that put work on one of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows import node
from flows.door import PASSWORD
from flows.processes import PYTHON
from flows.user_agent import Browser, Person

from bench import anchors, calls, oauth
from bench.load import User

NODE = Path(__file__).parent / "node"
OWNER = Person("owner", PASSWORD)
HELPERS = {"identity_provider": "identity_provider", "raw_upstream": "raw"}
"""Servers of `bench.apps` that stand behind measured ones, and the app of each."""
BEHIND = {*HELPERS, anchors.UPSTREAM, anchors.GATE}
"""All servers that stand behind measured ones. What they cost counts nowhere."""
AUTHORIZATION_SERVERS = {
    "FastMCP OAuthProxy": "fastmcp_oauth_proxy",
    "SDK routes in memory": "sdk_routes",
    "oidc-provider in memory": "oidc_provider",
    "Cloudflare": "cloudflare",
}
"""Peers that register, refresh and redeem. Only Cloudflare's stores durably; its consent and the SDK's ask nobody."""
ON_POSTGRES = "door_postgres"
PUBLIC, PUBLIC_URL = "door_public", "https://mcp.example.com"
"""A door that believes to be at this address; nothing is sent there."""
LEFT_OUT = {("whole flow", "fastmcp_oauth_proxy"), ("refresh", "oidc_provider"), ("whole flow", "oidc_provider")}
"""The proxy's consent is elsewhere; oidc-provider's store forgets a client after a thousand records."""
NEEDS = {
    "fastmcp_oauth_proxy": ["identity_provider"],
    "fastmcp_proxy": ["raw_upstream"],
    "door_proxy": [anchors.UPSTREAM],
    "door_open_proxy": ["raw_upstream"],
    **anchors.NEEDS,
}


@dataclass(frozen=True)
class Live:
    """A server that runs now."""

    port: int
    folder: Path
    connections: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


Prepare = Callable[[Live], list[User]]


@dataclass(frozen=True)
class Subject:
    """One row of the table."""

    name: str
    server: str
    prepare: Prepare
    base: str | None = None
    """The row that this one is compared with."""
    connections: int | None = None


def command(server: str, port: int, folder: Path, shared: Path, ports: dict[str, int]) -> list[str]:
    """Return the command that runs a server."""
    if server == "cloudflare":
        node.install(NODE)
        return [str(node.binary()), str(NODE / "cloudflare.mjs"), str(port), str(folder)]
    if server == "oidc_provider":
        node.install()
        return [str(node.binary()), str(node.FOLDER / "oracle.mjs"), str(port), f"http://127.0.0.1:{port}/mcp"]
    if server in anchors.PROGRAMS:
        return anchors.command(server, port, folder, ports)
    if server.startswith("door_"):
        here = Path(__file__).parent
        targets = {server: str(here / "target_raw.py") for server in ("door_raw", ON_POSTGRES, PUBLIC)}
        targets |= {"door_fastmcp": str(here / "target_fastmcp.py")}
        upstream = targets.get(server) or f"http://127.0.0.1:{ports[NEEDS[server][0]]}/mcp"
        place = ["--port", str(port), "--data-dir", str(folder), "--log-level", "warning"]
        auth = ["--auth", "none" if server == "door_open_proxy" else "oauth"]
        serve = [PYTHON, "-m", "doorward", "serve", upstream, *place, *auth]
        if server == PUBLIC:
            return ["env", "DOORWARD_SELF_CHECK=false", *serve, "--public-url", PUBLIC_URL]
        return serve
    told = {"port": port, "folder": str(folder), "shared": str(shared), "ports": ports}
    return [PYTHON, "-m", "bench.serve", HELPERS.get(server, server), json.dumps(told)]


def open_calls(live: Live) -> list[User]:
    """Call without a token."""
    return [calls.modern_user(live.port) for _ in range(live.connections)]


def open_legacy_calls(live: Live) -> list[User]:
    """Call in a session, without a token."""
    return [calls.legacy_user(live.port) for _ in range(live.connections)]


def calls_with_written_token(live: Live) -> list[User]:
    """Call with the token that the server wrote beside itself."""
    token = (live.folder / "token").read_text()
    return [calls.modern_user(live.port, token) for _ in range(live.connections)]


def calls_through_a_gate(live: Live) -> list[User]:
    """Call with the token that the gate accepts, once it has refused a call without one."""
    return [calls.modern_user(live.port, anchors.TOKEN, gated=True) for _ in range(live.connections)]


def granted(live: Live, count: int) -> list[oauth.Grant]:
    """Sign in once, then get as many grants as asked."""

    async def work() -> list[oauth.Grant]:
        browser = Browser()
        return [await oauth.obtain(live.url, OWNER, browser) for _ in range(count)]

    return asyncio.run(work())


def calls_with_grant(live: Live) -> list[User]:
    """Call with an access token from the whole flow."""
    token = granted(live, 1)[0].access_token
    return [calls.modern_user(live.port, token) for _ in range(live.connections)]


def legacy_calls_with_grant(live: Live) -> list[User]:
    """Call in a session with an access token from the whole flow."""
    token = granted(live, 1)[0].access_token
    return [calls.legacy_user(live.port, token) for _ in range(live.connections)]


def refreshes(live: Live) -> list[User]:
    """Refresh, each connection its own grant."""
    return [oauth.refreshing_user(live.port, grant) for grant in granted(live, live.connections)]


def registrations(live: Live) -> list[User]:
    """Register clients."""
    return [oauth.registering_user(live.port) for _ in range(live.connections)]


def flows_signed_in(live: Live) -> list[User]:
    """Go through the whole flow as someone who has signed in before."""
    return [oauth.flow_user(live.port, OWNER, stay_signed_in=True) for _ in range(live.connections)]


def flows_signed_in_at_a_public_door(live: Live) -> list[User]:
    """Go through the whole flow of a door that stays signed in: on a loopback address each flow takes a password."""
    return [
        oauth.flow_user(live.port, OWNER, stay_signed_in=True, base_url=PUBLIC_URL) for _ in range(live.connections)
    ]


def flows_with_password(live: Live) -> list[User]:
    """Go through the whole flow, password and all."""
    return [oauth.flow_user(live.port, OWNER, stay_signed_in=False) for _ in range(live.connections)]


def refusals(live: Live) -> list[User]:
    """Call without a token where one is needed."""
    return [calls.unauthorized(live.port) for _ in range(live.connections)]


def document(path: str, needle: str) -> Prepare:
    """Fetch a document."""

    def prepare(live: Live) -> list[User]:
        return [calls.getter(live.port, path, 200, needle.encode()) for _ in range(live.connections)]

    return prepare


RESOURCE = document("/.well-known/oauth-protected-resource/mcp", '"authorization_servers"')
SERVER = document("/.well-known/oauth-authorization-server", '"token_endpoint"')
SUBJECTS = (
    Subject("raw ASGI", "raw", open_calls),
    Subject("raw ASGI behind Doorward, in process", "door_raw", calls_with_grant, "raw ASGI"),
    Subject("FastMCP", "fastmcp", open_calls, "raw ASGI"),
    Subject("FastMCP, JWTVerifier", "fastmcp_jwt", calls_with_written_token, "FastMCP"),
    Subject("FastMCP, OAuthProxy", "fastmcp_oauth_proxy", calls_with_grant, "FastMCP"),
    Subject("FastMCP behind Doorward, in process", "door_fastmcp", calls_with_grant, "FastMCP"),
    Subject("FastMCP, session", "fastmcp", open_legacy_calls, "raw ASGI"),
    Subject("FastMCP behind Doorward, session", "door_fastmcp", legacy_calls_with_grant, "FastMCP, session"),
    Subject("FastMCP create_proxy", "fastmcp_proxy", open_calls, "raw ASGI"),
    Subject("nginx proxy_pass", anchors.PLAIN, open_calls),
    Subject("nginx auth_request", anchors.CHECKED, calls_through_a_gate, "nginx proxy_pass"),
    Subject("nginx auth_request, gate kept", anchors.CHECKED_KEPT, calls_through_a_gate, "nginx proxy_pass"),
    Subject("Caddy forward_auth", anchors.CADDY, calls_through_a_gate, "nginx auth_request"),
    Subject("Doorward reverse proxy", "door_proxy", calls_with_grant, "nginx auth_request"),
    Subject("401, FastMCP OAuthProxy", "fastmcp_oauth_proxy", refusals),
    Subject("401, Doorward", "door_raw", refusals, "401, FastMCP OAuthProxy"),
    Subject("resource metadata, FastMCP OAuthProxy", "fastmcp_oauth_proxy", RESOURCE),
    Subject("resource metadata, Doorward", "door_raw", RESOURCE, "resource metadata, FastMCP OAuthProxy"),
    Subject("server metadata, FastMCP OAuthProxy", "fastmcp_oauth_proxy", SERVER),
    Subject("server metadata, Doorward", "door_raw", SERVER, "server metadata, FastMCP OAuthProxy"),
    *(
        Subject(f"{work}, {name}", server, prepare, connections=4 if work == "whole flow" else None)
        for work, prepare in (("registration", registrations), ("refresh", refreshes), ("whole flow", flows_signed_in))
        for name, server in AUTHORIZATION_SERVERS.items()
        if (work, server) not in LEFT_OUT
    ),
    Subject("registration, Doorward", "door_raw", registrations, "registration, Cloudflare"),
    Subject("refresh, Doorward", "door_raw", refreshes, "refresh, Cloudflare"),
    Subject("registration, Doorward on Postgres", ON_POSTGRES, registrations, "registration, Doorward"),
    Subject("refresh, Doorward on Postgres", ON_POSTGRES, refreshes, "refresh, Doorward"),
    Subject("call, Doorward on Postgres", ON_POSTGRES, calls_with_grant, "raw ASGI behind Doorward, in process"),
    Subject(
        "whole flow, Doorward, signed in before",
        PUBLIC,
        flows_signed_in_at_a_public_door,
        "whole flow, Cloudflare",
        connections=4,  # more sign-ins of one account at once are taken for guessing
    ),
    Subject("whole flow, Doorward, with the password", "door_raw", flows_with_password, connections=2),
)
