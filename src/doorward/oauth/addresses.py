"""Where an address leads: to the public internet, to the machine itself (the only definition of it), or elsewhere.

Only plain global unicast counts as public. The special-purpose registries, multicast and reserved space do not. Nor do
scoped addresses, IPv6 addresses that hide an IPv4 one, or a cloud's metadata service on a public address.

The one exception is the well-known NAT64 prefix: hosts without IPv4 reach the whole IPv4 internet through it, so the
embedded address decides. Unspecified and mapped loopback addresses are the machine itself, because a connection to them
ends there.

Three questions about a host and this machine have a function each: where a URL with it is opened
(`names_this_machine`), whether every program agrees on that (`is_plain_loopback`), and who reaches a listener there
(`is_private_to_this_machine`).

Implements RFC 6890 s2.2 with the registries as of 2026, RFC 6052 s3.1, RFC 6761 s6.3. Does not know sockets or URLs.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal

Reach = Literal["public", "loopback", "special"]

_SPECIAL_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # Azure's metadata and agent service: a public address that only its own guests reach
    )
)  # fmt: skip
_GLOBAL_V6 = IPv6Network("2000::/3")
_SPECIAL_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # Teredo, benchmarking, ORCHID and what else the IETF assigned
        "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "3ffe::/16",
    )
)  # fmt: skip
_UNSPECIFIED = (IPv4Address(0), IPv6Address(0))
"""A connection to these ends at the machine that opens it."""
_LOOPBACK_V6 = IPv6Address(1)
_NAT64 = IPv6Network("64:ff9b::/96")
_METADATA_V4 = tuple(map(IPv4Network, ("169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32")))
"""Link-local, where most clouds have it, Azure's and Alibaba's."""
_METADATA_V6 = frozenset(map(IPv6Address, ("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254")))
"""Amazon's two, and Google's."""
_ISATAP_IDS = (0x0000_5EFE, 0x0200_5EFE)


def reach(address: str) -> Reach:
    """Return where a resolved or connected address leads; a string that is not an address is `special`."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "special"
    if isinstance(parsed, IPv4Address):
        return _reach_v4(parsed)
    if parsed.scope_id is not None:
        return "special"
    if parsed in _NAT64:
        embedded = _reach_v4(IPv4Address(int(parsed) & 0xFFFF_FFFF))
        return "public" if embedded == "public" else "special"
    if parsed.is_loopback or parsed in _UNSPECIFIED:
        return "loopback"
    mapped = parsed.ipv4_mapped
    if mapped is not None:
        # The system connects to the IPv4 address inside. Only this machine's own addresses matter; refuse the rest.
        return "loopback" if _reach_v4(mapped) == "loopback" else "special"
    return "public" if _is_global_v6(parsed) else "special"


def names_this_machine(host: str) -> bool:
    """Return whether the host of a URL is the machine on which it is opened; an IPv6 address may have its brackets.

    Browsers resolve `localhost` and every name below it to loopback. Spec: RFC 6761 s6.3
    """
    name = host.strip("[]").rstrip(".").lower()
    return name == "localhost" or name.endswith(".localhost") or reach(name) == "loopback"


def canonical_host(host: str) -> str:
    """Return one spelling of the host of a URL: an address as its number, however it was written."""
    name = host.strip("[]").rstrip(".").lower()
    try:
        parsed = ip_address(name)
    except ValueError:
        return name
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(mapped or parsed)


def is_plain_loopback(host: str) -> bool:
    """Return whether every program treats the host of a URL as this machine: `localhost`, 127.0.0.0/8, `[::1]`.

    Plain http is safe only there. How `0.0.0.0`, mapped addresses and names below `localhost` resolve depends on the
    program.
    """
    name = host.strip("[]").lower()
    try:
        parsed = ip_address(name)
    except ValueError:
        return name == "localhost"
    return parsed.is_loopback if isinstance(parsed, IPv4Address) else parsed == _LOOPBACK_V6


def is_private_to_this_machine(host: str) -> bool:
    """Return whether only this machine can reach a listener at the host; an unspecified host listens everywhere."""
    return names_this_machine(host) and canonical_host(host) not in map(str, _UNSPECIFIED)


def is_metadata_service(address: str) -> bool:
    """Return whether a cloud may serve its guest's credentials at the address, in any spelling."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return True
    if isinstance(parsed, IPv6Address):
        embedded = (
            IPv4Address(int(parsed) & 0xFFFF_FFFF) if parsed in _NAT64 else parsed.ipv4_mapped or parsed.sixtofour
        )
        if embedded is None:
            return parsed.is_link_local or parsed in _METADATA_V6
        parsed = embedded
    return any(parsed in network for network in _METADATA_V4)


def _reach_v4(address: IPv4Address) -> Reach:
    if address.is_loopback or address in _UNSPECIFIED:
        return "loopback"
    return "special" if any(address in network for network in _SPECIAL_V4) else "public"


def _is_global_v6(address: IPv6Address) -> bool:
    if address not in _GLOBAL_V6 or any(address in network for network in _SPECIAL_V6):
        return False
    # An ISATAP interface id names the IPv4 address that a tunnel router would send the packet to.
    return int(address) >> 32 & 0xFFFF_FFFF not in _ISATAP_IDS


def customer(address: str) -> str:
    """Return the key for one sender: an IPv4 address, or the IPv6 network that one customer has."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))


def neighbourhood(address: str) -> str:
    """Return the network that one operator usually holds whole: 256 addresses in IPv4, a /48 in IPv6."""
    try:
        parsed = ip_address(customer(address))
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(IPv6Address(int(parsed) >> 80 << 80))
    return str(IPv4Address(int(parsed) >> 8 << 8))
