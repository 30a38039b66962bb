"""A host application (Starlette, FastAPI, any ASGI app) that mounts a door: what it has to serve at its own root.

Below its mount point a door sees its own requests. The well-known documents of an issuer with a path are at the root
of the host, where the mount point is inserted behind their names; only the host application sees those requests.

Spec: RFC 8414 s3.1, RFC 9728 s3.1
"""

from __future__ import annotations

import logging
import shlex
from pathlib import Path

from starlette.routing import Route

from doorward.endpoints.well_known import encoded
from doorward.errors import Problem
from doorward.oauth.metadata import inserted_paths, needed_paths
from doorward.oauth.policy import Policy
from doorward.upstreams.port import ASGIApp, Message

LOGGER = logging.getLogger("doorward")
_BELOW_A_PATH = "Add door.well_known_routes() to the routes of the application, before any route that takes every path."
_AT_THE_ROOT = (
    "Mount the door at / before any route that takes every path, or add the path at which it is mounted to public_url."
)
WITHOUT_LIFESPAN = Problem(
    "the door was started by its first request",
    "The application that serves it runs no lifespan of it, so nothing ends it: its server and its store stay open.",
    "Pass lifespan=door.lifespan to the application, or write `async with door.lifespan(app):` in its own lifespan.",
)


def owner_without_password(data_dir: Path) -> Problem:
    """Return what to do about the account `owner`, which this start made with a password that nobody knows."""
    return Problem(
        "nobody can sign in yet",
        "This start made the account owner with a password that is not shown in a log.",
        f"Set one: doorward users password owner --data-dir {shlex.quote(str(data_dir))} "
        "(or give Door(owner_password=...) at the first start).",
    )


def well_known_routes(policy: Policy, door: ASGIApp) -> list[Route]:
    """Return the routes that a host application adds to its own."""
    return [Route(path, door, name=path, include_in_schema=False) for path in inserted_paths(policy)]


async def missing_documents(host: ASGIApp, policy: Policy) -> list[Problem]:
    """Ask the host application for the documents at its root that clients ask for first; return those that it lacks.

    An application that fails counts as one without them.
    """
    published = encoded(policy)
    needed = dict.fromkeys(path for each in policy.granting for path in needed_paths(policy, each))
    missing = [path for path in needed if await _answer(host, path, policy) != published[path]]
    return [_problem(policy.origin + path, policy.base_path) for path in missing]


def _problem(url: str, base_path: str) -> Problem:
    return Problem(
        f"the application does not serve {url}",
        "Clients look for the metadata of the door there, and cannot sign in without it.",
        _BELOW_A_PATH if base_path else _AT_THE_ROOT,
    )


async def _answer(host: ASGIApp, path: str, policy: Policy) -> bytes:
    """Return the body of a successful answer; empty if there is none."""
    status, body = 0, b""

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status, body
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            body += message.get("body", b"")

    scheme, _, authority = policy.origin.partition("://")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": scheme,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", authority.encode()), (b"accept", b"application/json")],
        "client": ("127.0.0.1", 0),
        "server": (authority.partition(":")[0], None),
        "state": {},
    }
    try:
        await host(scope, receive, send)
    except Exception:
        LOGGER.debug("the application failed on a request for %s", path, exc_info=True)
    return body if status == 200 else b""  # noqa: PLR2004
