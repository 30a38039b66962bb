import ipaddress
from ipaddress import IPv4Address, IPv6Address

import pytest

from doorward.oauth.addresses import (
    canonical_host,
    is_metadata_service,
    is_private_to_this_machine,
    names_this_machine,
    neighbourhood,
    reach,
)
from doorward.oauth.uris import InvalidUri, parse_http

INNER = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.255.255",
    "169.254.169.254",
    "169.254.170.2",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "0.0.0.0",
    "0.1.2.3",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
]


def spellings(address: str) -> list[str]:
    """Every way a resolver, a C library or a browser may read this IPv4 address out of a URL's host."""
    number = int(IPv4Address(address))
    a, b, c, d = address.split(".")
    tail = int(c) * 256 + int(d)
    v6 = f"{number >> 16:x}:{number & 0xFFFF:x}"
    return [
        address,
        f"{address}.",
        str(number),
        f"0x{number:x}",
        f"0X{number:08X}",
        f"0{number:o}",
        ".".join(f"0x{int(part):x}" for part in (a, b, c, d)),
        ".".join(f"0{int(part):o}" for part in (a, b, c, d)),
        ".".join(f"{int(part):03d}" for part in (a, b, c, d)),
        f"{a}.{b}.{tail}",
        f"{a}.{int(b) * 65536 + tail}",
        f"0x{int(a):x}.{b}.{c}.0{int(d):o}",
        f"user@{address}",
        address.replace(".", "。"),
        address.replace(".", "%2e"),
        "".join(chr(0x2460 + int(ch) - 1) if ch in "123456789" else ch for ch in address),
        f"[::ffff:{address}]",
        f"[::ffff:{v6}]",
        f"[::{v6}]",
        f"[::ffff:0:{v6}]",
        f"[64:ff9b::{v6}]",
        f"[64:ff9b:1::{v6}]",
        f"[2002:{v6}::1]",
        f"[2001:0:{v6}::1]",
        f"[2001:db8::5efe:{v6}]",
        f"[fe80::5efe:{v6}]",
        f"[2a00::5efe:{v6}]",
        f"[2a00::200:5efe:{v6}]",
        f"[::1%25{a}]",
    ]


SPELLINGS = [(address, spelling) for address in INNER for spelling in spellings(address)]


def test_the_table_is_as_long_as_the_attack_list_asks():
    assert len(set(SPELLINGS)) >= 500


def verdict(spelling: str) -> str:
    try:
        host = parse_http(f"https://{spelling}/client.json").host
    except InvalidUri:
        return "refused by the parser"
    assert host is not None
    return reach(host.strip("[]"))


@pytest.mark.requirement("S-01")
@pytest.mark.parametrize(("address", "spelling"), SPELLINGS, ids=ascii)
def test_no_spelling_of_an_inner_address_is_public(address, spelling):
    assert verdict(spelling) != "public"


def test_the_table_can_fail():
    # The check that most programs have: is_private of what the library parses.
    leaks = [s for _, s in SPELLINGS if s.startswith("[") and "%" not in s and not ip(s).is_private]
    assert len(leaks) > 50


def ip(spelling: str) -> IPv6Address:
    return ipaddress.IPv6Address(spelling.strip("[]"))


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "172.15.255.255",
        "172.32.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "192.0.1.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450:4001::5efe:1",
        "2001:4860:4860::8888",
        "64:ff9b::808:808",
    ],
)
def test_a_public_address_is_public(address):
    assert reach(address) == "public"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:0.0.0.0"],
)
def test_the_machine_itself_is_told_apart_for_development(address):
    assert reach(address) == "loopback"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "localhost",
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700::1111%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "fec0::1",
        "ff02::1",
        "100::1",
        "2001:db8::1",
        "3fff::1",
        "5f00::1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "::ffff:8.8.8.8",
        "4000::1",
    ],
)
def test_whatever_is_not_plainly_global_is_special(address):
    assert reach(address) == "special"


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "168.63.129.16",
        "100.100.100.200",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fe80::1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "no-address",
    ],
)
def test_a_metadata_service_is_known_in_every_spelling(address):
    assert is_metadata_service(address)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "::1", "fd00::1", "1.1.1.1", "::ffff:10.0.0.1", "2606:4700::1"]
)
def test_other_addresses_are_no_metadata_service(address):
    assert not is_metadata_service(address)


@pytest.mark.parametrize(
    ("host", "is_here", "only_here"),
    [
        ("localhost", True, True),
        ("LOCALHOST.", True, True),
        ("door.localhost", True, True),
        ("127.0.0.1", True, True),
        ("[::1]", True, True),
        ("::ffff:127.0.0.1", True, True),
        ("0.0.0.0", True, False),
        ("[::]", True, False),
        ("[::ffff:0.0.0.0]", True, False),
        ("", False, False),
        ("localhost.example", False, False),
        ("10.0.0.1", False, False),
        ("client.example", False, False),
    ],
)
def test_a_listener_at_an_unspecified_host_is_reached_from_elsewhere(host, is_here, only_here):
    assert (names_this_machine(host), is_private_to_this_machine(host)) == (is_here, only_here)


def test_a_host_has_one_canonical_spelling():
    assert canonical_host("Door.Example.") == "door.example"
    assert canonical_host("[::ffff:192.0.2.7]") == "192.0.2.7"
    assert canonical_host("[2001:0DB8::0:1]") == "2001:db8::1"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.0"),
        ("192.0.2.255", "192.0.2.0"),
        ("255.255.255.255", "255.255.255.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("::ffff:192.0.2.7", "192.0.2.0"),
        ("", ""),
        ("no address", "no address"),
    ],
)
def test_a_network_is_what_one_operator_usually_holds(address, network):
    assert neighbourhood(address) == network
