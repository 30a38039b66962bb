"""Requests to every endpoint and to the door, well-formed and not, over ASGI in this process: none may end in a 5xx.

Each request is drawn from what an endpoint understands (names, values that exist, values that do not) and then spoiled.
Knows the routes by name only; what an answer says is for the other tests.
"""

from __future__ import annotations

import gc
import random
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import msgspec

from doorward import Door

ISSUER = "https://mcp.example.com"
PATHS = (
    "/authorize", "/token", "/register", "/revoke", "/introspect", "/par", "/device_authorization", "/-/login",
    "/-/consent", "/-/connections", "/-/device", "/-/api/v1/clients", "/-/api/v1/grants", "/register/abc", "/mcp",
    "/mcp/", "/.well-known/oauth-authorization-server", "/.well-known/jwks.json", "/livez", "/readyz", "/none",
    "/register/\x00", "/register/\ufffd", "/register/" + "x" * 5000, "/-/api/v1/clients/\x00", "/-/api/v1/users/%ff",
)  # fmt: skip
NAMES = (
    "grant_type", "client_id", "client_secret", "code", "code_verifier", "redirect_uri", "refresh_token", "scope",
    "state", "resource", "token", "token_type_hint", "response_type", "code_challenge", "code_challenge_method",
    "request", "request_uri", "client_assertion", "client_assertion_type", "subject_token", "subject_token_type",
    "device_code", "user_code", "continue", "decision", "username", "password", "form_token", "prompt", "dpop_jkt",
    "actor_token",
)  # fmt: skip
VALUES = (
    "authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "code",
    "S256", "urn:ietf:params:oauth:grant-type:device_code", "mcp", "https://mcp.example.com/mcp",
    "https://client.example/cb", "", "a" * 43, "\x00", "\ud7ff", "%", "é", "e30.e30.e30", "x" * 5000,
    "urn:ietf:params:oauth:request_uri:x",
    "-1", "[]",
)  # fmt: skip
HEADERS = (
    ("authorization", ("Basic YTpi", "Bearer x", "DPoP x", "Basic %", "", "Bearer dwa_" + "A" * 43)),
    ("dpop", ("e30.e30.e30", "x", "")),
    ("accept", ("application/json", "text/event-stream", "*/*;q=0", "application/token-introspection+jwt", ",,;")),
    ("cookie", ("__Host-doorward=x", "a=b; __Host-doorward=", "=;=", "\x7f")),
    ("origin", (ISSUER, "null", "https://evil.example")),
    ("sec-fetch-site", ("same-origin", "cross-site", "none")),
    ("mcp-protocol-version", ("2026-07-28", "2025-11-25", "x")),
    ("mcp-session-id", ("x", "A" * 100)),
    ("x-forwarded-for", ("1.2.3.4", "x, y", "")),
)
TYPES = ("application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x", "text/plain", "")

