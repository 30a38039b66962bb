"""The client address of a request: the peer's, unless the peer is a proxy that the operator listed.

`X-Forwarded-For` is read from right to left, only as far as listed proxies vouch for it. The result goes to logs,
limits and the upstream. It never grants access, and no published URL depends on it.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from doorward.upstreams.port import Scope


class ClientAddresses:
    """The trusted proxies of one installation."""

    def __init__(self, trusted_proxies: tuple[str, ...]) -> None:
        self._trusted = tuple(ip_network(each, strict=False) for each in trusted_proxies)

    def of(self, scope: Scope, forwarded_for: bytes | None) -> str:
        """Return the client's address, or an empty string if the transport has none."""
        client = scope.get("client")
        peer: str = client[0] if client else ""
        if not self._trusted or forwarded_for is None:
            return peer
        address = peer
        for hop in reversed(forwarded_for.decode("latin-1").split(",")):
            if not self.trusts(address):
                break
            claimed = _parsed(hop.strip())
            if claimed is None:
                break
            address = str(claimed)
        return address

    def of_scope(self, scope: Scope) -> str:
        """Return the client's address from the request's headers; several headers count as one list."""
        lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        return self.of(scope, b",".join(lines) if lines else None)

    def trusts(self, address: str) -> bool:
        """Return whether an address belongs to a listed proxy."""
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._trusted)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
