"""An MCP server reached over Streamable HTTP: the reverse-proxy hop of the door.

Owns one call of the upstream: framing the request, one retry of a read on a stale connection, one redirect within the
upstream's origin, time limits, and streaming the response. Proxy variables, netrc and cookies are ignored. `reply.py`
decides what a response means; connections are in `pool.py`.

Spec: RFC 9112; MCP 2025-11-25 and 2026-07-28, Streamable HTTP.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Final
from urllib.parse import SplitResult, urlsplit

from doorward.config.header_rules import header_lines
from doorward.config.model import DoorSettings
from doorward.errors import ConfigError, Problem, UpstreamError
from doorward.secret_shapes import mask_urls
from doorward.upstreams.http.exchange import Exchange
from doorward.upstreams.http.pool import Pool, system_trust
from doorward.upstreams.http.reply import Verdict, judge, reworded
from doorward.upstreams.http.vigil import Vigil, Vigils
from doorward.upstreams.port import Era, Receive, Send, UpstreamCall

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
"""Headers of the hop itself, and `origin`: the door has checked it, and upstreams only know their own name."""

_READS: Final = frozenset(
    {
        *("ping", "server/discover", "tools/list", "prompts/list", "prompts/get", "completion/complete"),
        *("resources/list", "resources/templates/list", "resources/read", "tasks/list", "tasks/get"),
    }
)
"""Methods without side effects, which are safe to repeat. `initialize` is not one: it opens a session."""
_TEXT_LIMIT_BYTES: Final = 2048


class HttpUpstream:
    """One MCP server at a URL. It holds its sessions itself, so every worker can reach them.

    Raises:
        ConfigError: the URL is not an http or https address with a host.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float,
        name: str = "The MCP server",
        connect_timeout_seconds: float = 10,
        max_connections: int = 256,
        tls: ssl.SSLContext | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        self.name = name
        self.audience: str | None = url
        self.problem: Problem | None = None
        self.keeps_sessions_here = False
        parts = _parse(url)
        host = parts.hostname or ""
        default_port = 443 if parts.scheme == "https" else 80
        self._origin = f"{parts.scheme}://{parts.netloc}".lower()
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        # Every request has the operator's own headers, like the host; the door drops a client's headers with these
        # names.
        self._fixed_lines = [b"%b: %b\r\n" % line for line in ((b"host", parts.netloc.encode()), *headers)]
        self._secure = parts.scheme == "https"
        self._vigils = Vigils(timeout_seconds)
        self.pool = Pool(
            host,
            parts.port or default_port,
            tls=tls,
            connect_timeout_seconds=connect_timeout_seconds,
            max_connections=max_connections,
        )

    @classmethod
    def configured(cls, url: str, settings: DoorSettings, *, name: str) -> HttpUpstream:
        """Return the upstream at a URL with the limits and headers of the settings."""
        headers = header_lines(settings.upstream_headers or "")
        return cls(url, timeout_seconds=settings.upstream_timeout_seconds, name=name, headers=headers)

    async def start(self) -> None:
        """Build the TLS context. Connect later, because an upstream that is down now may come up."""
        if self._secure and self.pool.tls is None:
            self.pool.tls = system_trust()

    async def stop(self) -> None:
        """Close all connections."""
        self._vigils.stop()
        self.pool.close()

    async def era(self) -> Era | None:
        """Return None: the server was not probed, and its own refusal goes to the client."""
        return None

    async def handle(self, call: UpstreamCall, receive: Receive, send: Send) -> None:
        """Carry one request. Raises `UpstreamError`."""
        standing = call.method == "GET" or call.rpc_method == "subscriptions/listen"
        vigil = self._vigils.begin(receive)
        try:
            places = self.pool.try_enter(call.share, standing=standing)
            if places is None:
                places = await self.pool.enter(call.share, standing=standing)
            try:
                await self._carry(call, vigil, send, standing=standing)
            finally:
                places.give_back(call.share)
        except UpstreamError:
            if not vigil.client_gone:
                raise
        finally:
            vigil.end()

    async def _carry(self, call: UpstreamCall, vigil: Vigil, send: Send, *, standing: bool) -> None:
        """Send the request and pass the response on; follow at most one redirect."""
        target = self._target
        with await self._exchange(call, target, vigil) as exchange:
            verdict = judge(call, exchange.status, exchange.headers, self._origin, target)
            if verdict.kind != "redirect":
                await _answer(call, exchange, verdict, send, vigil if standing else None)
                return
            exchange.discard(_TEXT_LIMIT_BYTES)
        followed = verdict.location.decode()
        with await self._exchange(call, followed, vigil) as exchange:
            verdict = judge(call, exchange.status, exchange.headers, self._origin, followed)
            if verdict.kind == "redirect":
                raise UpstreamError("not_mcp", "The upstream answers a redirect with another redirect.")
            self._remember(followed)
            await _answer(call, exchange, verdict, send, vigil if standing else None)

    def _remember(self, followed: str) -> None:
        """Use the redirected spelling of our path, with or without a last slash, for all users from now on.

        Nothing else of a redirect is kept: its query or path may be meant only for the redirected user.
        """
        path, mark, query = self._target.partition("?")
        spelling = followed.partition("?")[0]
        if spelling.rstrip("/") == path.rstrip("/"):
            self._target = spelling + mark + query

    async def _exchange(self, call: UpstreamCall, target: str, vigil: Vigil) -> Exchange:
        """Send the request, and return its exchange when the head of the response has arrived.

        A kept connection may close while the request is in transit, which looks like a server that crashed after doing
        the work. So only reads are sent again, and only once. Spec: RFC 9110 s9.2.2.
        """
        head = self._head(call, target)
        connection = self.pool.idle()
        if connection is not None:
            exchange = connection.begin(head, call.body)
            try:
                return await _head_of(exchange, vigil)
            except UpstreamError as error:
                lost = error.fault == "reset" and not exchange.received and not vigil.client_gone
                if not lost or not _only_reads(call):
                    raise
        connection = await self.pool.connect()
        return await _head_of(connection.begin(head, call.body), vigil)

    def _head(self, call: UpstreamCall, target: str) -> bytes:
        if call.query_string:
            target += ("&" if "?" in target else "?") + call.query_string.decode("latin-1")
        lines = [
            b"%b %b HTTP/1.1\r\n" % (call.method.encode(), target.encode("latin-1")),
            *self._fixed_lines,
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
            # A line break in a value would smuggle a header or a whole request.
            raise UpstreamError("not_mcp", "A request header holds a line break.")
        return head


async def _head_of(exchange: Exchange, vigil: Vigil) -> Exchange:
    """Wait for the head of the response; on any failure, close the connection."""
    try:
        vigil.watch(exchange)
        await exchange.head()
    except BaseException:
        exchange.abandon()
        raise
    return exchange


async def _answer(call: UpstreamCall, exchange: Exchange, verdict: Verdict, send: Send, standing: Vigil | None) -> None:
    """Stream the response. `standing`: the vigil of a request whose stream may be silent for hours."""
    if verdict.kind == "empty":
        await _drain(exchange, _TEXT_LIMIT_BYTES)
        return await _send_all(send, verdict.status, verdict.headers, b"")
    if verdict.kind == "reword":
        headers, body = reworded(call, verdict.status, verdict.headers, await _drain(exchange, _TEXT_LIMIT_BYTES))
        return await _send_all(send, verdict.status, headers, body)
    if standing is not None and verdict.kind == "stream":
        standing.allow_silence()
    await send({"type": "http.response.start", "status": verdict.status, "headers": verdict.headers})
    more = True
    while more:
        data = exchange.arrived() or await exchange.read()
        more = not exchange.complete
        await send({"type": "http.response.body", "body": data, "more_body": more})
    return None


async def _send_all(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _drain(exchange: Exchange, limit_bytes: int) -> bytes:
    """Read a short body to its end; of a longer one return the beginning, and leave the rest unread."""
    kept = bytearray()
    while data := await exchange.read():
        kept += data
        if len(kept) > limit_bytes:
            exchange.abandon()
            break
    return bytes(kept[:limit_bytes])


def _only_reads(call: UpstreamCall) -> bool:
    """Return whether the request is safe to repeat. DELETE is not: a session can end only once."""
    return call.method != "POST" or call.rpc_method in _READS


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
    return ConfigError([Problem(what=f"{mask_urls(url)!r} cannot be used as an upstream", why=why, where="target")])
