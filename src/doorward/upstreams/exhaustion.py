"""This machine has run out of something that a connection needs: our trouble, and not the MCP server's.

The client gets a 503 and comes back; the operator's log says what to raise.
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
    """Return whether the error says that this machine has run out of something."""
    return error.errno in _REMEDY


def sockets_are_exhausted() -> bool:
    """Try whether a socket can be made. A name look-up does not say that it failed for want of one."""
    try:
        socket.socket().close()
    except OSError as error:
        return is_exhaustion(error)
    return False


def exhausted(error: OSError | None = None) -> UpstreamError:
    """Say that the door has no room for another connection; the remedy is for the log only."""
    remedy = _REMEDY[errno.EMFILE if error is None or error.errno is None else error.errno]
    return UpstreamError("overloaded", "The door cannot open another connection. Try again shortly.", evidence=remedy)
