"""Whose address a request has, and which proxies may say so."""

from __future__ import annotations

import pytest

from doorward.edge.client_address import ClientAddresses

PROXIES = ClientAddresses(("10.0.0.0/8", "2001:db8::1"))


def scope(peer: str | None, *lines: bytes) -> dict:
    return {"client": (peer, 1234) if peer else None, "headers": [(b"x-forwarded-for", line) for line in lines]}


@pytest.mark.parametrize(
    ("peer", "lines", "address"),
    [
        ("203.0.113.9", (), "203.0.113.9"),
        ("203.0.113.9", (b"198.51.100.7",), "203.0.113.9"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", (b"198.51.100.7",), "198.51.100.7"),
        ("10.0.0.1", (b"1.2.3.4, 198.51.100.7",), "198.51.100.7"),
        ("10.0.0.1", (b"198.51.100.7, 10.0.0.2",), "198.51.100.7"),
        ("10.0.0.1", (b"198.51.100.7", b"10.0.0.2"), "198.51.100.7"),
        ("10.0.0.1", (b"198.51.100.7, nonsense",), "10.0.0.1"),
        ("10.0.0.1", (b"198.51.100.7, nonsense, 10.0.0.2",), "10.0.0.2"),
        ("10.0.0.1", (b"10.0.0.3, 10.0.0.2",), "10.0.0.3"),
        ("10.0.0.1", (b"",), "10.0.0.1"),
        ("2001:db8::1", (b"2001:DB8:0::7",), "2001:db8::7"),
        (None, (b"198.51.100.7",), ""),
    ],
)
def test_the_list_is_believed_from_the_right_as_far_as_listed_proxies_wrote_it(peer, lines, address):
    assert PROXIES.of_scope(scope(peer, *lines)) == address


def test_without_listed_proxies_nobody_is_believed():
    assert ClientAddresses(()).of_scope(scope("10.0.0.1", b"198.51.100.7")) == "10.0.0.1"


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("10.255.0.1", True),
        ("11.0.0.1", False),
        ("2001:db8::1", True),
        ("2001:db8::2", False),
        ("", False),
        ("x", False),
    ],
)
def test_a_proxy_is_known_by_its_network(address, trusted):
    assert PROXIES.trusts(address) is trusted
