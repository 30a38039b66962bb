"""An MCP server in this process: any ASGI app, called in the task of the request.

Owns the app's scope and lifespan. The scope has the app's own path, a Host that its guards accept, and the caller as
the `mcp` SDK's user object. So `get_access_token()`, per-tool checks and session ownership work in an unmodified
server. Doorward does not depend on `mcp`: it uses the SDK only if the user's server imported it.

Spec: ASGI 3.0 HTTP and lifespan; MCP 2026-07-28 basic/transports.
"""

from __future__ import annotations

import contextvars
import functools
import logging
import sys
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from doorward.errors import Problem, UpstreamError
from doorward.logs import log
from doorward.upstreams.asgi.lifespan import Lifespan
from doorward.upstreams.asgi.probe import ask
from doorward.upstreams.http.reply import Verdict, judge, reworded
from doorward.upstreams.port import ASGIApp, Caller, Era, Message, Receive, Scope, Send, UpstreamCall

_log = logging.getLogger(__name__)

_LOOPBACK_HOST: Final = (b"host", b"127.0.0.1:8000")
"""The SDK's guard wants a loopback name with any port; FastMCP's wants the name alone."""
_HIDDEN: Final = frozenset({b"host", b"authorization", b"cookie", b"origin", b"content-length"})
_REDIRECTS: Final = frozenset({307, 308})
_MISDIRECTED: Final = 421
_MOST_PRINCIPALS: Final = 1024
_MOST_ATTEMPTS: Final = 3
_TEXT_LIMIT_BYTES: Final = 2048
_NO_SERVER: Final = {"asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1"}
_FAILED: Final = "The server behind this door failed on this request; its log has the traceback."


