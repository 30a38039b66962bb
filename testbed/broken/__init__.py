"""One broken server per rule: the good one with one change, which its docstring names."""

from testbed.broken import (
    access,
    authorize,
    discovery,
    later,
    network,
    refresh,
    registration,
    sessions,
    sign_in,
    store,
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
    sessions,
    sign_in,
    refresh,
    store,
    later,
)
