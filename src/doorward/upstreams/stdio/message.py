"""A child's messages, parsed only as far as routing needs, and passed on as the original bytes.

Minor violations of JSON-RPC are corrected if the meaning is clear. Also rewrites ids, which is needed if several
clients share a child. Pure.

Spec: JSON-RPC 2.0 s4, s5; MCP 2026-07-28 basic/transports (stdio), basic/utilities/progress, server/utilities/
subscriptions.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final, Literal

import msgspec

from doorward.mcp.jsonrpc import INTERNAL_ERROR, Message, RpcId

SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId"
LOG_LEVEL = "io.modelcontextprotocol/logLevel"
Fields = dict[str, msgspec.Raw]

_NUMBER: Final = re.compile(r"-?[0-9]{1,18}(?:\.0+)?", re.ASCII)


class NotAMessage(ValueError):
    """The line is not a JSON-RPC message."""


class NotJson(NotAMessage):
    """The line is not valid JSON, or is nested too deeply."""


class _Meta(msgspec.Struct):
    subscription_id: RpcId | None = msgspec.field(default=None, name=SUBSCRIPTION_ID)


class _Params(msgspec.Struct):
    progress_token: RpcId | None = msgspec.field(default=None, name="progressToken")
    request_id: RpcId | None = msgspec.field(default=None, name="requestId")
    uri: str | None = None
    meta: _Meta | None = msgspec.field(default=None, name="_meta")


class _Envelope(msgspec.Struct):
    """The undecoded members, so that routing does not depend on the types of the others."""

    jsonrpc: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    method: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    params: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Error(msgspec.Struct):
    code: int
    message: str


class ChildMessage(msgspec.Struct):
    """One message of a child, fit to be passed on."""

    kind: Literal["request", "notification", "response", "unreadable"]
    """`unreadable`: a response that cannot be passed on."""
    line: bytes
    method: str = ""
    rpc_id: RpcId | None = None
    """None in a response that names no request."""
    error_code: int | None = None
    """The code of an error response."""
    progress_token: RpcId | None = None
    request_id: RpcId | None = None
    """The request that `notifications/cancelled` names."""
    uri: str | None = None
    """The resource that `notifications/resources/updated` names."""
    subscription_id: RpcId | None = None


_VERSION = b'"2.0"'
_envelopes = msgspec.json.Decoder(_Envelope)
_params = msgspec.json.Decoder(_Params)
_errors = msgspec.json.Decoder(_Error)
_fields = msgspec.json.Decoder(Fields)
_any = msgspec.json.Decoder()


def read_message(line: bytes) -> ChildMessage:
    """Parse one line without line breaks. A violation of JSON-RPC is corrected if that is safe.

    Raises:
        NotJson: it cannot be decoded.
        NotAMessage: it is not a JSON-RPC message.
    """
    try:
        if not line.isascii():
            line.decode()
        envelope = _envelopes.decode(line)
    except msgspec.ValidationError:
        raise NotAMessage from None  # JSON, but not an object
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise NotJson from None
    method = _method_of(envelope.method)
    if method is None:
        return _read_response(line, envelope)
    has_id = _is_there(envelope.id)
    if not _is_marked(envelope) or (not has_id and envelope.id is not msgspec.UNSET):
        fields = _fields.decode(line) | {"jsonrpc": msgspec.Raw(_VERSION)}
        if not has_id:
            fields.pop("id", None)  # some libraries write a null id into notifications
        line = msgspec.json.encode(fields)
    if has_id:
        rpc_id = _read_id(envelope.id)
        if rpc_id is None:
            raise NotAMessage
        return ChildMessage("request", line, method, rpc_id)
    params = _read_params(envelope.params)
    return ChildMessage(
        "notification",
        line,
        method,
        progress_token=params.progress_token,
        request_id=params.request_id,
        uri=params.uri,
        subscription_id=params.meta.subscription_id if params.meta else None,
    )


def _read_response(line: bytes, envelope: _Envelope) -> ChildMessage:
    rpc_id = _read_id(envelope.id)
    is_marked = _is_marked(envelope)
    failed = _is_there(envelope.error)
    answered = failed or envelope.result is not msgspec.UNSET
    # A line of a JSON log may have an "id" or an "error" of its own.
    if not (is_marked and (answered or rpc_id is not None)) and not (answered and rpc_id is not None):
        raise NotAMessage
    if not answered:
        return ChildMessage("unreadable", line, "", rpc_id)
    code = None
    changes: dict[str, msgspec.Raw] = {} if is_marked else {"jsonrpc": msgspec.Raw(_VERSION)}
    if failed:
        code, error = _read_error(envelope.error)
        if error is not None:
            if not is_marked:
                raise NotAMessage
            changes["error"] = _raw(error)
    if isinstance(rpc_id, int) and not _is_digits(envelope.id):
        changes["id"] = _raw(rpc_id)
    removed = "result" if failed else "error"
    if changes or getattr(envelope, removed) is not msgspec.UNSET:
        fields = _fields.decode(line)
        fields.pop(removed, None)
        line = msgspec.json.encode(fields | changes)
    return ChildMessage("response", line, "", rpc_id, code)


def _is_marked(envelope: _Envelope) -> bool:
    return envelope.jsonrpc is not msgspec.UNSET and bytes(envelope.jsonrpc) == _VERSION


def _is_digits(raw: msgspec.Raw | msgspec.UnsetType) -> bool:
    return raw is not msgspec.UNSET and bytes(raw).lstrip(b"-").isdigit()


def _is_there(raw: msgspec.Raw | msgspec.UnsetType) -> bool:
    # `bytes()` copies, and a response may be long.
    return raw is not msgspec.UNSET and bytes(memoryview(raw)[:5]) != b"null"


def _read_error(raw: msgspec.Raw | msgspec.UnsetType) -> tuple[int, dict[str, Any] | None]:
    """Return the code of an error and, if it has another form, the error as clients expect it."""
    try:
        return _errors.decode(b"" if raw is msgspec.UNSET else raw).code, None
    except (msgspec.MsgspecError, RecursionError):
        value = _decode(raw)
    known = value if isinstance(value, dict) else {"message": value}
    code, message = known.get("code"), known.get("message")
    if isinstance(code, float) and code.is_integer():
        code = int(code)
    data = {"code": code} if code is not None and type(code) is not int else known.get("data")
    error: dict[str, Any] = {
        "code": code if type(code) is int else INTERNAL_ERROR,
        "message": message if isinstance(message, str) else "The server failed and did not say why.",
    }
    if data is None and message is not None and not isinstance(message, str):
        data = message
    if data is not None:
        error["data"] = data
    return error["code"], error


def _read_id(raw: msgspec.Raw | msgspec.UnsetType) -> RpcId | None:
    value = _decode(raw)
    if type(value) is float and value.is_integer():
        return int(value)
    return value if type(value) is str or type(value) is int else None


def _method_of(raw: msgspec.Raw | msgspec.UnsetType) -> str | None:
    value = _decode(raw)
    return value if isinstance(value, str) else None


def _decode(raw: msgspec.Raw | msgspec.UnsetType) -> Any:
    if raw is msgspec.UNSET:
        return None
    try:
        return _any.decode(raw)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None


def waiting_id(waiting: Collection[RpcId], rpc_id: RpcId) -> RpcId | None:
    """Return the pending id that a child means: some send a number as a string, or a string as a number."""
    if rpc_id in waiting:
        return rpc_id
    other = _as_number(rpc_id) if isinstance(rpc_id, str) else str(rpc_id)
    return other if other is not None and other in waiting else None


def _as_number(text: str) -> int | None:
    return int(text.partition(".")[0]) if _NUMBER.fullmatch(text) else None


def _read_params(raw: msgspec.Raw | msgspec.UnsetType) -> _Params:
    if raw is msgspec.UNSET:
        return _Params()
    try:
        return _params.decode(raw)
    except (msgspec.MsgspecError, RecursionError):
        return _Params()  # fields of other types do not affect routing


def progress_token_of(message: Message | None) -> RpcId | None:
    """Return the `progressToken` of a client's request."""
    return _as_id(_meta_of(message).get("progressToken"))


