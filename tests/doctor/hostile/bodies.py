"""Bodies that do not end, hold nothing, or are much more than they look."""

from __future__ import annotations

import gzip
import zlib

from doctor.hostile.server import AUTHORIZE, ISSUERS, MCP, REGISTER, RESOURCE, TOKEN, answer, head, hostile

_ZEROS = b"\0" * 1_000_000
_GZIP = gzip.compress(_ZEROS * 50, 9)
# Ten megabytes of zeros, as brotli and as zstandard.
_BROTLI = bytes.fromhex("5bff7f2680" + "a2" * 8)
_ZSTANDARD = bytes.fromhex("28b52ffd8058545d0001001000") + b"\x03" * 64


@hostile("endless-body", at=MCP, finds="TLS-02")
async def endless_body(visit):
    await visit.send(head())
    await visit.forever(b"[" * 65536)


@hostile("endless-chunks", at=RESOURCE, finds="DSC-06")
async def endless_chunks(visit):
    await visit.send(head(b"transfer-encoding: chunked"))
    await visit.forever(b"1\r\n[\r\n" * 1000)


@hostile("endless-text-at-the-issuer", at=ISSUERS, finds="DSC-06")
async def endless_text(visit):
    await visit.send(head(kind=b"text/plain"))
    await visit.forever(b"words " * 10_000)


@hostile("one-byte-of-head-at-a-time", at=MCP, finds="TLS-02")
async def dripping_head(visit):
    await visit.drip(answer(b"{}"))


@hostile("one-byte-of-body-at-a-time", at=RESOURCE, finds="DSC-06")
async def dripping_body(visit):
    await visit.send(head(b"content-length: 100000"))
    await visit.drip(b"[" * 100_000)


@hostile("one-chunk-at-a-time", at=ISSUERS, finds="DSC-06")
async def dripping_chunks(visit):
    await visit.send(head(b"transfer-encoding: chunked"))
    await visit.drip(b"1\r\n[\r\n" * 10_000)


@hostile("drips-at-every-step-behind-the-challenge", at=f"{REGISTER} {AUTHORIZE} {TOKEN}", slow=True)
async def dripping_everywhere(visit):
    await visit.drip(answer(b"{}" * 50_000))


@hostile("silence", at=MCP, finds="TLS-02")
async def silence(visit):
    await visit.silence()


@hostile("silence-after-the-head", at=MCP, finds="TLS-02")
async def silence_after_the_head(visit):
    await visit.send(head(b"content-length: 10"))
    await visit.silence()


@hostile("silence-before-the-request", raw=True, finds="TLS-02")
async def never_reads(visit):
    visit.reader._transport.pause_reading()
    await visit.silence()


@hostile("gzip-bomb", at=RESOURCE, finds="DSC-06")
async def gzip_bomb(visit):
    await visit.send(answer(_GZIP, b"content-encoding: gzip"))


@hostile("gzip-bomb-in-a-bomb", at=MCP, finds="TLS-02")
async def gzip_twice(visit):
    await visit.send(answer(gzip.compress(_GZIP), b"content-encoding: gzip, GZIP"))


@hostile("deflate-bomb", at=ISSUERS, finds="DSC-06")
async def deflate_bomb(visit):
    await visit.send(answer(zlib.compress(_ZEROS * 50), b"content-encoding: deflate"))


@hostile("brotli-bomb", at=RESOURCE, finds="DSC-06")
async def brotli_bomb(visit):
    await visit.send(answer(_BROTLI, b"content-encoding: br"))


@hostile("zstandard-bomb", at=RESOURCE, finds="DSC-06")
async def zstandard_bomb(visit):
    await visit.send(answer(_ZSTANDARD, b"content-encoding: zstd"))


@hostile("gzip-as-a-transfer-coding", at=RESOURCE, finds="DSC-06")
async def gzip_transfer(visit):
    chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(_GZIP), _GZIP)
    await visit.send(head(b"transfer-encoding: gzip, chunked") + chunk)


@hostile("two-gigabytes-promised", at=MCP, finds="TLS-02")
async def promised(visit):
    await visit.send(head(b"content-length: 2147483648") + b"{}")
    await visit.silence()


@hostile("nine-hundred-digits-of-length", at=MCP, finds="TLS-02")
async def long_length(visit):
    await visit.send(head(b"content-length: " + b"9" * 900) + b"{}")
    await visit.silence()


@hostile("a-stream-without-end-in-place-of-an-answer", at=MCP, finds="TLS-02")
async def endless_events(visit):
    await visit.send(head(kind=b"text/event-stream"))
    await visit.forever(b": ping\n\n" * 4000)


@hostile("one-event-without-end", at=MCP, finds="TLS-02")
async def endless_event(visit):
    await visit.send(head(kind=b"text/event-stream") + b'event: message\ndata: {"jsonrpc":"2.0","id":1,"result":"')
    await visit.forever(b"x" * 65536)


@hostile("a-stream-that-stays-open-and-silent", at=MCP, finds="STR-01")
async def silent_stream(visit):
    await visit.send(head(kind=b"text/event-stream") + b": hello\n\n")
    await visit.silence()


@hostile("every-answer-just-under-the-limit", at=f"{MCP} {RESOURCE} {ISSUERS}")
async def just_under(visit):
    await visit.send(answer(b'{"a":"' + b"x" * 260_000 + b'"}', status=b"401 X"))
