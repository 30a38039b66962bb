"""The host of the URL that the user typed: resolved once, and the addresses that this permits.

A server at an address that is not public may be examined because the user named it, so its own addresses are permitted,
and no others. A host with both public and internal addresses counts as public: its internal ones are not permitted.

Attacks: a name server that first returns an internal address and later its own public one (DNS rebinding).
"""

from __future__ import annotations

from dataclasses import dataclass

from doorward.fetching.resolver import Resolver, SystemResolver
from doorward.oauth.addresses import Reach, reach
from doorward.oauth.uris import DEFAULT_PORTS, InvalidUri, parse_http


@dataclass(frozen=True, slots=True)
class Target:
    """A typed host with its addresses at the start of the examination; none if it could not be resolved."""

    host: str
    addresses: tuple[str, ...]

    @property
    def reach(self) -> Reach:
        """Where the host leads; `loopback` only if every address is on this machine."""
        found = {reach(address) for address in self.addresses}
        if not found or "public" in found:
            return "public"
        return "special" if "special" in found else "loopback"

    @property
    def inner_addresses(self) -> frozenset[str]:
        """The addresses that are permitted although they are not public."""
        return frozenset() if self.reach == "public" else frozenset(self.addresses)


class PinnedResolver:
    """Answers for the target's host from the first lookup, and asks `others` about every other name."""

    def __init__(self, target: Target, others: Resolver) -> None:
        self._target = target
        self._others = others

    async def resolve(self, host: str, port: int) -> list[str]:
        """Return every address of the name. Raises `OSError`."""
        if _canonical(host) == self._target.host and self._target.addresses:
            return list(self._target.addresses)
        return await self._others.resolve(host, port)


async def look_up_target(url: str, resolver: Resolver | None = None) -> Target:
    """Resolve the host of a typed URL, once per examination."""
    try:
        parsed = parse_http(url)
    except InvalidUri:
        return Target("", ())
    host = (parsed.host or "").strip("[]")
    try:
        found = await (resolver or SystemResolver()).resolve(host, parsed.port or DEFAULT_PORTS[parsed.scheme.lower()])
    except (OSError, UnicodeError):
        found = []
    return Target(_canonical(host), tuple(found))


def _canonical(host: str) -> str:
    """Return one spelling of a name; only resolvers treat the final dot as part of it."""
    return host.lower().removesuffix(".")
