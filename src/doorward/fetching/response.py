"""One HTTP/1.1 response, read within bounds: its head, the size of its body, and no coding that hides a larger one.

Knows nothing of addresses or TLS.

Spec: RFC 9112 s6, s7; RFC 9110 s8.4.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httptools

from doorward.fetching.errors import FetchError

HEAD_LIMIT_BYTES = 16 * 1024
_CHUNK_BYTES = 4096
_OVERHEAD = 4
"""A chunked body of one-byte chunks spends five bytes of framing on each; beyond this share it is an attack."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A response that was read to its end."""

    status: int
    headers: dict[str, str]
    """By lower-case name; of a repeated field the values are joined by commas."""
    body: bytes = field(repr=False)

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class _Reading:
    """httptools' callbacks for one response."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.parser: Any = httptools.HttpResponseParser(self)
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.head_complete = False
        self.complete = False
        self.refused: FetchError | None = None

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.head_complete:
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip()
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        if self.complete:
            return
        status = self.parser.get_status_code()
        if status < 200:  # noqa: PLR2004
            self.headers = {}
            return
        self.status, self.head_complete = status, True
        self._check_head()

    def _check_head(self) -> None:
        length = self.headers.get("content-length", "0")
        if self.headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
            self._refuse(FetchError("malformed", "The answer is compressed, although that was not asked for."))
        elif length.isdecimal() and int(length) > self.limit_bytes:
            self._refuse(_too_large(self.limit_bytes))

    def on_body(self, body: bytes) -> None:
        if self.complete:
            return
        self.body += body
        if len(self.body) > self.limit_bytes:
            self._refuse(_too_large(self.limit_bytes))

    def on_message_complete(self) -> None:
        if self.head_complete:
            self.complete = True

    def _refuse(self, error: FetchError) -> None:
        self.refused = error
        raise ValueError(error.fault)


def _too_large(limit_bytes: int) -> FetchError:
    return FetchError("too_large", f"The answer is larger than {limit_bytes} bytes.")


async def read_response(reader: asyncio.StreamReader, *, limit_bytes: int, until: bytes | None = None) -> Fetched:
    """Read one response; stops at the first byte beyond a bound, or with `until` at those bytes of the body.

    Raises:
        FetchError: too large, malformed, compressed, or cut off.
    """
    reading = _Reading(limit_bytes)
    received = 0
    while not reading.complete:
        data = await reader.read(_CHUNK_BYTES)
        if not data:
            if reading.head_complete and not {"content-length", "transfer-encoding"} & reading.headers.keys():
                break  # a body without a length ends with its connection: RFC 9112 s6.3
            raise FetchError("malformed", "The connection closed in the middle of the answer.")
        received += len(data)
        if received > HEAD_LIMIT_BYTES + _OVERHEAD * limit_bytes or not (
            reading.head_complete or received <= HEAD_LIMIT_BYTES
        ):
            raise _too_large(limit_bytes)
        try:
            reading.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, ValueError):
            raise reading.refused or FetchError("malformed", "The answer is not valid HTTP/1.1.") from None
        if until is not None and reading.head_complete and until in reading.body:
            break
    return Fetched(reading.status, reading.headers, bytes(reading.body))
