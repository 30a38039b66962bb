"""The server's HTTP/1.1 protocol with two bounds that uvicorn leaves to a proxy in front, which there need not be.

What is neither a whole head nor a piece of a body is kept by the parser until it is whole: without a limit, one
connection fills the memory with a head that never ends. And fields after a body are no headers: taken for ones, they
would reach the door past a proxy that has judged only the head.

Spec: RFC 9110 s6.5.1 (trailers are not merged), RFC 6585 s5 (431).
"""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_LIMIT_BYTES: Final = 64 * 1024
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """One connection of a client."""

    _unfinished_bytes = 0
    """Received since the last head or piece of a body."""
    _in_head = False
    _went_on = False

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, and refuse what does not get anywhere."""
        self._went_on = False
        super().data_received(data)
        if self._went_on:
            self._unfinished_bytes = 0
            return
        self._unfinished_bytes += len(data)
        if self._unfinished_bytes > HEAD_LIMIT_BYTES and not self.transport.is_closing():
            if self._in_head and not self._is_answering():
                self.transport.write(_TOO_LARGE)
            self.transport.close()

    def _is_answering(self) -> bool:
        cycle: Any = self.cycle  # None before the first request, whatever its type says
        return cycle is not None and not cycle.response_complete

    def on_message_begin(self) -> None:
        """Expect a head."""
        self._in_head = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field, and drop a trailer field."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Take the head as a whole."""
        self._in_head, self._went_on = False, True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._went_on = True
        super().on_body(body)