class AsgiUpstream:
    """An ASGI app that serves MCP at `path`.

    `public_host` is the Host for an app with its own allowed hosts; it is tried if the app answers 421 to a loopback
    Host.
    """

    def __init__(
        self, app: ASGIApp, *, path: str = "/mcp", public_host: str | None = None, name: str = "The MCP server"
    ) -> None:
        self.name = name
        self.audience: str | None = None
        self.keeps_sessions_here = True
        self._app = app
        self._path = path
        self._host = _LOOPBACK_HOST
        self._other_host = (b"host", public_host.encode("idna")) if public_host else None
        self._lifespan = Lifespan(app)
        self.problem: Problem | None = None
        """A problem found at start that affects every client."""

    async def start(self) -> None:
        """Run the app's start-up, and check whether anything answers at the path.

        Raises:
            StartError: the start-up failed; includes the app's own message.
        """
        await self._lifespan.start()
        question = UpstreamCall("GET", [], b"", b"", "legacy", None, None, None, None, _NO_SERVER)
        self.problem = await ask(self._app, {**self._scope(question), "method": "OPTIONS"})
        if (found := self.problem) is not None:
            log(_log, logging.WARNING, found.what, asked=f"OPTIONS {self._path}", why=found.why, fix=found.fix)

    async def stop(self) -> None:
        """Run the app's shutdown."""
        await self._lifespan.stop()

    async def era(self) -> Era | None:
        """Return None: the app was not probed, and its own refusal goes to the client."""
        return None

    async def handle(self, call: UpstreamCall, receive: Receive, send: Send) -> None:
        """Carry one request. Raises `UpstreamError`: `exited` if the app itself failed."""
        for _ in range(_MOST_ATTEMPTS):
            used = self._path, self._host
            attempt = _Attempt(call, receive, send, may_change_host=self._other_host is not None)
            await self._run(call, attempt)
            if attempt.refusal is not None:
                raise attempt.refusal
            if attempt.held is None:
                return
            if not self._adapt(attempt.held, used):
                break
        assert attempt.held is not None
        raise _refused(attempt.held["status"], self._path)

    async def _run(self, call: UpstreamCall, attempt: _Attempt) -> None:
        scope = self._scope(call)
        reset: tuple[contextvars.ContextVar[Any], contextvars.Token[Any]] | None = None
        if call.caller is not None and "mcp" in sys.modules:
            user, credentials, variable = _principal_of(call.caller)
            scope["user"], scope["auth"] = user, credentials
            reset = variable, variable.set(user)
        try:
            await self._app(scope, attempt.receive, attempt.send)
        except Exception as error:  # a bug in the user's code; it is logged with its traceback
            _report(error)
            if attempt.complete or attempt.held is not None:
                return
            raise UpstreamError(
                "reset" if attempt.started else "exited", _FAILED, evidence=type(error).__name__
            ) from error
        finally:
            if reset is not None:
                reset[0].reset(reset[1])
        if attempt.complete or attempt.held is not None or attempt.client_gone:
            return
        if not attempt.started:
            raise UpstreamError("exited", "The server behind this door ended the request without an answer.")
        raise UpstreamError("reset", "The server behind this door ended its answer in the middle.")

    def _scope(self, call: UpstreamCall) -> Scope:
        outer = call.scope
        headers = [line for line in call.headers if line[0] not in _HIDDEN]
        headers.append(self._host)
        if call.method == "POST":
            headers.append((b"content-length", b"%d" % len(call.body)))
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": outer["asgi"],
            "http_version": outer["http_version"],
            "method": call.method,
            "scheme": outer.get("scheme", "http"),
            "path": self._path,
            "raw_path": self._path.encode(),
            "root_path": "",
            "query_string": call.query_string,
            "headers": headers,
            "client": outer.get("client"),
            "server": outer.get("server"),
        }
        if self._lifespan.state is not None:
            scope["state"] = self._lifespan.state.copy()
        return scope

    def _adapt(self, held: Message, used: tuple[str, tuple[bytes, bytes]]) -> bool:
        """Switch to the Host or path that the app may accept; return False if none is left to try."""
        if (self._path, self._host) != used:
            return True  # a concurrent request has found it
        if held["status"] == _MISDIRECTED and self._other_host is not None:
            log(_log, logging.INFO, "the app refuses a loopback Host; using the public one")
            self._host, self._other_host = self._other_host, None
            return True
        location = next((value for name, value in held.get("headers", ()) if name.lower() == b"location"), b"")
        path = location.decode("latin-1").partition("?")[0].partition("#")[0]
        if "://" in path:
            path = "/" + path.partition("://")[2].partition("/")[2]
        if held["status"] not in _REDIRECTS or path == self._path or path.rstrip("/") != self._path.rstrip("/"):
            return False
        self._path = path
        return True


def _refused(status: int, path: str) -> UpstreamError:
    if status in _REDIRECTS:
        return UpstreamError("not_mcp", f"The server behind this door does not answer at {path}: it redirects.")
    if status == 401:  # noqa: PLR2004
        return UpstreamError(
            "not_mcp", "The server behind this door asks for a sign-in of its own (401); remove its auth settings."
        )
    return UpstreamError("exited", _FAILED, evidence=f"status {status}")


