"""One HTTP/1.1 response, read within limits: its head, the size of its body, and no compression that hides more.

Does not know addresses or TLS.

Spec: RFC 9112 s6, s7; RFC 9110 s8.4.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httptools

from doorward.fetching.errors import FetchError

HEAD_LIMIT_BYTES = 16 * 1024
CHUNK_BYTES = 4096
_FRAMING = frozenset({"content-length", "transfer-encoding"})
_OVERHEAD = 4
"""A chunked body of one-byte chunks spends five bytes of framing on each; beyond this share it is an attack."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A complete response."""

    status: int
    headers: dict[str, str]
    """By lower-case name; values of a repeated field are joined by commas."""
    body: bytes = field(repr=False)

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Reading:
    """One response, fed with bytes as they arrive; the methods `on_...` are httptools callbacks.

    `coded`: keep a compressed body as it is, for callers that asked for one.
    """

    def __init__(self, limit_bytes: int, *, coded: bool = False) -> None:
        self.limit_bytes = limit_bytes
        self.coded = coded
        self.received = 0
        self._unfinished = 0
        """Bytes received since the head or the last part of the body."""
        self._progressed = False
        self.parser: Any = httptools.HttpResponseParser(self)
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.head_complete = False
        self.complete = False
        self.refused: FetchError | None = None

    @property
    def ends_with_connection(self) -> bool:
        """Whether the body has no length and ends when its connection closes (RFC 9112 s6.3)."""
        return self.head_complete and not _FRAMING & self.headers.keys()

    def feed(self, data: bytes) -> None:
        """Parse the next bytes.

        Raises:
            FetchError: too large, malformed or compressed.
        """
        self.received += len(data)
        if self.received > HEAD_LIMIT_BYTES + _OVERHEAD * self.limit_bytes or not (
            self.head_complete or self.received <= HEAD_LIMIT_BYTES
        ):
            raise _too_large(self.limit_bytes)
        self._progressed = False
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, ValueError):
            raise self.refused or FetchError("malformed", "The answer is not valid HTTP/1.1.") from None
        # The parser buffers an unfinished trailer or extension, and copies it whenever data is added.
        self._unfinished = 0 if self._progressed else self._unfinished + len(data)
        if self._unfinished > HEAD_LIMIT_BYTES:
            raise FetchError("too_large", "The answer has chunk extensions or trailers without an end.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Handle a field of the head."""
        if self.head_complete:
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip()
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        """Check the head; an interim response is dropped."""
        if self.complete:
            return
        status = self.parser.get_status_code()
        if status < 200:  # noqa: PLR2004
            if _FRAMING & self.headers.keys():
                # It cannot have a body (RFC 9112 s6.3); the parser would mistake the real response for one.
                self._refuse(FetchError("malformed", f"The answer begins with a {status} that has a body."))
            self.headers = {}
            return
        self.status, self.head_complete, self._progressed = status, True, True
        self._check_head()

    def _check_head(self) -> None:
        length = self.headers.get("content-length", "0")
        if not self.coded and self.headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
            self._refuse(FetchError("malformed", "The answer is compressed, although that was not asked for."))
        elif length.isdecimal() and int(length) > self.limit_bytes:
            self._refuse(_too_large(self.limit_bytes))

    def on_body(self, body: bytes) -> None:
        """Handle a part of the body."""
        if self.complete or not self.head_complete:
            return
        self._progressed = True
        self.body += body
        if len(self.body) > self.limit_bytes:
            self._refuse(_too_large(self.limit_bytes))

    def on_message_complete(self) -> None:
        """Record the end."""
        if self.head_complete:
            self.complete = True

    def _refuse(self, error: FetchError) -> None:
        self.refused = error
        raise ValueError(error.fault)


def _too_large(limit_bytes: int) -> FetchError:
    return FetchError("too_large", f"The answer is larger than {limit_bytes} bytes.")


async def read_response(reader: asyncio.StreamReader, *, limit_bytes: int, until: bytes | None = None) -> Fetched:
    """Read one response; stop at the first byte beyond a limit or, with `until`, at those bytes of the body.

    Raises:
        FetchError: too large, malformed, compressed, or cut off.
    """
    reading = Reading(limit_bytes)
    while not reading.complete:
        data = await reader.read(CHUNK_BYTES)
        if not data:
            if reading.ends_with_connection:
                break
            raise FetchError("malformed", "The connection closed in the middle of the answer.")
        reading.feed(data)
        if until is not None and reading.head_complete and until in reading.body:
            break
    return Fetched(reading.status, reading.headers, bytes(reading.body))
