"""The only place where an error becomes HTTP, and the frame that every OAuth endpoint runs in.

Refused is a 4xx with a verdict; unavailable is a 503 without one, so no client throws away good credentials; a bug is a
500 with an id that is in the log. The three never mix.

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
"""How long a body may take in all; these are small."""
NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}
CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, POST, OPTIONS",
    "access-control-allow-headers": "authorization, content-type, dpop, mcp-protocol-version",
    "access-control-expose-headers": "dpop-nonce, retry-after, www-authenticate",
    "access-control-max-age": "86400",
}
"""Open, because browser-based clients must reach these paths, and safe, because none of them looks at a cookie."""

_API_PARTS, _PAGE_PARTS = 5, 3
"""How many parts of a path under `/-/api/v1/` and `/-/` this program chose, the empty one before the first included."""

_ROUTINE = frozenset({"use_dpop_nonce", "authorization_pending", "slow_down"})
"""Refusals that honest clients get all the time; the audit log does without them."""

ONE_LINE = frozenset({"authorization", "content-type", "host", "origin", "sec-fetch-dest", "sec-fetch-site"})
"""Headers that decide something here and may have one line only; `DPoP` has an error of its own."""

Handler = Callable[[Request], Awaitable[Response]]


class RenderError(Protocol):
    """Makes the page for a person."""

    def __call__(self, title: str, sentence: str, status: int, *, onwards: str = "") -> Response:
        """Return it; `onwards` is where a link on it leads."""
        ...


class BodyTooLarge(Exception):
    """More than `BODY_LIMIT_BYTES` were sent."""

    status, reason = 413, Reason.TOO_LARGE


class BodyTooSlow(Exception):
    """The body was not there after `BODY_SECONDS`."""

    status, reason = 408, "too_slow"


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer JSON that no cache may keep."""
    return Response(
        msgspec.json.encode(body),
        status,
        {"content-type": "application/json", **NO_STORE, **(headers or {})},
    )


def not_found() -> Response:
    """Answer that there is nothing at this address."""
    return json_response({"error": "not_found", "error_description": "There is nothing at this address."}, 404)


async def _read_body(receive: Receive) -> bytes:
    """Read the whole body, stopping at either limit instead of reading on."""
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
    """Refuse a body of another kind. Parameters such as a charset are allowed.

    Raises:
        InvalidRequest: naming what was expected.
    """
    sent = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if sent != expected:
        raise InvalidRequest(f"The body must be sent as {expected}.", Reason.MEDIA_TYPE)


def error_response(error: OAuthError, said: str, *, basic: bool) -> Response:
    """Answer a verdict as JSON. `basic` tells that the client used HTTP Basic, which wants a challenge back."""
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
    """Make an ASGI app of an endpoint in which everything that can be raised has exactly one answer.

    With `render_error` the answers are pages for a person; without it they are JSON for a program. `on_error` of
    the hooks hears of each before it is answered. `one_line` names the headers that may have one line only.
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
    """Refuse two lines of a header that may have one: a proxy in front may have judged by the other.

    Raises:
        InvalidRequest: naming it.
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
    # Never `request.url`: it decodes the query, and a stranger's query need not be text.
    fields: dict[str, Any] = {"path": _shown_path(request), "error": error.error, "reason": str(error.reason)}
    log(LOGGER, logging.INFO, "refused", **fields)
    if error.error not in _ROUTINE:
        detail = {"error": error.error, "endpoint": _endpoint(request)}
        note(AuditEvent(event="refused", outcome="refused", reason=str(error.reason), detail=detail))


def _endpoint(request: Request) -> str:
    # Without what a stranger may have put behind: one entry stands for all refusals of its kind at that time.
    path = local_path(request.scope)
    return "/".join(path.split("/")[: 3 if path.startswith("/-/") else 2])


def _shown_path(request: Request) -> str:
    """Return the path for the log, without the last part where a stranger chooses it: it may be a pasted secret."""
    path = local_path(request.scope)
    parts = path.split("/")
    kept = _API_PARTS if path.startswith("/-/api/") else _PAGE_PARTS if path.startswith("/-/") else 2
    return "/".join([*parts[:kept], *(["*"] if len(parts) > kept else [])])
