"""The only place that turns errors into HTTP, and the wrapper of every OAuth endpoint.

A refusal is a 4xx with an error code. Unavailable is a 503 without one, so that no client discards valid credentials. A
bug is a 500 with an id that is in the log. The three never mix.

Spec: RFC 6749 s5.1, s5.2; RFC 6750 s3; RFC 9207 s2.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from doorward.audit.events import AuditEvent
from doorward.audit.log import note
from doorward.edge.error_hook import named_client, other_words
from doorward.edge.mounting import local_path
from doorward.errors import StorageError, is_shutdown
from doorward.fetching.errors import FetchError
from doorward.hooks import NO_HOOKS, Hooks, OAuthFault
from doorward.logs import log, request_id
from doorward.oauth.errors import (
    InvalidClient,
    InvalidRequest,
    InvalidToken,
    LocalAuthorizationError,
    OAuthError,
    Reason,
    RedirectAuthorizationError,
    TooManyRequests,
    UseDpopNonce,
    plain_description,
)

LOGGER = logging.getLogger("doorward.endpoints")
BODY_LIMIT_BYTES = 64 * 1024
BODY_SECONDS = 20.0
"""Time limit for a whole body; these are small."""
NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}
CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, POST, OPTIONS",
    "access-control-allow-headers": "authorization, content-type, dpop, mcp-protocol-version",
    "access-control-expose-headers": "dpop-nonce, retry-after, www-authenticate, x-request-id",
    "access-control-max-age": "86400",
}
"""Open, because browser-based clients need these paths, and safe, because none of them reads a cookie."""

_API_PARTS, _PAGE_PARTS = 5, 3
"""How many segments of a path under `/-/api/v1/` and `/-/` are ours, including the empty one at the start."""

_ROUTINE = frozenset({"use_dpop_nonce", "authorization_pending", "slow_down"})
"""Refusals that honest clients get all the time; the audit log omits them."""

ONE_LINE = frozenset({"authorization", "content-type", "host", "origin", "sec-fetch-dest", "sec-fetch-site"})
"""Headers that affect decisions here and may have only one line; `DPoP` has its own error."""

Handler = Callable[[Request], Awaitable[Response]]


class RenderError(Protocol):
    """Renders an error page."""

    def __call__(self, title: str, sentence: str, status: int, *, onwards: str = "") -> Response:
        """Return the page; `onwards` is the target of its link."""
        ...


class BodyTooLarge(Exception):
    """The body is larger than `BODY_LIMIT_BYTES`."""

    status, reason = 413, Reason.TOO_LARGE


class BodyTooSlow(Exception):
    """The body did not arrive within `BODY_SECONDS`."""

    status, reason = 408, "too_slow"


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response that no cache may store."""
    return Response(
        msgspec.json.encode(body),
        status,
        {"content-type": "application/json", **NO_STORE, **(headers or {})},
    )


def not_found() -> Response:
    """Return a 404: nothing exists at this address."""
    return json_response({"error": "not_found", "error_description": "There is nothing at this address."}, 404)


async def _read_body(receive: Receive) -> bytes:
    """Read the whole body; stop at either limit."""
    chunks: list[bytes] = []
    size = 0
    more = True
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > BODY_LIMIT_BYTES:
                    raise BodyTooLarge
                chunks.append(chunk)
                more = message.get("more_body", False)
    except TimeoutError:
        raise BodyTooSlow from None
    return b"".join(chunks)


def require_content_type(request: Request, expected: str) -> None:
    """Refuse a body of another media type. Parameters such as a charset are allowed.

    Raises:
        InvalidRequest: names the expected type.
    """
    sent = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if sent != expected:
        raise InvalidRequest(f"The body must be sent as {expected}.", Reason.MEDIA_TYPE)


def error_response(error: OAuthError, said: str, *, basic: bool) -> Response:
    """Return an error as JSON. `basic`: the client used HTTP Basic, so the response needs a challenge."""
    headers = {"www-authenticate": 'Basic realm="doorward"'} if basic and isinstance(error, InvalidClient) else {}
    if isinstance(error, UseDpopNonce):
        headers["dpop-nonce"] = error.nonce
    if isinstance(error, InvalidToken):
        headers["www-authenticate"] = 'Bearer error="invalid_token"'
    return json_response({"error": error.error, "error_description": said}, error.status, headers)


