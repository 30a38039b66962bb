"""The door's own responses: refusals, outages and bugs, as bytes, each kind with its own status.

The door's counterpart to a Response class: it sends two ASGI messages and keeps nothing. A refusal says what was wrong
and what to do. An outage says when to retry, and nothing about the request. A bug has an id that is in the log.

Spec: MCP 2026-07-28 basic/transports; RFC 6750 s3; RFC 9110 s15.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from doorward.door.ports import Headers
from doorward.errors import DoorwardError, UpstreamError, UpstreamFault
from doorward.mcp.jsonrpc import INTERNAL_ERROR, INVALID_REQUEST, Refusal, RpcId, error_body, idless_error_body
from doorward.oauth.errors import BearerError
from doorward.upstreams.port import Send

_JSON = (b"content-type", b"application/json")
_NO_STORE = (b"cache-control", b"no-store")
CLOSE = (b"connection", b"close")
_UNAVAILABLE_RETRY_SECONDS = b"2"
STOPPING = "This server is stopping, and the call was ended before it had an answer. Try again shortly."
_NO_VERDICT = "The server cannot check credentials at the moment. Try again shortly."

FAULT_STATUS: Mapping[UpstreamFault, int] = {
    "unreachable": 502,
    "timeout": 504,
    "reset": 502,
    "not_mcp": 502,
    "too_large": 502,
    "exited": 502,
    "overloaded": 503,
}
_FAULT_RETRY_SECONDS: Mapping[UpstreamFault, bytes] = {
    "unreachable": b"5",
    "reset": b"1",
    "exited": b"2",
    "overloaded": b"5",
}


class Refused(DoorwardError):
    """The request cannot be served; has a status and a JSON-RPC error."""

    def __init__(self, status: int, message: str, *, headers: Headers | None = None, close: bool = False) -> None:
        self.refusal = Refusal(status, INVALID_REQUEST, message)
        self.headers = [*(headers or ()), *((CLOSE,) if close else ())]
        super().__init__(f"{status}: {message}")


class MessageRefused(DoorwardError):
    """A message is refused; the response carries its id."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(f"{refusal.status}: {refusal.message}")


async def send_reply(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    """Send one complete response."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def send_empty(send: Send, status: int, headers: Headers) -> None:
    """Send a response that cannot have a body."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def send_refused(send: Send, base: Headers, error: Refused) -> None:
    """Refuse a request whose body was not read, or not as a message."""
    refusal = error.refusal
    body = idless_error_body(refusal.code, refusal.message)
    await send_reply(send, refusal.status, [*base, _JSON, _NO_STORE, *error.headers], body)


async def send_refusal(send: Send, base: Headers, refusal: Refusal) -> None:
    """Refuse a message; the response carries its id."""
    body = error_body(refusal.code, refusal.message, data=refusal.data, rpc_id=refusal.rpc_id)
    await send_reply(send, refusal.status, [*base, _JSON, _NO_STORE], body)


async def send_challenge(
    send: Send, base: Headers, error: BearerError, challenge: bytes, *, rpc_id: RpcId | None = None
) -> None:
    """Send an error about the credential; for a message it carries the id. Spec: RFC 6750 s3."""
    code = error.error or "unauthorized"
    if rpc_id is None:
        body = json.dumps({"error": code, "error_description": error.description}).encode()
    else:
        data = {"error": code, "scope": " ".join(error.scopes)}
        body = error_body(INVALID_REQUEST, error.description, data=data, rpc_id=rpc_id)
    headers = [*base, (b"www-authenticate", challenge), _JSON, _NO_STORE]
    if error.nonce is not None:
        headers.append(nonce_header(error.nonce))
    await send_reply(send, error.status, headers, body)


def nonce_header(nonce: str) -> tuple[bytes, bytes]:
    """Return the header with the nonce for the client's next proof. Spec: RFC 9449 s8.2."""
    return b"dpop-nonce", nonce.encode("ascii")


async def send_unavailable(send: Send, base: Headers, message: str = _NO_VERDICT) -> None:
    """Send a 503: the request can't be decided now."""
    body = idless_error_body(INTERNAL_ERROR, message)
    retry = (b"retry-after", _UNAVAILABLE_RETRY_SECONDS)
    await send_reply(send, 503, [*base, _JSON, _NO_STORE, retry], body)


async def send_stopping(send: Send, base: Headers, *, rpc_id: RpcId | None) -> None:
    """Send a 503: the process is stopping."""
    headers = [*base, _JSON, _NO_STORE, (b"retry-after", _UNAVAILABLE_RETRY_SECONDS), CLOSE]
    await send_reply(send, 503, headers, stopping_body(rpc_id=rpc_id))


def stopping_body(*, rpc_id: RpcId | None) -> bytes:
    """Return the JSON-RPC error for a call that ends because the process is stopping."""
    return error_body(INTERNAL_ERROR, STOPPING, data={"fault": "stopping"}, rpc_id=rpc_id)


async def send_upstream_fault(
    send: Send, base: Headers, error: UpstreamError, *, upstream: str, rpc_id: RpcId | None
) -> None:
    """Name the upstream that failed, and how it failed."""
    body = upstream_fault_body(error, upstream=upstream, rpc_id=rpc_id)
    headers = [*base, _JSON, _NO_STORE]
    if error.fault in _FAULT_RETRY_SECONDS:
        headers.append((b"retry-after", _FAULT_RETRY_SECONDS[error.fault]))
    await send_reply(send, FAULT_STATUS[error.fault], headers, body)


def upstream_fault_body(error: UpstreamError, *, upstream: str, rpc_id: RpcId | None) -> bytes:
    """Return the JSON-RPC error that names the upstream that failed, and how it failed."""
    data = {"fault": error.fault, "upstream": upstream}
    return error_body(INTERNAL_ERROR, f"{upstream}: {error.detail}", data=data, rpc_id=rpc_id)


def bug_body(error_id: str, *, rpc_id: RpcId | None) -> bytes:
    """Return the JSON-RPC error for a bug."""
    message = f"Internal error. The server's log has the details under {error_id}."
    return error_body(INTERNAL_ERROR, message, data={"error_id": error_id}, rpc_id=rpc_id)


def interrupted_body(*, rpc_id: RpcId | None) -> bytes:
    """Return the JSON-RPC error for a call that this server ended because it is stopping."""
    message = "This server ended the call before it was answered, because it is stopping. The call may have run."
    return error_body(INTERNAL_ERROR, message, rpc_id=rpc_id)


async def send_bug(send: Send, base: Headers, error_id: str, *, rpc_id: RpcId | None) -> None:
    """Report a bug. The id finds the traceback in the log; the response reveals nothing else."""
    body = bug_body(error_id, rpc_id=rpc_id)
    await send_reply(send, 500, [*base, _JSON, _NO_STORE], body)
