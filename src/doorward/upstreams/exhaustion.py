"""Exhausted resources of this machine, which are our fault and not the MCP server's.

The client gets a 503 and retries; the operator's log says which limit to raise.
"""

from __future__ import annotations

import errno
import socket

from doorward.errors import UpstreamError

_REMEDY = {
    errno.EMFILE: "this process has too many files and sockets open: raise `ulimit -n` (systemd: LimitNOFILE=)",
    errno.ENFILE: "this machine has too many files and sockets open: raise the sysctl fs.file-max",
    errno.ENOBUFS: "the kernel has no memory for another socket: free memory",
    errno.ENOMEM: "the kernel has no memory for another socket: free memory",
    errno.EADDRNOTAVAIL: "no local port is free towards the MCP server: raise net.ipv4.ip_local_port_range",
    errno.EAGAIN: "the kernel has no room for another connection now: raise the sysctl net.core.somaxconn",
}


def is_exhaustion(error: OSError) -> bool:
    """Return whether the error means that this machine has run out of a resource."""
    return error.errno in _REMEDY


def sockets_are_exhausted() -> bool:
    """Return whether a socket can't be created. A failed DNS lookup does not say that this was the cause."""
    try:
        socket.socket().close()
    except OSError as error:
        return is_exhaustion(error)
    return False


def exhausted(error: OSError | None = None) -> UpstreamError:
    """Return the error for a door that can't open another connection; the remedy is only for the log."""
    remedy = _REMEDY[errno.EMFILE if error is None or error.errno is None else error.errno]
    return UpstreamError("overloaded", "The door cannot open another connection. Try again shortly.", evidence=remedy)
