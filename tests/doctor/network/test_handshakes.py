"""Connections that are opened to look at them, over real sockets."""

from __future__ import annotations

import pytest
from fetching.hostile import CLIENT_TLS, listening

from doorward.doctor.engine.requests import Connect
from doorward.doctor.network.sending import Network


@pytest.mark.parametrize("changes", [{}, {"tls": "TLSv1.2"}, {"tls": "TLSv1.3"}, {"named": False}, {"family": "IPv4"}])
async def test_a_handshake_shows_the_chain_in_every_variation(changes):
    async with listening() as host:
        network = Network(allow_private=True, timeout_seconds=5, tls=CLIENT_TLS)
        answer = await network.send(Connect("", host.url("/mcp", "localhost"), **changes))
    assert not answer.fault
    assert "127.0.0.1 (loopback)" in answer.addresses
    assert "Testing CA" in answer.chain[0].issuer
    assert answer.chain[0].days_left > 0
    assert not host.requests


@pytest.mark.parametrize(
    ("changes", "fault"), [({"family": "IPv6"}, "no_address"), ({}, "tls"), ({"url": "https://[::"}, "url")]
)
async def test_a_handshake_that_fails_says_why(changes, fault):
    async with listening() as host:
        network = Network(allow_private=True, timeout_seconds=5)
        answer = await network.send(Connect(**{"method": "", "url": host.url("/mcp", "127.0.0.1"), **changes}))
    assert (answer.status, answer.fault) == (0, fault)
    assert answer.sentence


async def test_no_handshake_goes_to_an_inner_address_unless_it_was_asked_for():
    async with listening() as host:
        answer = await Network(allow_private=False, timeout_seconds=5).send(Connect("", host.url("/", "127.0.0.1")))
    assert answer.fault == "blocked_address"
    assert not host.connections
