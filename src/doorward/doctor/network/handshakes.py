"""Test connections: by address family, by TLS version, with and without a server name.

Nothing is sent over them, so no secret reaches a server with an invalid certificate. The fetcher decides which
addresses are permitted. Does not know checks or HTTP.

Spec: RFC 8446 s4.2.1; RFC 6066 s3; RFC 9525 s6
"""

from __future__ import annotations

import asyncio
import errno
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

from doorward.doctor.engine.requests import Certificate, Connect, Response
from doorward.fetching.resolver import Dialer, Resolver
from doorward.oauth.addresses import reach
from doorward.oauth.uris import DEFAULT_PORTS, InvalidUri, parse_http

_DAY_SECONDS = 86_400
_CHAIN_LIMIT = 8
_ADDRESSES_LIMIT = 16
_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
"""This machine has no route to such addresses, which says nothing about the server."""
_VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


class Handshakes:
    """Opens connections, and closes them again."""

    def __init__(
        self,
        *,
        permits: Callable[[str], bool],
        timeout_seconds: float,
        resolver: Resolver,
        dialer: Dialer,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._permits = permits
        self._timeout_seconds = timeout_seconds
        self._resolver = resolver
        self._dialer = dialer
        self._given_tls = tls

    async def open(self, ask: Connect) -> Response:
        """Open one connection; never raises for faults of a server or a name server."""
        try:
            parsed = parse_http(ask.url)
        except InvalidUri:
            return Response(0, fault="url", sentence="It is not a URL that can be asked.")
        host, port = (parsed.host or "").strip("[]"), parsed.port or DEFAULT_PORTS[parsed.scheme]
        try:
            addresses = tuple((await self._resolver.resolve(host, port))[:_ADDRESSES_LIMIT])
        except (OSError, UnicodeError):
            addresses = ()
        shown = tuple(f"{each} ({reach(each)})" for each in addresses)
        wanted = [each for each in addresses if not ask.family or (":" in each) == (ask.family == "IPv6")]
        if not wanted:
            return Response(0, fault="no_address", sentence="The name has no such address.", addresses=shown)
        if not all(map(self._permits, addresses)):
            return Response(0, fault="blocked_address", sentence="It is not a public address.", addresses=shown)
        secure = parsed.scheme == "https"
        try:
            async with asyncio.timeout(ask.limit_seconds or self._timeout_seconds):
                chain = await self._shake(ask, host, wanted[0], port, secure=secure)
        except TimeoutError:
            return Response(0, fault="timeout", sentence=f"{wanted[0]} does not answer.", addresses=shown)
        except ssl.SSLError as error:
            words = getattr(error, "verify_message", "") or error.reason or "the handshake fails"
            return Response(0, fault="tls", sentence=f"{wanted[0]}: {words}", addresses=shown)
        except OSError as error:
            fault = "no_route" if error.errno in _NO_ROUTE else "unreachable"
            return Response(0, fault=fault, sentence=f"{wanted[0]}: {error.strerror}", addresses=shown)
        return Response(0, addresses=shown, chain=chain)

    async def _shake(
        self, ask: Connect, host: str, address: str, port: int, *, secure: bool
    ) -> tuple[Certificate, ...]:
        connection = await self._dialer.dial(address, port)
        try:
            self._check(connection.getpeername()[0])
            _, writer = await asyncio.open_connection(
                sock=connection,
                ssl=self._context(ask) if secure else None,
                server_hostname=(host if ask.named else "") if secure else None,
            )
        except BaseException:
            connection.close()
            raise
        try:
            return chain_of(writer.get_extra_info("ssl_object"), time.time()) if secure else ()
        finally:
            # Abort instead of closing: a peer that never answers the TLS shutdown must not block us.
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()

    def _check(self, address: str) -> None:
        if not self._permits(address):
            raise OSError(0, "It is not a public address.")

    def _context(self, ask: Connect) -> ssl.SSLContext:
        if ask.trusted and not ask.tls and ask.named:
            return self._tls
        # It does not matter which server this reaches, because nothing is sent.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if ask.tls:
            context.minimum_version = context.maximum_version = _VERSIONS[ask.tls]
        return context

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or ssl.create_default_context()


def chain_of(connection: Any, now: float) -> tuple[Certificate, ...]:
    """Return the chain that the server sent; an older Python may return only part of it."""
    inner = getattr(connection, "_sslobj", None)
    listed = inner.get_unverified_chain() if inner is not None and hasattr(inner, "get_unverified_chain") else None
    infos = [each.get_info() for each in listed[:_CHAIN_LIMIT]] if listed else [connection.getpeercert()]
    return tuple(_certificate(info, now) for info in infos if info)


def _certificate(info: Mapping[str, Any], now: float) -> Certificate:
    days = int((ssl.cert_time_to_seconds(info["notAfter"]) - now) // _DAY_SECONDS) if "notAfter" in info else 0
    return Certificate(_name(info.get("subject", ())), _name(info.get("issuer", ())), days)


def _name(parts: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    """Return the common name, or the whole name if there is none."""
    pairs = [pair for part in parts for pair in part]
    common = next((value for key, value in pairs if key == "commonName"), "")
    return common or ", ".join(f"{key}={value}" for key, value in pairs) or "(no name)"
