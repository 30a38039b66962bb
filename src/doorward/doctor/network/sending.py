"""The doctor's network: sends one request of a check through the fetcher, with limits and without redirects.

A failure is a response with status 0, so that checks need no exceptions. The host of the typed URL is resolved once.
Addresses that are not public are refused, unless that answer contained them or the user allowed them all. So a name
server that changes its answer (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import ssl
from dataclasses import replace

from doorward.doctor.engine.requests import Connect, Lookup, Request, Response
from doorward.doctor.network.connections import Connections
from doorward.doctor.network.handshakes import Handshakes
from doorward.doctor.network.names import look_up
from doorward.doctor.network.target import PinnedResolver, Target
from doorward.fetching.budget import HostBudget
from doorward.fetching.errors import FetchError
from doorward.fetching.fetcher import Fetcher
from doorward.fetching.resolver import Dialer, Resolver, SystemResolver
from doorward.oauth.addresses import reach
from doorward.oauth.uris import parse_http

_PER_MINUTE = 600


class Network:
    """Sends the requests of one examination."""

    def __init__(
        self,
        *,
        allow_private: bool,
        allow_metadata: bool = False,
        target: Target | None = None,
        timeout_seconds: float,
        tls: ssl.SSLContext | None = None,
        resolver: Resolver | None = None,
        dialer: Dialer | None = None,
    ) -> None:
        self._fetcher = Fetcher(
            allow_loopback=target is not None and target.reach == "loopback",
            allow_private=allow_private,
            allow_metadata=allow_metadata,
            allow_addresses=target.inner_addresses if target else frozenset(),
            resolver=PinnedResolver(target, resolver or SystemResolver()) if target else resolver,
            dialer=dialer,
            tls=tls,
            budget=HostBudget(_PER_MINUTE),
            timeout_seconds=timeout_seconds,
        )
        self._connections = Connections(self._fetcher)
        self._handshakes = Handshakes(
            permits=self._fetcher.permits,
            timeout_seconds=timeout_seconds,
            resolver=self._fetcher.resolver,
            dialer=self._fetcher.dialer,
            tls=tls,
        )

    async def send(self, request: Request) -> Response:
        """Send one request; never raises for faults of a server."""
        if isinstance(request, Connect):
            return await self._handshakes.open(request)
        if isinstance(request, Lookup):
            return await self._look_up(request)
        headers = {"user-agent": "doorward-check", **request.headers}
        try:
            return await self._connections.send(replace(request, headers=headers))
        except FetchError as error:
            # The fetcher hides a peer's own error message; here it is evidence.
            cause = error.__context__
            detail = f" ({getattr(cause, 'verify_message', '') or cause})" if isinstance(cause, OSError) else ""
            return Response(0, fault=error.fault, sentence=error.sentence + detail)
        except (ValueError, UnicodeError):
            return Response(0, fault="url", sentence="It is not a URL that can be asked.")

    async def _look_up(self, ask: Lookup) -> Response:
        try:
            host = parse_http(ask.url).host or ""
            found = await look_up(ask.resolver, host, timeout_seconds=self._fetcher.timeout_seconds)
        except (OSError, ValueError) as error:
            return Response(0, fault="unresolved", sentence=f"{ask.resolver}: {error}")
        return Response(0, addresses=tuple(f"{each} ({reach(each)})" for each in found))

    async def close(self) -> None:
        """Close the kept connections."""
        await self._connections.close()