def cancelled_id(message: Message | None) -> RpcId | None:
    """Return the request that a client's `notifications/cancelled` names."""
    return None if message is None else _as_id(message.params.get("requestId"))


def _meta_of(message: Message | None) -> Mapping[str, object]:
    meta = None if message is None else message.params.get("_meta")
    return meta if isinstance(meta, dict) else {}


def _as_id(value: object) -> RpcId | None:
    return value if type(value) is str or type(value) is int else None


def asks_for_logs(message: Message | None) -> bool:
    """Return whether a modern request opted in to log messages."""
    return LOG_LEVEL in _meta_of(message)


class Subscriptions(msgspec.Struct, rename="camel"):
    """What a client subscribed to."""

    tools_list_changed: bool = False
    prompts_list_changed: bool = False
    resources_list_changed: bool = False
    resource_subscriptions: tuple[str, ...] = ()


_LISTS: Final = {
    "notifications/tools/list_changed": "tools_list_changed",
    "notifications/prompts/list_changed": "prompts_list_changed",
    "notifications/resources/list_changed": "resources_list_changed",
}


def subscriptions_of(message: Message | None) -> Subscriptions:
    """Return the subscriptions that a `subscriptions/listen` requests."""
    wanted = None if message is None else message.params.get("notifications")
    try:
        return Subscriptions() if wanted is None else msgspec.convert(wanted, Subscriptions)
    except msgspec.MsgspecError:
        return Subscriptions()


def change_for(message: ChildMessage, subscriptions: Subscriptions, rpc_id: RpcId) -> bytes | None:
    """Return a change notification for this subscriber; None if the client did not subscribe to it."""
    params: dict[str, Any] = {"_meta": {SUBSCRIPTION_ID: rpc_id}}
    wanted = _LISTS.get(message.method)
    if wanted is not None:
        if not getattr(subscriptions, wanted):
            return None
    elif message.method == "notifications/resources/updated" and message.uri in subscriptions.resource_subscriptions:
        params["uri"] = message.uri
    else:
        return None
    return msgspec.json.encode({"jsonrpc": "2.0", "method": message.method, "params": params})


def with_request_id(body: bytes, rpc_id: int) -> bytes:
    """Replace the id of a request, and give its progress token the same value."""
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
    """Return the notification that cancels a request."""
    params = {"requestId": rpc_id, "reason": reason}
    return msgspec.json.encode({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})


def ended_subscription(rpc_id: RpcId) -> bytes:
    """Return the result that ends a subscription gracefully."""
    result = {"resultType": "complete", "_meta": {SUBSCRIPTION_ID: rpc_id}}
    return msgspec.json.encode({"jsonrpc": "2.0", "id": rpc_id, "result": result})


def with_id(line: bytes, rpc_id: RpcId) -> bytes:
    """Replace the id of a response by the client's own."""
    return msgspec.json.encode(_fields.decode(line) | {"id": _raw(rpc_id)})


def with_client_ids(message: ChildMessage, rpc_id: RpcId, progress_token: RpcId | None) -> bytes:
    """Replace the ids in a child's message by the client's own."""
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