def guarded(
    handler: Handler,
    *,
    cors: bool = False,
    render_error: RenderError | None = None,
    hooks: Hooks = NO_HOOKS,
    one_line: frozenset[str] = ONE_LINE,
) -> ASGIApp:
    """Wrap an endpoint as an ASGI app in which every exception has exactly one response.

    With `render_error` the responses are pages for a person; without it they are JSON for a program. The hook
    `on_error` gets each error before the response. `one_line` names the headers that may have only one line.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request, body = Request(scope), b""
        try:
            _refuse_repeated(request, one_line)
            body = await _read_body(receive)
            response = await handler(Request(scope, _replay(body)))
        except Exception as error:  # noqa: BLE001  the one frame that answers for every bug
            said = None if hooks.on_error is None else await _report(hooks, error, request, body)
            response = _answer(error, request, render_error, said)
        except asyncio.CancelledError as error:
            if not is_shutdown(error):
                raise
            response = _plain(render_error, "temporarily_unavailable", "This server is stopping. Try again.", 503)
            response.headers.update({"retry-after": "1", "connection": "close"})
        if cors:
            response.headers.update(CORS)
        await response(scope, receive, send)

    return app


def _refuse_repeated(request: Request, one_line: frozenset[str]) -> None:
    """Refuse a repeated header that may have only one line: a proxy in front may have used the other line.

    Raises:
        InvalidRequest: names the header.
    """
    for name in one_line & set(request.headers):
        if len(request.headers.getlist(name)) > 1:
            raise InvalidRequest(f"The {name} header was sent more than once.", Reason.REPEATED_PARAMETER)


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _report(hooks: Hooks, error: Exception, request: Request, body: bytes) -> str | None:
    match error:
        case ClientDisconnect():
            return None
        case OAuthError():
            code, status, reason = error.error, error.status, str(error.reason)
        case BodyTooLarge() | BodyTooSlow():
            code, status, reason = "invalid_request", error.status, str(error.reason)
        case StorageError():
            code, status, reason = "temporarily_unavailable", 503, "store_unavailable"
        case FetchError():
            code, status, reason = "temporarily_unavailable", 503, "fetch_failed"
        case _:
            code, status, reason = "server_error", 500, "bug"
    fault = OAuthFault(code, status, reason, _endpoint(request), request_id.get(), named_client(request, body))
    said = await other_words(hooks, fault)
    return None if said is None else plain_description(said)


def _answer(error: Exception, request: Request, render_error: RenderError | None, said: str | None) -> Response:
    if isinstance(error, RedirectAuthorizationError):
        _log_refusal(request, error)
        return _back_to_client(error, render_error)
    if isinstance(error, OAuthError):
        _log_refusal(request, error)
        if render_error is not None:
            title = "This sign-in cannot start" if isinstance(error, LocalAuthorizationError) else "Request refused"
            answer = render_error(title, said or error.description, error.status)
        else:
            answer = error_response(error, said or error.description, basic="authorization" in request.headers)
        if isinstance(error, TooManyRequests):
            answer.headers["retry-after"] = str(error.retry_after_seconds)
        return answer
    if isinstance(error, BodyTooLarge):
        return _plain(render_error, "invalid_request", said or "The request body is larger than 64 KiB.", error.status)
    if isinstance(error, BodyTooSlow):
        answer = _plain(
            render_error, "invalid_request", said or "The request body did not arrive in time.", error.status
        )
        answer.headers["connection"] = "close"
        return answer
    if isinstance(error, ClientDisconnect):
        return Response(status_code=400)
    if isinstance(error, StorageError):
        log(LOGGER, logging.ERROR, "store_unavailable", path=_shown_path(request), detail=str(error))
        answer = _plain(render_error, "temporarily_unavailable", "Try again in a moment.", 503)
        answer.headers["retry-after"] = "1"
        return answer
    if isinstance(error, FetchError):
        log(LOGGER, logging.WARNING, "fetch_failed", path=_shown_path(request), detail=str(error))
        answer = _plain(render_error, "temporarily_unavailable", "Try again in a moment.", 503)
        answer.headers["retry-after"] = "5"
        return answer
    incident = secrets.token_hex(4)
    LOGGER.error("bug", exc_info=error, extra={"fields": {"incident": incident, "path": _shown_path(request)}})
    return _plain(render_error, "server_error", f"Something broke on this server. Incident {incident}.", 500)


def _back_to_client(error: RedirectAuthorizationError, render_error: RenderError | None) -> Response:
    if error.is_automatic or render_error is None:
        return Response(status_code=303, headers={"location": error.location(), **NO_STORE})
    return render_error("This sign-in cannot start", error.description, 400, onwards=error.location())


def _plain(render_error: RenderError | None, code: str, sentence: str, status: int) -> Response:
    if render_error is not None:
        return render_error("Something is wrong here" if status >= 500 else "Request refused", sentence, status)  # noqa: PLR2004
    return json_response({"error": code, "error_description": sentence}, status)


def _log_refusal(request: Request, error: OAuthError) -> None:
    # Never use `request.url`: it decodes the query, and a client's query need not be valid text.
    fields: dict[str, Any] = {"path": _shown_path(request), "error": error.error, "reason": str(error.reason)}
    log(LOGGER, logging.INFO, "refused", **fields)
    if error.error not in _ROUTINE:
        detail = {"error": error.error, "endpoint": _endpoint(request)}
        note(AuditEvent(event="refused", outcome="refused", reason=str(error.reason), detail=detail))


def _endpoint(request: Request) -> str:
    # Leave out what the client may have appended: one entry stands for all refusals of this kind in its interval.
    path = local_path(request.scope)
    return "/".join(path.split("/")[: 3 if path.startswith("/-/") else 2])


def _shown_path(request: Request) -> str:
    """Return the path for the log, without a last segment that the client chose: it may be a pasted secret."""
    path = local_path(request.scope)
    parts = path.split("/")
    kept = _API_PARTS if path.startswith("/-/api/") else _PAGE_PARTS if path.startswith("/-/") else 2
    return "/".join([*parts[:kept], *(["*"] if len(parts) > kept else [])])
