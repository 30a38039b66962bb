"""One broken server per rule: the good one with one change, which its docstring names."""

from testbed.broken import (
    access,
    authorize,
    catalogue,
    client_side,
    discovery,
    later,
    network,
    protocol,
    refresh,
    registration,
    sessions,
    sign_in,
    store,
    streams,
    token,
    transport,
    versions,
)
from testbed.broken.registry import BROKEN, Fixture

__all__ = ["BROKEN", "Fixture"]

_AREAS = (
    network,
    transport,
    discovery,
    registration,
    authorize,
    token,
    access,
    versions,
    protocol,
    catalogue,
    sessions,
    streams,
    sign_in,
    refresh,
    store,
    later,
    client_side,
)
