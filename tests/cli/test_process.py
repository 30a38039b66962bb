"""The address that a process listens on."""

from __future__ import annotations

import pytest

from doorward.cli.process import bind
from doorward.errors import StartError


def test_a_port_that_is_in_use_is_named_with_another_to_choose():
    with bind("127.0.0.1", 0) as first:
        first.listen()
        port = first.getsockname()[1]
        with pytest.raises(StartError, match=f"port {port} on 127.0.0.1 is already in use") as refused:
            bind("127.0.0.1", port)
    assert f"--port {port + 1}" in str(refused.value)


@pytest.mark.parametrize(
    ("host", "port", "what"),
    [("127.0.0.1", 70000, "70000 is not a port"), ("192.0.2.1", 8000, "cannot listen on 192.0.2.1")],
)
def test_an_address_that_cannot_be_bound_says_why_and_what_to_do(host, port, what):
    with pytest.raises(StartError, match=what) as refused:
        bind(host, port)
    assert "--" in str(refused.value)


def test_both_families_can_be_bound():
    for host in ("127.0.0.1", "::1"):
        with bind(host, 0) as listening:
            assert listening.getsockname()[0] == host
