"""The MCP messages that the doctor sends: the handshake of the older era, and the probe of the newer one.

Implements MCP 2025-11-25 basic/lifecycle and MCP 2026-07-28 basic/versioning as far as a probe goes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import Request
from doorward.mcp.era import CAPABILITIES_KEY, LEGACY_VERSIONS, MODERN_VERSIONS, VERSION_KEY

BOTH_TYPES = "application/json, text/event-stream"


def post(
    picture: Picture, method: str, params: object, headers: Mapping[str, str] | None = None, url: str | None = None
) -> Request:
    """Return a JSON-RPC request to the endpoint."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    given = {"content-type": "application/json", "accept": BOTH_TYPES, **picture.headers, **(headers or {})}
    return Request("POST", url or picture.endpoint, {k: v for k, v in given.items() if v}, json.dumps(body).encode())


def initialize(
    picture: Picture,
    *,
    version: str = LEGACY_VERSIONS[0],
    headers: Mapping[str, str] | None = None,
    url: str | None = None,
) -> Request:
    """Return the first request of the older era."""
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "doorward-check", "version": "1"}}
    return post(picture, "initialize", params, headers, url)


def discover(picture: Picture, *, version: str = MODERN_VERSIONS[0]) -> Request:
    """Return the probe of the newer era."""
    meta = {VERSION_KEY: version, CAPABILITIES_KEY: {}}
    headers = {"mcp-protocol-version": version, "mcp-method": "server/discover"}
    return post(picture, "server/discover", {"_meta": meta}, headers)


def call(
    picture: Picture,
    method: str,
    params: Mapping[str, object] | None = None,
    *,
    modern: bool,
    session: str = "",
    headers: Mapping[str, str] | None = None,
) -> Request:
    """Return a request as a client sends it after the sign-in, in the era it chose."""
    given = {"authorization": f"Bearer {picture.token}"} if picture.token else {}
    wanted = dict(params or {})
    if modern:
        wanted["_meta"] = {VERSION_KEY: MODERN_VERSIONS[0], CAPABILITIES_KEY: {}}
        given |= {"mcp-protocol-version": MODERN_VERSIONS[0], "mcp-method": method}
        given |= {"mcp-name": str(wanted["name"])} if "name" in wanted else {}
    elif method != "initialize":
        given |= {"mcp-protocol-version": LEGACY_VERSIONS[0]} | ({"mcp-session-id": session} if session else {})
    return post(picture, method, wanted, given | dict(headers or {}))
