"""One kept HTTP/1.1 connection to an upstream: carries one `Exchange` at a time, and knows whether it is reusable.

Holds no state of an exchange. It becomes idle, and can be used again, only after an exchange whose response was read to
the end; any other end of an exchange closes it. Does not know MCP or ASGI.

Spec: RFC 9112 s9.
"""

from __future__ import annotations

import asyncio
import fcntl
import select
import struct
import termios
from collections.abc import Callable

from doorward.errors import UpstreamError
from doorward.upstreams.http.exchange import HIGH_WATER_BYTES, Exchange


class Connection(asyncio.Protocol):
    """A connection that carries one exchange at a time.

    `on_rest` is called when the connection is idle again; without it, the connection carries only one exchange.
    """

    __slots__ = (
        *("_closed", "_exchange", "_is_large", "_loop", "_on_lost", "_on_rest", "_poll", "_transport"),
        "rest_until",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        on_lost: Callable[[Connection], None] | None = None,
        on_rest: Callable[[Connection, Exchange], None] | None = None,
    ) -> None:
        self._loop = loop
        self._on_lost = on_lost
        self._on_rest = on_rest
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None
        self._closed = False
        self._is_large = False
        """Whether the pending request may be too large for the kernel's buffer."""
        self._poll: select.poll | None = None
        self.rest_until = 0.0
        """When the pool closes the connection if it stays idle, on the loop's clock."""

    @property
    def alive(self) -> bool:
        """Whether another request can be sent here."""
        return not self._closed and self._transport is not None and not self._transport.is_closing()

    @property
    def is_quiet(self) -> bool:
        """Whether nothing has arrived since the last response: neither the upstream's close nor unsolicited bytes.

        The event loop sees both later than the kernel. A request sent in between would be lost, or answered with those
        bytes.
        """
        assert self._transport is not None
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not self._poll.poll(0)

    def begin(self, head: bytes, body: bytes) -> Exchange:
        """Send a request and return its exchange."""
        assert self._exchange is None
        assert self._transport is not None
        exchange = self._exchange = Exchange(self._loop, self)
        self._is_large = len(body) >= HIGH_WATER_BYTES
        if not self._is_large:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))
        return exchange

    def end(self, exchange: Exchange, *, reusable: bool) -> None:
        """Become idle if the response was read to the end and the request was sent completely; otherwise close."""
        assert self._exchange is exchange
        self._exchange = None
        if reusable and self.alive and self._on_rest is not None and not self._unsent():
            self._on_rest(self, exchange)
        else:
            self.abort()

    def fail(self, error: UpstreamError) -> None:
        """Close, and end the current exchange with `error`."""
        if self._exchange is not None:
            self._exchange.fail(error)
        self.abort()

    def abort(self) -> None:
        """Close immediately, without flushing."""
        if self._transport is not None and not self._closed:
            self._closed = True
            self._transport.abort()

    def pause_reading(self) -> None:
        """Stop reading."""
        if self._transport is not None and not self._closed:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Resume reading."""
        if self._transport is not None and not self._closed:
            self._transport.resume_reading()

    def _unsent(self) -> bool:
        """Return whether part of the request is still unsent, as after a response that came before its end.

        The next user's request would wait behind it until the upstream reads. TLS has a buffer that the transport does
        not count, but it only fills when the kernel's is full, so that one is checked too.
        """
        assert self._transport is not None
        if self._transport.get_write_buffer_size() > 0:
            return True
        return self._is_large and unsent_by_kernel(self._transport) > 0

    # asyncio's callbacks.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]  # uvloop's transports are no subclass of asyncio's

    def data_received(self, data: bytes) -> None:
        """Pass received bytes to the exchange; unsolicited bytes end the connection."""
        if self._exchange is None:
            self.abort()
        else:
            self._exchange.feed(data)

    def eof_received(self) -> bool:
        """Close our side as well."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """End the current exchange."""
        self._closed = True
        if self._exchange is not None:
            self._exchange.lost(exc)
        if self._on_lost is not None:
            self._on_lost(self)


def unsent_by_kernel(transport: asyncio.Transport) -> int:
    """Return how many bytes in the kernel's buffer the other side has not acknowledged; 0 if that is unknown."""
    try:
        found = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
    except (OSError, AttributeError):
        return 0
    return int(struct.unpack("i", found)[0])
