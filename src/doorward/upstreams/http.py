"""An MCP server reached over Streamable HTTP: the reverse-proxy hop of the door.

Owns one exchange with the upstream: framing the request, one resend on a stale connection, one redirect inside the
upstream's own origin, time limits, and passing the answer on as it arrives. Proxy variables, netrc and cookies are
never looked at. What a response means is decided in `http_reply.py`; connections live in `http_pool.py`.

Spec: RFC 9112; MCP 2025-11-25 and 2026-07-28, Streamable HTTP.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final
from urllib.parse import SplitResult, urlsplit

from doorward.errors import ConfigError, Problem, UpstreamError
from doorward.upstreams.http_connection import Connection
from doorward.upstreams.http_pool import Pool, system_trust
from doorward.upstreams.http_reply import Verdict, judge, reworded
from doorward.upstreams.http_vigil import Vigil
from doorward.upstreams.port import Receive, Send, UpstreamCall

_OURS: Final = frozenset(
    {
        b"accept-encoding",
        b"authorization",
        b"connection",
        b"content-length",
        b"cookie",
        b"expect",
        b"host",
        b"keep-alive",
        b"origin",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Fields of the hop itself, and `origin`: it was judged at the door, and upstreams know only their own name."""

_ASKS_ONLY: Final = frozenset({"initialize", "ping", "server/discover", "prompts/get", "resources/read"})
_STALE_CLOSE_SECONDS: Final = 0.2
_STALE_REST_SECONDS: Final = 1.0
_TEXT_LIMIT_BYTES: Final = 2048


