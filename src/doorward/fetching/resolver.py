"""DNS and TCP as two ports: what a fetch needs from the operating system.

Neither port decides anything; `Fetcher` checks the resolved addresses, and the address that a socket reached.
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol

_THREADS = 16


class Resolver(Protocol):
    """Looks a host name up."""

    async def resolve(self, host: str, port: int) -> list[str]:
        """Return every address of the name, in the order to try them. Raises `OSError`."""
        ...


class Dialer(Protocol):
    """Opens connections."""

    async def dial(self, address: str, port: int) -> socket.socket:
        """Return a connected, non-blocking TCP socket. Raises `OSError`."""
        ...


class SystemResolver:
    """The operating system's resolver, including `/etc/hosts`, in threads of its own.

    A foreign name server may delay a lookup long after the fetch has given up, and must not block other work that needs
    a thread.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="doorward-names")

    async def resolve(self, host: str, port: int) -> list[str]:
        """Return every address of the name, in the order to try them. Raises `OSError`."""
        look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))


class SystemDialer:
    """Plain TCP; ignores proxy variables."""

    async def dial(self, address: str, port: int) -> socket.socket:
        """Return a connected, non-blocking TCP socket. Raises `OSError`."""
        connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            await asyncio.get_running_loop().sock_connect(connection, (address, port))
        except BaseException:
            connection.close()
            raise
        return connection
