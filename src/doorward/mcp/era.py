"""The protocol era of a request, decided by its body first and its header second.

Owns the table below and the versions served. Does not know whether the server behind the door speaks both eras. A
correct request of either era reaches it unchanged, and its refusal comes back unchanged, so that clients can fall back
by the rules of their era.

    body `_meta` version   version header         message            outcome
    legacy or modern       absent or different    any                400 -32020, never handed to session code
    modern, served         equal                  request            modern, once the mirrored headers agree
    legacy, served         equal                  any                legacy
    any other              equal                  any                400 -32022 with the modern versions
    none                   modern                 request            400 -32602 naming the missing keys
    none                   modern                 notification       modern
    none                   modern                 response           400 -32600 (modern clients post none)
    none                   absent or legacy       any                legacy
    none                   any other              any                400 -32022 with every version served

A request with an envelope is modern whatever version it names. So its refusal lists the versions of `server/discover`:
a legacy version in that list would make the client send it in an envelope.

Spec: MCP 2026-07-28 basic/versioning, basic/transports; MCP 2025-11-25 basic/lifecycle.
"""

from __future__ import annotations

import msgspec

from doorward.mcp import headers
from doorward.mcp.headers import Mirrored
from doorward.mcp.jsonrpc import INVALID_PARAMS, INVALID_REQUEST, Message, Refusal, RpcId

MODERN_VERSIONS = ("2026-07-28",)
LEGACY_VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
SERVED_VERSIONS = MODERN_VERSIONS + LEGACY_VERSIONS
"""Newest first, as `data.supported` lists them."""

HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022

VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"

_MODERN = frozenset(MODERN_VERSIONS)
_LEGACY = frozenset(LEGACY_VERSIONS)


class Modern(msgspec.Struct, frozen=True):
    """A self-contained request or notification: no session, and no state from earlier ones."""

    version: str
    method: str
    rpc_id: RpcId | None
    """None for a notification."""


class Legacy(msgspec.Struct, frozen=True):
    """A message of the handshake era."""

    version: str | None
    """The version in the header; None means the session's negotiated version, or 2025-03-26."""
    method: str | None
    """None for a response, and for GET and DELETE."""
    rpc_id: RpcId | None
    """The id of a request; None for all other messages."""
    opens_session: bool = False


def classify(message: Message, mirrored: Mirrored) -> Modern | Legacy | Refusal:
    """Decide the era of a POST."""
    rpc_id = message.rpc_id if message.kind == "request" else None
    if mirrored.doubled is not None:
        return _mismatch(f"The {mirrored.doubled} header was sent more than once.", rpc_id)
    meta = _meta(message)
    if VERSION_KEY in meta:
        return _by_body(message, meta, mirrored, rpc_id)
    version = mirrored.version
    if version is None or version in _LEGACY:
        return Legacy(version, message.method, rpc_id, opens_session=message.method == "initialize")
    if version not in _MODERN:
        return _unsupported(version, rpc_id)
    if message.kind == "notification":
        return _modern(message, version, mirrored)
    if message.kind == "response":
        return Refusal(400, INVALID_REQUEST, f"Clients of {version} send no responses; repeat the request instead.")
    return _incomplete(meta, rpc_id)


def classify_bodiless(mirrored: Mirrored) -> Modern | Legacy | Refusal:
    """Decide the era of a GET or DELETE. `Modern` means that the method does not exist in that era (405)."""
    if mirrored.doubled is not None:
        return _mismatch(f"The {mirrored.doubled} header was sent more than once.", None)
    version = mirrored.version
    if version is None or version in _LEGACY:
        return Legacy(version, None, None)
    if version in _MODERN:
        return Modern(version, "", None)
    return _unsupported(version, None)


def _meta(message: Message) -> dict[str, object]:
    meta = message.params.get("_meta")
    return meta if isinstance(meta, dict) else {}


def _by_body(
    message: Message, meta: dict[str, object], mirrored: Mirrored, rpc_id: RpcId | None
) -> Modern | Legacy | Refusal:
    version = mirrored.version
    if version is None:
        return _mismatch(
            "The MCP-Protocol-Version header is missing although the body names a version. If the client sent it, "
            "something between the client and this server removes it.",
            rpc_id,
        )
    if version != meta[VERSION_KEY]:
        return _mismatch("The MCP-Protocol-Version header does not match the version in params._meta.", rpc_id)
    if version in _LEGACY:
        return Legacy(version, message.method, rpc_id, opens_session=message.method == "initialize")
    if version not in _MODERN:
        return _unsupported(version, rpc_id, MODERN_VERSIONS)
    if message.kind == "request" and not isinstance(meta.get(CAPABILITIES_KEY), dict):
        return _incomplete(meta, rpc_id)
    return _modern(message, version, mirrored)


def _modern(message: Message, version: str, mirrored: Mirrored) -> Modern | Refusal:
    method = message.method
    assert method is not None
    if message.kind == "request":
        problem = headers.disagreement(mirrored, method, message.params)
    elif mirrored.method is not None and mirrored.method != method:
        # The specification requires no mirrored header on notifications, but a wrong one is still refused.
        problem = "The Mcp-Method header does not match the method of the body."
    else:
        problem = None
    return _mismatch(problem, message.rpc_id) if problem is not None else Modern(version, method, message.rpc_id)


def _mismatch(message: str, rpc_id: RpcId | None) -> Refusal:
    return Refusal(400, HEADER_MISMATCH, message, rpc_id=rpc_id)


def _incomplete(meta: dict[str, object], rpc_id: RpcId | None) -> Refusal:
    if CAPABILITIES_KEY in meta and VERSION_KEY in meta:
        return Refusal(400, INVALID_PARAMS, f"params._meta: {CAPABILITIES_KEY} must be an object.", rpc_id=rpc_id)
    missing = [key for key in (VERSION_KEY, CAPABILITIES_KEY) if key not in meta]
    return Refusal(400, INVALID_PARAMS, f"params._meta lacks {' and '.join(missing)}.", rpc_id=rpc_id)


def _unsupported(requested: str, rpc_id: RpcId | None, supported: tuple[str, ...] = SERVED_VERSIONS) -> Refusal:
    data = {"supported": list(supported), "requested": requested}
    return Refusal(400, UNSUPPORTED_VERSION, "Unsupported protocol version", data, rpc_id)
