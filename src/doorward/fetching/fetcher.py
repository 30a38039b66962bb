"""The fetcher: resolve once, check every address, connect to a checked one, read within limits, follow no redirect.

The name is resolved once, and the socket connects to an address of that answer, so DNS rebinding between check and use
gains nothing. The address that the socket reached is checked again. TLS still verifies the name. There are no
redirects, proxies, credentials, cookies or compression, whatever the environment says.

Attacks: SSRF through any URL that a client or a document names. Does not know what is fetched, nor why.

Spec: RFC 9110 s7.2; RFC 9525; MCP authorization, "Server-Side Request Forgery".
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import cached_property

from doorward.fair_places import FairPlaces
from doorward.fetching.budget import AT_ONCE, HostBudget
from doorward.fetching.errors import FetchError
from doorward.fetching.resolver import Dialer, Resolver, SystemDialer, SystemResolver
from doorward.fetching.response import Fetched, read_response
from doorward.oauth.addresses import is_metadata_service, reach
from doorward.oauth.uris import DEFAULT_PORTS, InvalidUri, Uri, parse_http

LIMIT_BYTES = 5 * 1024
TIMEOUT_SECONDS = 5.0
_ADDRESSES_TRIED = 3
_OK = 200
_BLOCKED = "Its host does not have a public address."


class Fetcher:
    """Fetches documents from the public internet; with `allow_loopback` also from this machine, for development."""

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        allow_private: bool = False,
        allow_metadata: bool = False,
        allow_addresses: frozenset[str] = frozenset(),
        resolver: Resolver | None = None,
        dialer: Dialer | None = None,
        tls: ssl.SSLContext | None = None,
        budget: HostBudget | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self.allow_loopback = allow_loopback
        self.allow_private = allow_private
        """For tools whose user names the target: allow any address but a cloud's metadata service."""
        self.allow_metadata = allow_metadata
        """Allow metadata services too, if the user said so."""
        self.allow_addresses = allow_addresses
        """Allow these as well, whatever they are: the resolved addresses of a URL that the user typed."""
        self.resolver = resolver or SystemResolver()
        self.dialer = dialer or SystemDialer()
        self.budget = budget or HostBudget()
        self.timeout_seconds = timeout_seconds
        self._given_tls = tls
        self._places = {vouched: FairPlaces(AT_ONCE) for vouched in (True, False)}
        self._lookups = FairPlaces(AT_ONCE)
        self._under_way: dict[tuple[str, int], asyncio.Task[Fetched]] = {}

    async def get(
        self,
        url: str,
        *,
        limit_bytes: int = LIMIT_BYTES,
        accept: str = "application/json",
        vouched: bool = False,
        asker: str = "",
    ) -> Fetched:
        """Fetch a document; concurrent callers of the same URL share one request.

        `vouched`: an operator, or a document that was valid before, names this URL. It has its own budget, which no one
        else can use up. `asker`: the address of the client that names it.

        Raises:
            FetchError: refused, failed, or answered with a redirect. The caller judges all other statuses.
        """
        key = (url, limit_bytes)
        task = self._under_way.get(key)
        if task is None:
            headers = {"accept": accept}
            task = asyncio.create_task(
                self.send("GET", url, limit_bytes=limit_bytes, headers=headers, vouched=vouched, asker=asker)
            )
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        # Shielded: if the first caller leaves, the others must not fail.
        return await asyncio.shield(task)

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        limit_bytes: int = LIMIT_BYTES,
        vouched: bool = False,
        asker: str = "",
        redirects_returned: bool = False,
        until: bytes | None = None,
    ) -> Fetched:
        """Send one request, and read its response, within the time limit.

        `redirects_returned`: return a redirect to the caller, who must check it before following. `until`: stop at
        these bytes of the body, or after the head if empty, for responses that never end. Plain http needs
        `redirects_returned` too: only callers that examine a server need it.

        Raises:
            FetchError: refused, failed, or answered with a redirect.
        """
        parsed = self._parse(url, plain_allowed=redirects_returned)
        charge = self.budget.spend((parsed.host or "").lower(), url=url, vouched=vouched, asker=asker)
        try:
            request = request_bytes(method, parsed, headers or {}, body)
            async with self._place(asker, vouched=vouched):
                fetched = await self._in_time(parsed, request, limit_bytes, until, asker)
        except FetchError:
            self.budget.useless(charge)
            raise
        if fetched.status != _OK:
            self.budget.useless(charge)
        if 300 <= fetched.status < 400 and not redirects_returned:  # noqa: PLR2004
            raise FetchError("redirect", "It answers with a redirect, and redirects are not followed.")
        return fetched

    @asynccontextmanager
    async def _place(self, asker: str, *, vouched: bool) -> AsyncIterator[None]:
        """Hold one place for a fetch; the wait for it does not count against the fetch's time limit.

        Raises:
            FetchError: `busy`, if no place became free in time.
        """
        places = self._places[vouched]
        if not await places.take(asker, self.timeout_seconds):
            raise _crowded()
        try:
            yield
        finally:
            places.give_back(asker)

    async def _in_time(self, parsed: Uri, request: bytes, limit_bytes: int, until: bytes | None, asker: str) -> Fetched:
        try:
            async with asyncio.timeout(self.timeout_seconds):
                return await self._exchange(parsed, request, limit_bytes, until, asker)
        except TimeoutError:
            raise FetchError("timeout", f"It did not answer within {self.timeout_seconds:g} seconds.") from None
        except ssl.SSLError:
            raise FetchError("tls", "Its certificate could not be verified.") from None
        except OSError:
            raise FetchError("unreachable", "Its host could not be reached.") from None

    async def close(self) -> None:
        """Abandon all pending fetches."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, key: tuple[str, int], done: asyncio.Task[Fetched]) -> None:
        del self._under_way[key]
        if not done.cancelled():
            done.exception()  # looked at, so that a failure nobody waits for any more is no warning

    def _parse(self, url: str, *, plain_allowed: bool) -> Uri:
        try:
            parsed = parse_http(url)
        except InvalidUri as error:
            raise FetchError("url", f"It is not a URL that can be fetched. {error}") from None
        local = self.allow_loopback and parsed.is_plain_loopback
        if parsed.scheme != "https" and not (parsed.scheme == "http" and (local or plain_allowed)):
            raise FetchError("url", "It is not an https URL.")
        return parsed

    async def dial(self, url: str, *, limit_bytes: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection to a checked address of a URL, for a caller that times what arrives.

        The caller enforces the time limit, and closes. Plain http is allowed, because only callers that examine a
        server use this.

        Raises:
            FetchError: the URL or its address is refused, or the budget of its host is spent.
            OSError: the host was not reached; `ssl.SSLError` if its certificate is not valid.
        """
        parsed = self._parse(url, plain_allowed=True)
        self.budget.spend((parsed.host or "").lower())
        return await self._open(parsed, limit_bytes)

    async def _open(
        self, parsed: Uri, limit_bytes: int, asker: str = ""
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        connection = await self._connect(parsed, asker)
        secure = parsed.scheme == "https"
        try:
            return await asyncio.open_connection(
                sock=connection,
                ssl=self._tls if secure else None,
                server_hostname=(parsed.host or "").strip("[]") if secure else None,
                limit=2 * limit_bytes,
            )
        except BaseException:
            connection.close()
            raise

    async def _exchange(
        self, parsed: Uri, request: bytes, limit_bytes: int, until: bytes | None, asker: str
    ) -> Fetched:
        reader, writer = await self._open(parsed, limit_bytes, asker)
        try:
            writer.write(request)
            await writer.drain()
            return await read_response(reader, limit_bytes=limit_bytes, until=until)
        finally:
            # Abort instead of closing: a peer that never answers the TLS shutdown must not block us.
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()

    async def _connect(self, parsed: Uri, asker: str) -> socket.socket:
        host = (parsed.host or "").strip("[]")
        port = parsed.port or DEFAULT_PORTS[parsed.scheme]
        failure: OSError = OSError("no address")
        for address in (await self._addresses(host, port, asker))[:_ADDRESSES_TRIED]:
            try:
                connection = await self.dialer.dial(address, port)
            except OSError as error:
                failure = error
                continue
            try:
                self._check(connection.getpeername()[0])
            except BaseException:
                connection.close()
                raise
            return connection
        raise failure

    async def _addresses(self, host: str, port: int, asker: str) -> list[str]:
        try:
            addresses = await self._look_up(host, port, asker)
        except (OSError, UnicodeError):
            raise FetchError("unresolved", "Its host has no address.") from None
        if not addresses:
            raise FetchError("unresolved", "Its host has no address.")
        # Check every address, not only the one used: a name with both a public and an internal address is an attack.
        for address in addresses:
            self._check(address)
        return addresses

    async def _look_up(self, host: str, port: int, asker: str) -> list[str]:
        """Resolve a name. A lookup keeps its place after the fetch gave up, because its thread is still busy."""
        if not await self._lookups.take(asker, self.timeout_seconds):
            raise _crowded()
        looking = asyncio.ensure_future(self.resolver.resolve(host, port))

        def end(done: asyncio.Future[list[str]]) -> None:
            self._lookups.give_back(asker)
            if not done.cancelled():
                done.exception()  # looked at, so that a failure that nobody waits for is no warning

        looking.add_done_callback(end)
        return await asyncio.shield(looking)

    def permits(self, address: str) -> bool:
        """Return whether a connection may go to this address; this is the only rule for every connection of a fetch."""
        found = reach(address)
        if found == "public" or (found == "loopback" and self.allow_loopback):
            return True
        if is_metadata_service(address) and not self.allow_metadata:
            return False
        return self.allow_private or address in self.allow_addresses

    def _check(self, address: str) -> None:
        if not self.permits(address):
            raise FetchError("blocked_address", _BLOCKED)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or ssl.create_default_context()


def _crowded() -> FetchError:
    return FetchError("busy", "This server is fetching many other documents. Try again shortly.")


def request_bytes(method: str, parsed: Uri, headers: Mapping[str, str], body: bytes, *, kept: bool = False) -> bytes:
    """Encode a request; `kept`: keep the connection open after it. A given `accept-encoding` is kept.

    Raises:
        ValueError: a header contains a line break.
    """
    target = (parsed.path or "/") + (f"?{parsed.query}" if parsed.query is not None else "")
    agent = () if "user-agent" in headers else ("user-agent: doorward",)
    lines = [
        f"{method} {target} HTTP/1.1",
        f"host: {parsed.origin.partition('://')[2]}",
        *agent,
        *(() if "accept-encoding" in headers else ("accept-encoding: identity",)),
        "connection: keep-alive" if kept else "connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    if body or method != "GET":
        lines.append(f"content-length: {len(body)}")
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header of a request holds a line break")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body