class _Attempt:
    """One call of the app: gives it the body once, and holds back a response that another Host or path would avoid."""

    __slots__ = (
        *("_body", "_call", "_may_change_host", "_receive", "_send", "_text", "_verdict"),
        *("client_gone", "complete", "held", "refusal", "started"),
    )

    def __init__(self, call: UpstreamCall, receive: Receive, send: Send, *, may_change_host: bool) -> None:
        self._call = call
        self._body: bytes | None = call.body
        self._receive = receive
        self._send = send
        self._may_change_host = may_change_host
        self.started = False
        self.complete = False
        self.client_gone = False
        self.held: Message | None = None
        self.refusal: UpstreamError | None = None
        """Set with `held` if no client could use the response, whatever the Host or path."""
        self._verdict: Verdict | None = None
        """How to change a response that cannot be passed on unchanged."""
        self._text = b""

    async def receive(self) -> Message:
        """Return the body first, then the client's disconnect."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.client_gone = True
        return message

    async def send(self, message: Message) -> None:
        """Pass a message on, unless its response is held back."""
        if self.held is not None:
            return
        if message["type"] == "http.response.start":
            if self._holds(message["status"], message.get("headers", ())):
                self.held = message
                return
            self.started = True
            if not self._passes(message):
                return
        elif message["type"] == "http.response.body":
            self.complete = not message.get("more_body", False)
            if self._verdict is not None:
                await self._replace(self._verdict, message)
                return
        await self._send(message)

    def _passes(self, message: Message) -> bool:
        """Judge a response like a remote server's; most pass after one check."""
        status, headers = message["status"], [(name.lower(), value) for name, value in message.get("headers", ())]
        content_type = next((value for name, value in headers if name == b"content-type"), b"")
        is_plain = not content_type and status < 400  # noqa: PLR2004  small apps leave it out
        if is_plain or content_type.startswith((b"application/json", b"text/event-stream")):
            return True
        try:
            verdict = judge(self._call, status, headers, "http://localhost", "/")
        except UpstreamError as error:
            self.held, self.refusal, self.started = message, error, False
            return False
        if verdict.kind in {"reword", "empty"}:
            self._verdict = verdict
        return self._verdict is None

    async def _replace(self, verdict: Verdict, message: Message) -> None:
        self._text = (self._text + bytes(message.get("body", b"")))[:_TEXT_LIMIT_BYTES]
        if not self.complete:
            return
        headers, body = verdict.headers, b""
        if verdict.kind == "reword":
            headers, body = reworded(self._call, verdict.status, headers, self._text)
        await self._send({"type": "http.response.start", "status": verdict.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    def _holds(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        if status in _REDIRECTS or status == 401:  # noqa: PLR2004
            return True
        if status >= 500:  # noqa: PLR2004
            # A framework's own "Internal Server Error" page is not an MCP response; a JSON one is the app's.
            return not any(name.lower() == b"content-type" and b"json" in value for name, value in headers)
        return status == _MISDIRECTED and self._may_change_host


class _Identity(NamedTuple):
    """The fields of a `Caller`, as a key."""

    token_id: str
    user_id: str
    client_id: str
    scopes: tuple[str, ...]
    expires_at: int | None
    resource: str
    issuer: str


def _principal_of(caller: Caller) -> tuple[Any, Any, contextvars.ContextVar[Any]]:
    return _principal(
        _Identity(
            caller.token_id,
            caller.user_id,
            caller.client_id,
            caller.scopes,
            caller.expires_at,
            caller.resource,
            caller.issuer,
        )
    )


@functools.lru_cache(maxsize=_MOST_PRINCIPALS)
def _principal(identity: _Identity) -> tuple[Any, Any, contextvars.ContextVar[Any]]:
    """Build the SDK's and FastMCP's objects for a caller. `token` is the credential's public handle, not the token."""
    from mcp.server.auth.middleware.auth_context import auth_context_var
    from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
    from starlette.authentication import AuthCredentials

    access_token = _access_token_class()
    details: dict[str, Any] = {
        "token": identity.token_id,
        "client_id": identity.client_id,
        "scopes": list(identity.scopes),
        "expires_at": identity.expires_at,
        "resource": identity.resource,
        "subject": identity.user_id,
        "claims": {"iss": identity.issuer, "sub": identity.user_id},
    }
    known = {name: value for name, value in details.items() if name in access_token.model_fields}  # mcp 1.x has fewer
    return AuthenticatedUser(access_token(**known)), AuthCredentials(list(identity.scopes)), auth_context_var


def _access_token_class() -> Any:
    """Return FastMCP's own class if FastMCP is loaded, because it converts any other class on each access."""
    own = sys.modules.get("fastmcp.server.auth.auth")
    if own is not None and hasattr(own, "AccessToken"):
        return own.AccessToken
    from mcp.server.auth.provider import AccessToken

    return AccessToken


def _report(error: Exception) -> None:
    """Log the user's traceback without this module's frames."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code.co_filename == __file__:
        traceback = traceback.tb_next
    _log.error("the server behind the door raised an exception", exc_info=(type(error), error, traceback))
