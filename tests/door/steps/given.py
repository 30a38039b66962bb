"""Requests at the point where a step takes them over."""

from __future__ import annotations

import json
from typing import Any

from door.fronts import Answer, Front, arriving

from doorward.door.inbound import HeaderSorter
from doorward.door.parts import Admitted, Classified, Exchange, Identified, Received
from doorward.mcp.era import Legacy
from doorward.mcp.jsonrpc import Message, read_message
from doorward.upstreams.port import Caller

ID = [(b"x-request-id", b"1")]


def caller(*scopes: str, user_id: str = "ann") -> Caller:
    return Caller(user_id, "client-1", scopes, "https://mcp.example.com/mcp", "https://mcp.example.com", None, "t")


def exchange(method: str = "POST", body: Any = None, **headers: str) -> Exchange:
    """Return a request as it arrives; `_` in names of headers stands for `-`."""
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"method": method, "headers": lines, "query_string": b"", "client": ("192.0.2.7", 4711)}
    return Exchange(scope, arriving(content), Answer().take, HeaderSorter().sort(lines), list(ID))


def admitted(method: str = "POST", body: Any = None, **headers: str) -> Admitted:
    return Admitted(exchange(method, body, **headers), list(ID))


def identified(method: str = "POST", body: Any = None, who: Caller | None = None, **headers: str) -> Identified:
    return Identified(exchange(method, body, **headers), list(ID), who, None)


def received(method: str = "POST", body: Any = None, who: Caller | None = None, **headers: str) -> Received:
    content = b"" if body is None else json.dumps(body).encode()
    message = None if body is None else read_message(content)
    assert message is None or isinstance(message, Message)
    return Received(exchange(method, body, **headers), list(ID), who, None, content, message)


def classified(method: str = "POST", body: Any = None, who: Caller | None = None, **headers: str) -> Classified:
    part = received(method, body, who, **headers)
    name = None if part.message is None else part.message.method
    rpc_id = None if part.message is None else part.message.rpc_id
    era = Legacy("2025-11-25", name, rpc_id, opens_session=name == "initialize")
    return Classified(part.exchange, part.headers, who, None, part.body, part.message, era)


def step(kind: type[Any], front: Front) -> Any:
    """Return the step of this kind that a door has."""
    return next(each for each in front.door.steps if isinstance(each, kind))
