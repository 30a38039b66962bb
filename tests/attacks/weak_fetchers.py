"""Fetchers without one of their defences, and a doctor that repeats what it is told; see `weak`."""

from __future__ import annotations

import asyncio
import socket
from typing import Any
from urllib.request import getproxies

import pytest
from fetching.hostile import CLIENT_TLS
from starlette.datastructures import URL

from doorward.doctor.engine import check, run
from doorward.doctor.network.sending import Network
from doorward.fetching.errors import FetchError
from doorward.fetching.fetcher import Fetcher
from doorward.fetching.response import Fetched
from doorward.oauth.uris import Uri


class ResolvesTwice(Fetcher):
    """Looks a name up to check it, and once more to use it."""

    async def _connect(self, parsed: Uri, asker: str) -> socket.socket:
        host, port = parsed.host or "", parsed.port or 443
        await self._addresses(host, port, asker)
        (address,) = await self.resolver.resolve(host, port)
        return await self.dialer.dial(address, port)


class FollowsRedirects(Fetcher):
    """Goes wherever an answer sends it."""

    async def send(self, method: str, url: str, **options: Any) -> Fetched:
        fetched = await super().send(method, url, **(options | {"redirects_returned": True}))
        target = fetched.headers.get("location")
        return fetched if target is None else await self.send(method, target, **options)


class ReadsUrlsAsTheLibraryDoes(Fetcher):
    """Takes for the host whatever stands behind the last `@`."""

    def _parse(self, url: str, *, plain_allowed: bool) -> Uri:
        del plain_allowed
        try:
            read = URL(url.encode("ascii").decode())
            return Uri(read.scheme, read.hostname, read.port, read.path, read.query or None)
        except ValueError as error:
            raise FetchError("url", str(error)) from None


class UsesTheEnvironment(Fetcher):
    """Goes through whatever proxy a variable names."""

    async def _connect(self, parsed: Uri, asker: str) -> socket.socket:
        del asker
        proxy = URL(getproxies()[parsed.scheme])
        return await self.dialer.dial(proxy.hostname or "", proxy.port or 0)


class ReadsOn(Fetcher):
    """Reads all that it is sent."""

    async def get(self, url: str, **options: Any) -> Fetched:
        return await super().get(url, **(options | {"limit_bytes": 1 << 30}))


def repeats_what_it_is_told(patch: pytest.MonkeyPatch) -> None:
    for module in (check, run):
        patch.setattr(module, "shown", lambda text: text)


def opens_a_helper(patch: pytest.MonkeyPatch) -> None:
    whole = Network.send

    async def send(self: Network, *arguments: Any) -> Any:
        helper = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        helper.close()
        return await whole(self, *arguments)

    patch.setattr(Network, "send", send)


def trusting(kind: type[Fetcher], **changes: Any) -> Fetcher:
    """Return a fetcher of this kind that trusts the certificates of the tests."""
    return kind(**({"tls": CLIENT_TLS, "timeout_seconds": 0.5} | changes))
