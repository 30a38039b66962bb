"""Messages of a child, read as little as routing needs and passed on as the bytes they are.

Also the rewriting of ids, needed where several clients share one child. Pure.

Spec: JSON-RPC 2.0 s4, s5; MCP 2026-07-28 basic/transports (stdio), basic/utilities/progress, server/utilities/
subscriptions.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from doorward.mcp.jsonrpc import RpcId

SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId"
Fields = dict[str, msgspec.Raw]


class NotAMessage(ValueError):
    """The line is no JSON-RPC message."""


class _Meta(msgspec.Struct):
    subscription_id: RpcId | None = msgspec.field(default=None, name=SUBSCRIPTION_ID)


class _Params(msgspec.Struct):
    progress_token: RpcId | None = msgspec.field(default=None, name="progressToken")
    request_id: RpcId | None = msgspec.field(default=None, name="requestId")
    meta: _Meta | None = msgspec.field(default=None, name="_meta")


class _Error(msgspec.Struct):
    code: int = 0


class _Envelope(msgspec.Struct):
    id: RpcId | msgspec.UnsetType | None = msgspec.UNSET
    method: str | None = None
    params: msgspec.Raw = msgspec.Raw()
    error: _Error | None = None


class ChildMessage(msgspec.Struct):
    """One line of a child."""

    kind: Literal["request", "notification", "response"]
    line: bytes
    method: str = ""
    rpc_id: RpcId | None = None
    error_code: int | None = None
    """Of an error response."""
    progress_token: RpcId | None = None
    request_id: RpcId | None = None
    """What `notifications/cancelled` names."""
    subscription_id: RpcId | None = None


_envelopes = msgspec.json.Decoder(_Envelope)
_params = msgspec.json.Decoder(_Params)
_fields = msgspec.json.Decoder(Fields)


def read_message(line: bytes) -> ChildMessage:
    """Read one line. Raises `NotAMessage`."""
    line = line.strip()
    if b"\r" in line:
        line = line.replace(b"\r", b" ")  # would end a line of an event stream
    try:
        if not line.isascii():
            line.decode()
        envelope = _envelopes.decode(line)
        if envelope.method is None:
            if envelope.id is msgspec.UNSET:
                raise NotAMessage
            return ChildMessage("response", line, "", envelope.id, envelope.error.code if envelope.error else None)
        if envelope.id is not msgspec.UNSET:
            return ChildMessage("request", line, envelope.method, envelope.id)
        params = _read_params(envelope.params)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise NotAMessage from None
    return ChildMessage(
        "notification",
        line,
        envelope.method,
        progress_token=params.progress_token,
        request_id=params.request_id,
        subscription_id=params.meta.subscription_id if params.meta else None,
    )


def _read_params(raw: msgspec.Raw) -> _Params:
    if not bytes(raw):
        return _Params()
    try:
        return _params.decode(raw)
    except msgspec.ValidationError:
        return _Params()  # fields of other shapes route nothing


def progress_token_of(body: bytes) -> RpcId | None:
    """Return the `progressToken` that a request asks progress with."""
    if b"progressToken" not in body:
        return None
    meta = _member(_member(_fields.decode(body), "params"), "_meta")
    token = msgspec.json.decode(meta["progressToken"]) if "progressToken" in meta else None
    return token if type(token) is str or type(token) is int else None


def asks_for_logs(body: bytes) -> bool:
    """Tell whether a modern request opted in to log messages."""
    return b"io.modelcontextprotocol/logLevel" in body


def with_request_id(body: bytes, rpc_id: int) -> bytes:
    """Give a request another id, and its progress token the same value."""
    fields = _fields.decode(body)
    fields["id"] = _raw(rpc_id)
    if b"progressToken" in body:
        params = _member(fields, "params")
        meta = _member(params, "_meta")
        if "progressToken" in meta:
            meta["progressToken"] = _raw(rpc_id)
            params["_meta"] = _raw(meta)
            fields["params"] = _raw(params)
    return msgspec.json.encode(fields)


def cancellation(rpc_id: RpcId, reason: str) -> bytes:
    """Return the notification that gives a request up."""
    params = {"requestId": rpc_id, "reason": reason}
    return msgspec.json.encode({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})


def ended_subscription(rpc_id: RpcId) -> bytes:
    """Return the result that ends a subscription gracefully."""
    result = {"resultType": "complete", "_meta": {SUBSCRIPTION_ID: rpc_id}}
    return msgspec.json.encode({"jsonrpc": "2.0", "id": rpc_id, "result": result})


def with_client_ids(message: ChildMessage, rpc_id: RpcId, progress_token: RpcId | None) -> bytes:
    """Give a child's message the ids that its client knows."""
    fields = _fields.decode(message.line)
    member = "params"
    if message.kind == "response":
        fields["id"] = _raw(rpc_id)
        member = "result"
    if message.progress_token is not None:
        params = _member(fields, "params")
        params["progressToken"] = _raw(progress_token)
        fields["params"] = _raw(params)
    if SUBSCRIPTION_ID.encode() in message.line:
        holder = _member(fields, member)
        meta = _member(holder, "_meta")
        if SUBSCRIPTION_ID in meta:
            meta[SUBSCRIPTION_ID] = _raw(rpc_id)
            holder["_meta"] = _raw(meta)
            fields[member] = _raw(holder)
    return msgspec.json.encode(fields)


def _member(fields: Fields, name: str) -> Fields:
    raw = fields.get(name)
    if raw is None or not bytes(raw).lstrip().startswith(b"{"):
        return {}
    return _fields.decode(raw)


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
