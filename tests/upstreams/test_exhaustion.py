from __future__ import annotations

import errno
import os
import resource

import pytest

from doorward.upstreams.exhaustion import exhausted, is_exhaustion, sockets_are_exhausted


def test_a_refused_connection_is_not_this_machine_s_trouble() -> None:
    assert not is_exhaustion(ConnectionRefusedError(errno.ECONNREFUSED, "refused"))


@pytest.mark.parametrize(("number", "word"), [(errno.EMFILE, "ulimit -n"), (errno.EADDRNOTAVAIL, "ip_local_port")])
def test_the_log_gets_the_remedy_and_the_client_does_not(number: int, word: str) -> None:
    error = exhausted(OSError(number, os.strerror(number)))
    assert word in str(error)
    assert word not in error.detail


def test_the_lack_of_descriptors_is_found_out_where_a_look_up_does_not_tell() -> None:
    assert not sockets_are_exhausted()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        found = sockets_are_exhausted()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found
