"""The connections of an examination: one per request, or kept under a name, with the arrival time of each chunk.

For streams, and for requests that say how far to read, an interrupted response counts too: what has arrived is returned
with a fault. The fetcher checks addresses. Does not know checks.

Implements RFC 9112 s9.3 as a client does, and RFC 9110 s8.4.1.3 for answers that asked for gzip.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from contextlib import suppress
from time import perf_counter

from doorward.doctor.engine.requests import Request, Response
from doorward.fetching.budget import AT_ONCE
from doorward.fetching.errors import FetchError
from doorward.fetching.fetcher import Fetcher, request_bytes
from doorward.fetching.response import CHUNK_BYTES, Reading
from doorward.oauth.uris import parse_http

LIMIT_BYTES = 256 * 1024
_ARRIVALS_LIMIT = 1000
_GZIP_WBITS = 31
_EVENTS = "text/event-stream"
_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _ClosedError(Exception):
    """A kept connection closed before the response began."""


class Connections:
    """Sends requests, each over its own connection or over the one of its name."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._kept: dict[str, _Streams] = {}
        self._places = asyncio.Semaphore(AT_ONCE)

    async def send(self, request: Request) -> Response:
        """Send one request after its wait, and read its response within its limit.

        Raises:
            FetchError: refused, failed, or the response cannot be parsed.
            ValueError: the URL is invalid, or a header contains a line break.
        """
        if request.wait_seconds:
            await asyncio.sleep(request.wait_seconds)
        limit_seconds = request.limit_seconds or self._fetcher.timeout_seconds
        reading = _Timed(coded="accept-encoding" in request.headers)
        try:
            async with asyncio.timeout(limit_seconds), self._places:
                await self._exchange(request, reading)
        except TimeoutError:
            reading.last = perf_counter()
            if not reading.worth_a_look(request):
                sentence = f"It did not answer within {limit_seconds:g} seconds."
                return Response(0, fault="timeout", sentence=sentence, elapsed_seconds=limit_seconds)
            return reading.answer("timeout", f"It did not go on within {limit_seconds:g} seconds.")
        except _ClosedError:
            return Response(0, fault="closed", sentence="The connection that was kept is closed.")
        except ssl.SSLError:
            raise FetchError("tls", "Its certificate could not be verified.") from None
        except OSError:
            raise FetchError("unreachable", "Its host could not be reached.") from None
        return reading.answer("" if reading.satisfied(request) else "cut", "The connection closed in the middle.")

    async def close(self) -> None:
        """Close the kept connections."""
        for name in list(self._kept):
            await self._drop(self._kept.pop(name))

    async def _exchange(self, request: Request, reading: _Timed) -> None:
        parsed = parse_http(request.url)
        kept = bool(request.connection)
        data = request_bytes(request.method, parsed, request.headers, request.body, kept=kept)
        used = self._kept.pop(request.connection, None)
        streams = used or await self._fetcher.dial(request.url, limit_bytes=LIMIT_BYTES)
        reusable = False
        try:
            reading.began = perf_counter()
            await _read(streams, data, request, reading)
            reusable = kept and reading.complete and "close" not in reading.headers.get("connection", "").lower()
        except ConnectionError:
            if used is None:
                raise
        finally:
            if reusable:
                self._kept[request.connection] = streams
            else:
                await self._drop(streams)
        if not reading.status:
            if used is not None:
                raise _ClosedError
            raise FetchError("malformed", "The connection closed in the middle of the answer.")
        if not reading.satisfied(request) and not reading.worth_a_look(request):
            raise FetchError("malformed", "The connection closed in the middle of the answer.")

    async def _drop(self, streams: _Streams) -> None:
        # Abort instead of closing: a peer that never answers the TLS shutdown must not block us.
        streams[1].transport.abort()
        with suppress(OSError):
            await streams[1].wait_closed()


class _Timed(Reading):
    """A response that records when its chunks arrived, and decompresses gzip if it was requested."""

    def __init__(self, *, coded: bool) -> None:
        super().__init__(LIMIT_BYTES, coded=coded)
        self.began = self.last = perf_counter()
        self.arrivals: list[tuple[float, int]] = []
        self._unpacker = zlib.decompressobj(_GZIP_WBITS)

    def on_body(self, body: bytes) -> None:
        if len(self.arrivals) < _ARRIVALS_LIMIT:
            self.arrivals.append((self.last - self.began, len(body)))
        if self.headers.get("content-encoding", "").lower() == "gzip":
            try:
                # One byte more than allowed distinguishes a decompression bomb from a long response.
                body = self._unpacker.decompress(body, LIMIT_BYTES + 1)
            except zlib.error as error:
                raise ValueError("not gzip") from error
        super().on_body(body)

    def satisfied(self, request: Request) -> bool:
        """Return whether the requested part of the response has arrived."""
        ended = self.complete or self.ends_with_connection
        return ended or (request.until is not None and self.head_complete and request.until in self.body)

    def worth_a_look(self, request: Request) -> bool:
        """Return whether a partial response is useful."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return self.head_complete and (request.until is not None or kind == _EVENTS)

    def answer(self, fault: str, sentence: str) -> Response:
        """Return what has arrived by now."""
        return Response(
            self.status,
            self.headers,
            bytes(self.body),
            fault=fault,
            sentence=sentence if fault else "",
            elapsed_seconds=max(self.last - self.began, 0.0),
            arrivals=tuple(self.arrivals),
        )


async def _read(streams: _Streams, data: bytes, request: Request, reading: _Timed) -> None:
    reader, writer = streams
    writer.write(data)
    await writer.drain()
    while not reading.complete:
        received = await reader.read(CHUNK_BYTES)
        reading.last = perf_counter()
        if not received:
            return
        reading.feed(received)
        if request.until is not None and reading.head_complete and request.until in reading.body:
            return
