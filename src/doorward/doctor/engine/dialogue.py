"""The MCP messages exchanged with one server: how each era began, the listed tools, and every response.

Checks that start the eras fill it, and the driver adds each response. Later rules look here before they ask again. Does
not know rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from doorward import strict_json
from doorward.doctor.engine.requests import Ask, Request, Response, SignIn, Together
from doorward.mcp.era import LEGACY_VERSIONS, MODERN_VERSIONS

Era = Literal["legacy", "modern"]
ERAS: tuple[Era, ...] = ("legacy", "modern")
_ANSWERS_LIMIT = 300
_BODY_LIMIT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Said:
    """One JSON-RPC request and its response."""

    request: Request
    response: Response
    method: str
    rpc_id: str | int | None
    """None for a notification."""
    era: Era
    whole: bool = True
    """Whether the body is complete: long ones are not kept."""

    @property
    def result(self) -> dict[str, Any] | None:
        """The result, if there is one."""
        message = self.response.json
        found = message.get("result") if isinstance(message, dict) else None
        return found if isinstance(found, dict) else None


@dataclass(slots=True)
class Dialogue:
    """What is known about MCP behind the sign-in."""

    begun: bool = False
    handshake: Response | None = None
    """The response to initialize that opened `mcp_session`; None if the older era is not spoken."""
    discovery: Response | None = None
    """The response to server/discover; None if the newer era is not spoken."""
    tools: dict[Era, list[dict[str, Any]]] = field(default_factory=dict)
    listed: dict[Era, int] = field(default_factory=dict)
    """Bytes of the whole tool list."""
    said: list[Said] = field(default_factory=list)
    before_refresh: tuple[str, str] | None = None
    """An access token, and the session that it opened."""
    parted: bool = False
    """Whether the session of the handshake was ended."""
    stream_seconds: float | None = None
    """How long the first bytes of a stream took; None if no stream was seen."""

    @property
    def eras(self) -> tuple[Era, ...]:
        """The eras that are spoken."""
        spoken = {"legacy": self.handshake, "modern": self.discovery}
        return tuple(era for era in ERAS if spoken[era] is not None)

    @property
    def preferred(self) -> Era:
        """The era to use if either works: the one without sessions."""
        return "modern" if self.discovery is not None else "legacy"

    @property
    def mcp_session(self) -> str:
        """The session id of the handshake; empty if the server keeps no sessions."""
        return "" if self.handshake is None else self.handshake.headers.get("mcp-session-id", "")

    @property
    def version(self) -> str:
        """The negotiated version."""
        agreed = self.result_of("legacy").get("protocolVersion")
        return agreed if isinstance(agreed, str) else LEGACY_VERSIONS[0]

    def result_of(self, era: Era) -> dict[str, Any]:
        """Return the server's description of itself at the start of an era."""
        response = self.handshake if era == "legacy" else self.discovery
        message = response.json if response is not None else None
        found = message.get("result") if isinstance(message, dict) else None
        return found if isinstance(found, dict) else {}

    def note(self, ask: Ask, answer: Response) -> None:
        """Keep a response, if the request was JSON-RPC."""
        if isinstance(ask, SignIn):
            return
        parts = zip(ask.requests, answer.parts, strict=True) if isinstance(ask, Together) else ((ask, answer),)
        for request, response in parts:
            read = _read(request)
            if read is None or len(self.said) >= _ANSWERS_LIMIT:
                continue
            whole = len(response.body) <= _BODY_LIMIT_BYTES
            kept = response if whole else replace(response, body=b"")
            self.said.append(Said(request, kept, *read, whole=whole))

    def answers(self, *methods: str, era: Era | None = None) -> Iterator[Said]:
        """Yield the exchanges, in order."""
        for each in self.said:
            if (not methods or each.method in methods) and era in {None, each.era}:
                yield each


def _read(request: Request) -> tuple[str, str | int | None, Era] | None:
    if request.method != "POST" or request.headers.get("content-type") != "application/json":
        return None
    try:
        message = strict_json.decode(request.body)
    except strict_json.InvalidJson:
        return None
    if not isinstance(message, dict) or not isinstance(message.get("method"), str) or message.get("jsonrpc") != "2.0":
        return None
    rpc_id = message.get("id")
    modern = request.headers.get("mcp-protocol-version") in MODERN_VERSIONS
    era: Era = "modern" if modern else "legacy"
    return message["method"], rpc_id if isinstance(rpc_id, str | int) else None, era
