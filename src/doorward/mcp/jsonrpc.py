"""JSON-RPC 2.0 as MCP uses it: one message per body, parsed strictly, and the bodies of errors.

Owns the shape of a message (request, notification, response) and the encoding of an error. Does not know protocol eras,
HTTP headers or what any method means. A body that a lenient parser would read differently is refused here, before any
decision depends on it.

Spec: JSON-RPC 2.0 s4, s5; MCP 2025-06-18 basic (batching removed); MCP 2026-07-28 basic/transports.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal

import msgspec

from doorward import strict_json

RpcId = str | int

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603

_NO_PARAMS: dict[str, object] = {}
_MEMBERS = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})

MessageKind = Literal["request", "notification", "response"]


class Message(msgspec.Struct, frozen=True):
    """One well-formed message. A response has no `method`; a notification has no `rpc_id`."""

    kind: MessageKind
    method: str | None = None
    rpc_id: RpcId | None = None
    params: Mapping[str, object] = _NO_PARAMS


class Refusal(msgspec.Struct, frozen=True):
    """The reason to refuse a request, with the matching HTTP status."""

    status: int
    code: int
    message: str
    data: object = None
    rpc_id: RpcId | None = None


def read_message(body: bytes | bytearray) -> Message | Refusal:
    """Parse the body of a POST as one message, or return why it is none."""
    try:
        value: object = strict_json.decode(body)
    except strict_json.InvalidJson as error:
        return Refusal(400, PARSE_ERROR, str(error))
    if type(value) is dict:
        return _read_object(value)
    if isinstance(value, list):
        return _invalid("JSON-RPC batches are not accepted: send each message in its own POST.")
    return _invalid("The body must be one JSON-RPC message, a JSON object.")


def _read_object(value: dict[str, object]) -> Message | Refusal:
    rpc_id = value.get("id")
    known_id = rpc_id if type(rpc_id) is str or type(rpc_id) is int else None
    if value.get("jsonrpc") != "2.0":
        return _invalid('The message must carry "jsonrpc": "2.0".', known_id)
    if not value.keys() <= _MEMBERS and any(key.casefold() in _MEMBERS for key in value.keys() - _MEMBERS):
        # Parsers that ignore the case of keys would see a different message than the checked one.
        return _invalid("The message has a member that differs from one of JSON-RPC in case only.", known_id)
    if "method" not in value:
        return _read_response(value, known_id)
    method = value["method"]
    if type(method) is not str or not method:
        return _invalid('"method" must be a non-empty string.', known_id)
    if "result" in value or "error" in value:
        return _invalid('A message with a "method" cannot carry "result" or "error".', known_id)
    params = value.get("params", _NO_PARAMS)
    if type(params) is not dict:
        return _invalid('"params" must be a JSON object.', known_id)
    if "id" not in value:
        return Message("notification", method, None, params)
    if known_id is None:
        return _invalid('"id" must be a string or an integer.')
    return Message("request", method, known_id, params)


def _read_response(value: dict[str, object], known_id: RpcId | None) -> Message | Refusal:
    if ("result" in value) == ("error" in value):
        return _invalid('The message has no "method", and not exactly one of "result" and "error".', known_id)
    if known_id is None:
        return _invalid('A response must carry the "id" of its request, a string or an integer.')
    return Message("response", rpc_id=known_id)


def _invalid(message: str, rpc_id: RpcId | None = None) -> Refusal:
    return Refusal(400, INVALID_REQUEST, message, rpc_id=rpc_id)


def error_body(code: int, message: str, *, data: object = None, rpc_id: RpcId | None = None) -> bytes:
    """Encode an error response; without a known request id its id is null. Spec: JSON-RPC 2.0 s5."""
    return _encode({"jsonrpc": "2.0", "id": rpc_id, "error": _error(code, message, data)})


def idless_error_body(code: int, message: str, *, data: object = None) -> bytes:
    """Encode an error without an id, for a request whose body was never parsed."""
    return _encode({"jsonrpc": "2.0", "error": _error(code, message, data)})


def _error(code: int, message: str, data: object) -> dict[str, object]:
    error: dict[str, object] = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return error


def _encode(value: dict[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
