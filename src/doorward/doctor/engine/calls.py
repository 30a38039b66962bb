"""Requests to a server that speaks MCP: in one of its eras, in its session, with a chosen id.

Implements the client side of MCP 2025-11-25 basic/transports and MCP 2026-07-28 basic/transports.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.dialogue import Era
from doorward.doctor.engine.messages import call
from doorward.doctor.engine.requests import Request
from doorward.mcp.headers import encode_value

UNKNOWN_NAME = "doorward-check-none"


def ask(
    picture: Picture,
    era: Era,
    method: str,
    params: Mapping[str, object] | None = None,
    *,
    rpc_id: str | int | None = 1,
    headers: Mapping[str, str] | None = None,
) -> Request:
    """Return a request of one era; with `rpc_id=None` a notification."""
    own: dict[str, str] = {}
    if era == "legacy" and method != "initialize":
        own["mcp-protocol-version"] = picture.mcp.version
    elif era == "modern" and params and "name" in params:
        own["mcp-name"] = encode_value(str(params["name"]))
    request = call(
        picture,
        method,
        params,
        modern=era == "modern",
        session=picture.mcp.mcp_session if era == "legacy" else "",
        headers=own | dict(headers or {}),
    )
    message = json.loads(request.body)
    del message["id"]
    if rpc_id is not None:
        message["id"] = rpc_id
    return replace(request, body=json.dumps(message).encode())


def bare(picture: Picture, method: str, headers: Mapping[str, str] | None = None) -> Request:
    """Return a request without a body, in the session of the older era."""
    given = {"accept": "text/event-stream", **picture.headers}
    if picture.token:
        given["authorization"] = f"Bearer {picture.token}"
    if picture.mcp.handshake is not None:
        given["mcp-protocol-version"] = picture.mcp.version
    if picture.mcp.mcp_session:
        given["mcp-session-id"] = picture.mcp.mcp_session
    return Request(method, picture.endpoint, given | dict(headers or {}))


def compact(message: object) -> bytes:
    """Encode a body that `ask` cannot express."""
    return json.dumps(message).encode()