class HttpUpstream:
    """One MCP server at a URL.

    Raises:
        ConfigError: the URL is not an http or https address with a host.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float,
        connect_timeout_seconds: float = 10,
        max_connections: int = 256,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.url = url
        parts = _parse(url)
        host = parts.hostname or ""
        default_port = 443 if parts.scheme == "https" else 80
        self._origin = f"{parts.scheme}://{parts.netloc}".lower()
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._host_line = b"host: " + parts.netloc.encode() + b"\r\n"
        self._secure = parts.scheme == "https"
        self._timeout_seconds = timeout_seconds
        self._pool = Pool(
            host,
            parts.port or default_port,
            tls=tls,
            connect_timeout_seconds=connect_timeout_seconds,
            max_connections=max_connections,
        )

    async def start(self) -> None:
        """Build the TLS context. An upstream that is down now may come up later, so nothing is connected yet."""
        if self._secure and self._pool.tls is None:
            self._pool.tls = system_trust()

    async def stop(self) -> None:
        """Close all connections."""
        self._pool.close()

    async def handle(self, call: UpstreamCall, receive: Receive, send: Send) -> None:
        """Carry one request. Raises `UpstreamError`."""
        standing = call.method == "GET" or call.rpc_method == "subscriptions/listen"
        vigil = Vigil(receive, self._timeout_seconds)
        if not standing:
            await self._pool.take_slot()
        try:
            connection, verdict = await self._ask(call, vigil)
            try:
                if standing and verdict.kind == "stream":
                    vigil.allow_silence()
                await _answer(call, connection, verdict, send)
            finally:
                self._pool.put_back(connection)
        except UpstreamError:
            if not vigil.client_gone:
                raise
        finally:
            vigil.end()
            if not standing:
                self._pool.free_slot()

    async def _ask(self, call: UpstreamCall, vigil: Vigil) -> tuple[Connection, Verdict]:
        """Send the request until an answer is worth passing on: at most one resend, at most one redirect."""
        target = self._target
        connection = await self._exchange(call, target, vigil)
        verdict = self._judge(call, connection, target)
        if verdict.kind != "redirect":
            return connection, verdict
        vigil.look_away()
        self._pool.put_back(connection)
        followed = verdict.location.decode()
        connection = await self._exchange(call, followed, vigil)
        verdict = self._judge(call, connection, followed)
        if verdict.kind == "redirect":
            connection.abort()
            raise UpstreamError("not_mcp", "The upstream answers a redirect with another redirect.")
        if not call.query_string and followed.partition("?")[0].rstrip("/") == target.partition("?")[0].rstrip("/"):
            self._target = followed  # the spelling that works
        return connection, verdict

    def _judge(self, call: UpstreamCall, connection: Connection, target: str) -> Verdict:
        try:
            return judge(call, connection.status, connection.headers, self._origin, target)
        except UpstreamError:
            connection.abort()
            raise

    async def _exchange(self, call: UpstreamCall, target: str, vigil: Vigil) -> Connection:
        """Return a connection on which the head of the answer has arrived."""
        head = self._head(call, target)
        connection = self._pool.idle()
        if connection is not None:
            rested_at = connection.released_at
            try:
                return await self._converse(connection, head, call.body, vigil)
            except UpstreamError as error:
                if vigil.client_gone or not _may_resend(call, connection, error, rested_at):
                    raise
        return await self._converse(await self._pool.connect(), head, call.body, vigil)

    @staticmethod
    async def _converse(connection: Connection, head: bytes, body: bytes, vigil: Vigil) -> Connection:
        connection.send(head, body)
        vigil.watch(connection)
        try:
            await connection.head()
        except BaseException:
            connection.abort()
            raise
        return connection

    def _head(self, call: UpstreamCall, target: str) -> bytes:
        if call.query_string:
            target += ("&" if "?" in target else "?") + call.query_string.decode("latin-1")
        lines = [
            b"%b %b HTTP/1.1\r\n" % (call.method.encode(), target.encode("latin-1")),
            self._host_line,
            b"accept-encoding: identity\r\n",
        ]
        for name, value in call.headers:
            if name not in _OURS:
                lines.append(b"%b: %b\r\n" % (name, value))
        if call.method == "POST":
            lines.append(b"content-length: %d\r\n" % len(call.body))
        lines.append(b"\r\n")
        head = b"".join(lines)
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
            # A line end inside a value would smuggle a header or a whole request.
            raise UpstreamError("not_mcp", "A request header holds a line break.")
        return head


async def _answer(call: UpstreamCall, connection: Connection, verdict: Verdict, send: Send) -> None:
    """Pass the answer on as it arrives."""
    if verdict.kind == "empty":
        await _drain(connection, _TEXT_LIMIT_BYTES)
        return await _send_all(send, verdict.status, verdict.headers, b"")
    if verdict.kind == "reword":
        headers, body = reworded(call, verdict.status, verdict.headers, await _drain(connection, _TEXT_LIMIT_BYTES))
        return await _send_all(send, verdict.status, headers, body)
    await send({"type": "http.response.start", "status": verdict.status, "headers": verdict.headers})
    more = True
    while more:
        data = await connection.read()
        more = not connection.complete
        await send({"type": "http.response.body", "body": data, "more_body": more})
    return None


async def _send_all(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _drain(connection: Connection, limit_bytes: int) -> bytes:
    """Read a short body to its end; of a longer one keep the beginning and give the connection up."""
    kept = bytearray()
    while data := await connection.read():
        kept += data
        if len(kept) > limit_bytes:
            connection.abort()
            break
    return bytes(kept[:limit_bytes])


def _may_resend(call: UpstreamCall, connection: Connection, error: UpstreamError, rested_at: float) -> bool:
    """Whether a kept connection closed on us before the request was looked at.

    A request that changes nothing may always be sent again. Any other only when the connection had rested long
    enough for the server's idle timer and closed at once, so that a crash in mid-call never runs a tool twice.
    Spec: RFC 9110 s9.2.2; RFC 9112 s9.3.1.
    """
    if error.fault != "reset" or connection.received:
        return False
    method = call.rpc_method or ""
    if call.method != "POST" or method in _ASKS_ONLY or method.endswith("/list"):
        return True
    rested = connection.sent_at - rested_at >= _STALE_REST_SECONDS
    return rested and asyncio.get_running_loop().time() - connection.sent_at < _STALE_CLOSE_SECONDS


def _parse(url: str) -> SplitResult:
    """Split an upstream's URL. Raises `ConfigError`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _unusable(url, str(error)) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise _unusable(url, "An upstream's address looks like http://127.0.0.1:9000/mcp.")
    if parts.username is not None:
        raise _unusable(parts.hostname, "A user name or password in an upstream's address is not sent to it.")
    if not url.isascii() or any(c <= " " for c in url):
        raise _unusable(url, "Write the host in punycode and everything else percent-encoded.")
    return parts


def _unusable(url: str, why: str) -> ConfigError:
    return ConfigError([Problem(what=f"{url!r} cannot be used as an upstream", why=why, where="target")])