SWEEP_EVERY = 1000
LIMITS = ("registrations", "authorizations", "token_calls", "sign_ins")


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """Be the app behind the door: it has no answer but one."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"jsonrpc":"2.0","id":1,"result":{}}'})


def value(draw: random.Random) -> str:
    return draw.choice(VALUES) if draw.random() < 0.8 else "".join(chr(draw.randrange(1, 0x250)) for _ in range(9))


def pairs(draw: random.Random, client_id: str) -> bytes:
    sent = [(draw.choice(NAMES), value(draw)) for _ in range(draw.randrange(8))]
    if draw.random() < 0.6:
        sent.append(("client_id", client_id))
    return spoiled(draw, urlencode(sent, errors="replace").encode())


def spoiled(draw: random.Random, data: bytes) -> bytes:
    """Return the bytes as they are, mostly; sometimes cut, doubled, or with strangers in the middle."""
    at = draw.randrange(len(data) + 1)
    odd = draw.random()
    if odd < 0.7:
        return data
    if odd < 0.8:
        return data[:at]
    if odd < 0.85:
        return data + b"&" + data
    return data[:at] + draw.randbytes(draw.randrange(1, 9)) + data[at:]


def document(draw: random.Random, depth: int = 0) -> Any:
    kind = draw.randrange(8 if depth < 3 else 5)
    if kind >= 5:
        members = (
            "redirect_uris",
            "client_name",
            "jsonrpc",
            "method",
            "params",
            "id",
            "_meta",
            "jwks",
            "keys",
            "scope",
        )
        inner = [document(draw, depth + 1) for _ in range(draw.randrange(4))]
        return inner if kind == 7 else {draw.choice(members): each for each in inner}
    return (None, True, draw.randrange(-5, 1 << 40), value(draw), 1.5)[kind]


def request(draw: random.Random, client_id: str) -> Asked:
    """Draw one request."""
    content_type = draw.choice(TYPES)
    body = pairs(draw, client_id)
    if "json" in content_type:
        body = spoiled(draw, msgspec.json.encode(document(draw)))
    headers = [("host", "mcp.example.com"), ("content-type", content_type), ("content-length", str(len(body)))]
    headers += [(name, draw.choice(values)) for name, values in HEADERS if draw.random() < 0.2]
    return Asked(
        draw.choice(("GET", "POST", "POST", "POST", "DELETE", "PUT", "OPTIONS", "HEAD")),
        draw.choice(PATHS),
        pairs(draw, client_id) if draw.random() < 0.5 else b"",
        tuple((name.encode(), text.encode("utf-8", "replace")) for name, text in headers),
        body,
    )


async def ask(door: Door, asked: Asked) -> int:
    """Send it and return the status; 0 when there was no answer."""
    statuses: list[int] = []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": asked.method, "scheme": "https",
        "path": asked.path, "raw_path": asked.path.encode(), "root_path": "", "query_string": asked.query,
        "headers": list(asked.headers), "client": ("192.0.2.7", 4000), "server": ("mcp.example.com", 443),
    }  # fmt: skip

    async def receive() -> Any:
        return {"type": "http.request", "body": asked.body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await door(scope, receive, send)
    return statuses[0] if len(statuses) == 1 else 0


@asynccontextmanager
async def door_for_anybody(database: str | None = None) -> Any:
    """Run a door whose limits do not stop the campaign, on SQLite unless another database is named."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        limits = dict.fromkeys((f"limit_{each}_per_minute" for each in LIMITS), 0)
        password = "correct horse"
        where = {"data_dir": Path(folder) / "data", "database": database}
        door = Door(nothing, public_url=ISSUER, owner_password=password, **where, **limits)
        async with door.lifespan():
            yield door


@asynccontextmanager
async def no_sweeping() -> Any:
    """Keep the garbage collector from running by itself."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def registered(door: Door) -> str:
    """Return the id of a public client, so that not every request ends at an unknown one."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(door), base_url=ISSUER) as http:
        body = {"redirect_uris": ["https://client.example/cb"], "token_endpoint_auth_method": "none"}
        client_id: str = (await http.post("/register", json=body)).raise_for_status().json()["client_id"]
        return client_id


def told(asked: Asked) -> str:
    """Return a request in few enough words to read."""
    return f"{asked.method} {asked.path}?{asked.query[:80]!r} {dict(asked.headers)} {asked.body[:200]!r}"


async def campaign(cases: int, seed: int = 0, *, database: str | None = None) -> dict[str, Any]:
    """Send that many requests; every answer above 499 and every exception is a find."""
    started, slowest, taken = time.monotonic(), 0.0, 0
    finds: list[dict[str, str]] = []
    async with door_for_anybody(database) as door, no_sweeping():
        client_id = await registered(door)
        for number in range(cases):
            if number % SWEEP_EVERY == 0:
                gc.collect()  # outside of the time that is measured: it is owed to all requests and not to one
            draw = random.Random(f"{seed}/{number}")
            asked = request(draw, client_id)
            before = time.process_time()
            try:
                status = await ask(door, asked)
            except Exception as error:
                finds.append({"error": repr(error), "input": told(asked)})
                continue
            slowest = max(slowest, time.process_time() - before)
            taken += status < 400
            if not 200 <= status < 500:
                finds.append({"error": f"status {status}", "input": told(asked)})
    return {
        "inputs": cases,
        "taken": taken,
        "finds": len(finds),
        "slowest_ms": round(slowest * 1000, 2),
        "seconds": round(time.monotonic() - started, 1),
        "kept": finds[:5],
    }
