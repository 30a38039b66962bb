"""Framings of requests: how a client may spell, cut, hide and double what it sends.

Each makes the steps of one connection. None says what the right answer is: the verdict reads it from the bytes.

Spec: RFC 9112 s2.2, s3, s5, s6, s7, s9; RFC 9110 s7.8, s9.3.6, s10.1.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from framing.maker import LINE, Maker, chunked, length
from framing.upstream import Steps

Make = Callable[[Maker], Steps]
A_MOMENT: Final = 0.02
"""Seconds. Long enough for a proxy to pass on what it has."""
CHUNKED: Final = b"Transfer-Encoding: chunked"
H2C: Final = (
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA"
)
UPGRADE: Final = b"Connection: Upgrade\r\nUpgrade: x"
PADDING: Final = LINE * 150_000
"""Fills every buffer on the way, so that what is behind it arrives in a segment of its own."""


def lengths(*values: bytes) -> Make:
    """Return a call with these lengths: N is the right one, M includes the hidden call behind it."""

    def make(m: Maker) -> Steps:
        body, inner = m.body(), m.inner()
        right, more = b"%d" % len(body), b"%d" % (len(body) + len(inner))
        lines = [b"Content-Length: " + each.replace(b"N", right).replace(b"M", more) for each in values]
        return [m.head(*lines) + body + inner]

    return make


def codings(*lines: bytes, both: bool = True) -> Make:
    """Return the framing with these transfer codings in front of chunks; `both`: with a length over all bytes too."""

    def make(m: Maker) -> Steps:
        body, inner = chunked(m.body()), m.inner()
        return [m.head(*([length(body + inner)] if both else []), *lines) + body + inner]

    return make


def chunks(spell: Callable[[bytes], bytes]) -> Make:
    """Return the framing with a body of chunks that is spelled by a function of the call's body."""

    def make(m: Maker) -> Steps:
        return [m.head(CHUNKED) + spell(m.body()) + m.inner()]

    return make


def hidden(*lines: bytes, method: bytes = b"POST", later: bool = False, pad: bytes = b"", user: str | None = None,
           target: bytes = b"/mcp", as_chunks: bool = False) -> Make:  # fmt: skip
    """Return a request whose body is a call; `later`: the body goes out after the head has gone."""

    def make(m: Maker) -> Steps:
        inner = pad + m.inner()
        body = chunked(inner) if as_chunks else inner
        head = m.head(*lines, CHUNKED if as_chunks else length(body), method=method, user=user, target=target)
        return [head, A_MOMENT, body] if later else [head + body]

    return make


def honest(*lines: bytes, later: bool = False, as_chunks: bool = False, then: bool = False) -> Make:
    """Return a good call with these further lines; `then`: a second one follows."""

    def make(m: Maker) -> Steps:
        body = m.body()
        sent = chunked(body) if as_chunks else body
        head = m.head(*lines, CHUNKED if as_chunks else length(body))
        tail = m.call() if then else b""
        return [head, A_MOMENT, sent + tail] if later else [head + sent + tail]

    return make


def changed(change: Callable[[bytes], bytes]) -> Make:
    """Return a good call whose head is changed by a function; a hidden call follows."""

    def make(m: Maker) -> Steps:
        body = m.body()
        return [change(m.head(length(body))) + body + m.inner()]

    return make


def first_line(line: bytes) -> Make:
    """Return a good call with another request line."""
    return changed(lambda head: line + LINE + head.partition(LINE)[2])


def pieces(size: int, *, wait: float = 0.0) -> Make:
    """Return two good calls in pieces of this many bytes."""

    def make(m: Maker) -> Steps:
        body = m.body()
        whole = m.call() + m.head(CHUNKED) + chunked(body[:7], body[7:])
        steps: list[bytes | float] = []
        for at in range(0, len(whole), size):
            steps += [whole[at : at + size], wait]
        return steps

    return make


def early(*lines: bytes, later: bool = True, user: str | None = None, target: bytes = b"/mcp") -> Make:
    """Return a request that is refused by its head; its body is a call, and another one follows."""

    def make(m: Maker) -> Steps:
        inner = m.inner()
        head, rest = m.head(*lines, length(inner), user=user, target=target), inner + m.call()
        return [head, A_MOMENT, rest] if later else [head + rest]

    return make


LENGTHS: dict[str, Make] = {
    "length, twice the same": lengths(b"N", b"N"),
    "length, right and too long": lengths(b"N", b"M"),
    "length, too long and right": lengths(b"M", b"N"),
    "length, list of the same": lengths(b"N, N"),
    "length, list of others": lengths(b"N, M"),
    "length, signed": lengths(b"+N"),
    "length, negative": lengths(b"-N"),
    "length, hex": lengths(b"0xN"),
    "length, empty": lengths(b""),
    "length, blank inside": lengths(b"N 1"),
    "length, leading zeros": lengths(b"000N"),
    "length, a letter behind": lengths(b"Na"),
    "length, a fraction": lengths(b"N.0"),
    "length, an underscore": lengths(b"1_N"),
    "length, past 64 bits": lengths(b"184467440737095516160N"),
    "length, quoted": lengths(b'"N"'),
    "length, vertical tab": lengths(b"\x0bN"),
    "length, digits of another script": lengths("\u0661".encode()),
    "length, blank behind": lengths(b"N \t "),
    "length, zero with a body": lengths(b"0"),
    "length, folded": lengths(b"\r\n N"),
    "length, blank before the colon": changed(lambda head: head.replace(b"Content-Length:", b"Content-Length :")),
    "length, an underscore in the name": changed(lambda head: head.replace(b"Content-Length", b"Content_Length")),
}
CODINGS: dict[str, Make] = {
    "coding behind a length": codings(CHUNKED),
    "coding before a length": lambda m: [m.head(CHUNKED, b"Content-Length: 3") + chunked(m.body()) + m.inner()],
    "coding twice": codings(CHUNKED, CHUNKED, both=False),
    "coding, chunked in a list twice": codings(b"Transfer-Encoding: chunked, chunked", both=False),
    "coding, gzip and chunked": codings(b"Transfer-Encoding: gzip, chunked", both=False),
    "coding, chunked and gzip": codings(b"Transfer-Encoding: chunked, gzip"),
    "coding, identity": codings(b"Transfer-Encoding: identity"),
    "coding, unknown": codings(b"Transfer-Encoding: xchunked"),
    "coding, a prefix": codings(b"Transfer-Encoding: chunk"),
    "coding, a parameter": codings(b"Transfer-Encoding: chunked;q=1"),
    "coding, quoted": codings(b'Transfer-Encoding: "chunked"'),
    "coding, blank before the colon": codings(b"Transfer-Encoding : chunked"),
    "coding, folded": codings(b"Transfer-Encoding:\r\n chunked"),
    "coding, vertical tab": codings(b"Transfer-Encoding: \x0bchunked"),
    "coding, tab": codings(b"Transfer-Encoding:\tchunked", both=False),
    "coding, upper case": codings(b"TRANSFER-ENCODING: CHUNKED", both=False),
    "coding, a comma behind": codings(b"Transfer-Encoding: chunked,", both=False),
    "coding, a comma before": codings(b"Transfer-Encoding: ,chunked", both=False),
    "coding, lines of chunked and identity": codings(CHUNKED, b"Transfer-Encoding: identity"),
    "coding, an underscore in the name": codings(b"Transfer_Encoding: chunked"),
    "coding, empty": codings(b"Transfer-Encoding:"),
    "coding behind a bare CR": codings(b"X-A: a\rTransfer-Encoding: chunked"),
    "coding behind a bare LF": codings(b"X-A: a\nTransfer-Encoding: chunked"),
    "coding behind a NUL": codings(b"X-A: a\x00Transfer-Encoding: chunked"),
}
LINES: dict[str, Make] = {
    "lines, all end with LF": changed(lambda head: head.replace(LINE, b"\n")),
    "lines, one ends with LF": changed(lambda head: head.replace(LINE, b"\n", 2).replace(b"\n", LINE, 1)),
    "lines, one ends with CR": changed(lambda head: head.replace(LINE + b"Accept", b"\rAccept")),
    "lines, the head ends with LF": changed(lambda head: head[:-2] + b"\n"),
    "lines, NUL in a value": changed(lambda head: head.replace(b"Accept: ", b"X-A: a\x00b\r\nAccept: ")),
    "lines, no colon": changed(lambda head: head.replace(b"Accept: ", b"X-A\r\nAccept: ")),
    "lines, no name": changed(lambda head: head.replace(b"Accept: ", b": a\r\nAccept: ")),
    "lines, blank before the first field": changed(lambda head: head.replace(b"Host:", b" Host:")),
    "lines, folded": changed(lambda head: head.replace(b"Accept: ", b"X-A: a\r\n b\r\nAccept: ")),
    "lines, empty ones before": lambda m: [LINE * 3 + m.call()],
    "lines, empty LF ones between": lambda m: [m.call() + b"\n\n" + m.call()],
    "lines, two hosts": lambda m: [m.call(b"Host: evil.example")],
    "lines, no host": changed(lambda head: head.replace(b"Host:", b"X-Host:")),
    "lines, 200 fields": lambda m: [m.call(*(b"X-%d: a" % number for number in range(200)))],
    "lines, 70 kB of head": lambda m: [m.call(b"X-Pad: " + b"a" * 70_000)],
    "lines, two tokens": lambda m: [m.call(b"Authorization: Bearer dwk_no")],
}
CHUNKS: dict[str, Make] = {
    "chunks, good": lambda m: [m.head(CHUNKED) + chunked(m.body()) + m.call()],
    "chunks, one byte each": lambda m: [m.head(CHUNKED) + chunked(*(b"%c" % byte for byte in m.body())) + m.call()],
    "chunks, 0x": chunks(lambda body: chunked(body, size=b"0x%x")),
    "chunks, signed": chunks(lambda body: chunked(body, size=b"+%x")),
    "chunks, negative": chunks(lambda body: chunked(body, size=b"-%x")),
    "chunks, blank behind": chunks(lambda body: chunked(body, size=b"%x ")),
    "chunks, blank before": chunks(lambda body: chunked(body, size=b" %x")),
    "chunks, leading zeros": chunks(lambda body: chunked(body, size=b"00000%x")),
    "chunks, past 64 bits": chunks(lambda body: chunked(body, size=b"10000000000000000%x")),
    "chunks, no size": chunks(lambda body: LINE + body + LINE + b"0\r\n\r\n"),
    "chunks, extension": chunks(lambda body: chunked(body, size=b"%x;a=b")),
    "chunks, quoted extension": chunks(lambda body: chunked(body, size=b'%x;a="b\\"c"')),
    "chunks, LF in an extension": chunks(lambda body: chunked(body, size=b"%x;a\nb")),
    "chunks, CR in an extension": chunks(lambda body: chunked(body, size=b"%x;a\rb")),
    "chunks, long extension": chunks(lambda body: chunked(body, size=b"%x;" + b"a" * 20_000)),
    "chunks, size ends with LF": chunks(lambda body: chunked(body, line=b"\n")),
    "chunks, size ends with CR": chunks(lambda body: chunked(body, line=b"\r")),
    "chunks, data too long": chunks(lambda body: b"3\r\n" + body + b"\r\n0\r\n\r\n"),
    "chunks, data too short": chunks(lambda body: b"%x\r\n" % (len(body) + 9) + body + b"\r\n0\r\n\r\n"),
    "chunks, data ends with LF": chunks(lambda body: b"%x\r\n" % len(body) + body + b"\n0\r\n\r\n"),
    "chunks, no line end after data": chunks(lambda body: b"%x\r\n" % len(body) + body + b"0\r\n\r\n"),
    "chunks, several zeros last": chunks(lambda body: chunked(body, last=b"0000\r\n\r\n")),
    "chunks, last ends with LF": chunks(lambda body: chunked(body, last=b"0\n\n")),
    "chunks, no last one": chunks(lambda body: chunked(body, last=b"")),
    "chunks, the last one is cut": chunks(lambda body: chunked(body, last=b"0\r\n")),
    "chunks, trailers": chunks(lambda body: chunked(body, last=b"0\r\nX-A: b\r\n\r\n")),
    "chunks, a length as trailer": chunks(lambda body: chunked(body, last=b"0\r\nContent-Length: 9\r\n\r\n")),
    "chunks, a coding as trailer": chunks(lambda body: chunked(body, last=b"0\r\nTransfer-Encoding: chunked\r\n\r\n")),
    "chunks, a token as trailer": chunks(lambda body: chunked(body, last=b"0\r\nAuthorization: Bearer x\r\n\r\n")),
    "chunks, a wrong trailer": chunks(lambda body: chunked(body, last=b"0\r\nno colon\r\n\r\n")),
    "chunks, long trailers": chunks(lambda body: chunked(body, last=b"0\r\n" + b"X-A: b\r\n" * 20_000 + LINE)),
}
UPGRADES: dict[str, Make] = {
    "upgrade, body in the same segment": hidden(UPGRADE),
    "upgrade, body later": hidden(UPGRADE, later=True),
    "upgrade, body later, with a token": hidden(UPGRADE, later=True, user="mallory"),
    "upgrade, body far away": hidden(UPGRADE, pad=PADDING),
    "upgrade, far away, with a token": hidden(UPGRADE, pad=PADDING, user="mallory"),
    "upgrade, chunks later": hidden(UPGRADE, later=True, as_chunks=True),
    "upgrade to websocket, body later": hidden(UPGRADE.replace(b" x", b" websocket"), later=True),
    "upgrade to TLS, body later": hidden(UPGRADE.replace(b" x", b" TLS/1.0"), later=True),
    "upgrade to h2c, body later": hidden(H2C, later=True),
    "upgrade of GET with a body": hidden(UPGRADE, method=b"GET", later=True),
    "upgrade of DELETE with a body": hidden(UPGRADE, method=b"DELETE", later=True),
    "upgrade of OPTIONS with a body": hidden(UPGRADE, method=b"OPTIONS", later=True),
    "upgrade of HEAD with a body": hidden(UPGRADE, method=b"HEAD", later=True),
    "upgrade elsewhere, body later": hidden(UPGRADE, target=b"/token", later=True),
    "upgrade without a body, then a call": lambda m: [m.head(UPGRADE, b"Content-Length: 0") + m.call()],
    "upgrade of GET without a body, then a call": lambda m: [m.head(UPGRADE, method=b"GET") + m.call()],
    "upgrade that Connection does not name": hidden(b"Upgrade: x", later=True),
    "upgrade that only Connection names": hidden(b"Connection: Upgrade", later=True),
    "upgrade in the second Connection line": hidden(b"Connection: keep-alive\r\n" + UPGRADE, later=True),
    "upgrade with Expect": hidden(UPGRADE, b"Expect: 100-continue", later=True),
    "h2c offer with a good call": honest(H2C),
    "h2c offer with a good call later": honest(H2C, later=True, then=True),
    "h2c offer with chunks": honest(H2C, as_chunks=True, then=True),
    "CONNECT with a body": hidden(method=b"CONNECT"),
    "CONNECT with a body later": hidden(method=b"CONNECT", later=True),
    "CONNECT to a host": hidden(method=b"CONNECT", target=b"127.0.0.1:1", later=True),
    "CONNECT with a body far away": hidden(method=b"CONNECT", pad=PADDING),
    "preface of HTTP/2": lambda m: [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + m.call()],
}
EARLY: dict[str, Make] = {
    "expect, body at once": honest(b"Expect: 100-continue", then=True),
    "expect, body later": honest(b"Expect: 100-continue", later=True, then=True),
    "expect, no token, body later": early(b"Expect: 100-continue"),
    "expect, no token, then another call": lambda m: [m.head(b"Expect: 100-continue", b"Content-Length: 9", user=None),
                                                     A_MOMENT, m.inner()],
    "expect something else": honest(b"Expect: 200-ok", then=True),
    "no token, body in the same segment": early(later=False),
    "no token, body later": early(),
    "no token, chunks later": hidden(as_chunks=True, later=True),
    "no token, body far away": hidden(pad=PADDING),
    "unknown path, body later": early(target=b"/none"),
    "another media type, body later": early(b"Content-Encoding: gzip", user="mallory"),
    "body too large": lambda m: [m.head(b"Content-Length: 90000000"), A_MOMENT, m.inner()],
    "GET with a body": hidden(method=b"GET", target=b"/livez"),
    "GET with a body later": hidden(method=b"GET", target=b"/livez", later=True),
    "GET with chunks": hidden(method=b"GET", target=b"/livez", as_chunks=True),
    "GET of the door with a body": hidden(method=b"GET", user="mallory"),
    "DELETE with a body": hidden(method=b"DELETE", later=True, user="mallory"),
    "HEAD with a body": hidden(method=b"HEAD", target=b"/livez", later=True),
    "OPTIONS with a body": hidden(method=b"OPTIONS", later=True),
    "PUT with a body": hidden(method=b"PUT", later=True),
    "TRACE with a body": hidden(method=b"TRACE", later=True),
    "method of another case": hidden(method=b"post", user="mallory"),
}  # fmt: skip
ORDER: dict[str, Make] = {
    "pipeline, three calls": lambda m: [m.call() + m.call() + m.call()],
    "pipeline, slow and fast": lambda m: [m.call(b"X-Answer: slow") + m.call()],
    "pipeline, no token between": lambda m: [m.call() + m.head(length(b"{}"), user=None) + b"{}" + m.call()],
    "pipeline, cut in the second": lambda m: [m.call() + m.call()[:-5], A_MOMENT, "close"],
    "pipeline behind Connection: close": lambda m: [m.call(b"Connection: close") + m.inner()],
    "pipeline, 40 calls": lambda m: [b"".join(m.call() for _ in range(40))],
    "left in the head": lambda m: [m.call()[:90], A_MOMENT, "close"],
    "left in the body": lambda m: [m.call()[:-9], A_MOMENT, "close"],
    "left before the answer": lambda m: [m.call(b"X-Answer: slow"), "abort"],
    "left in the chunks": lambda m: [m.head(CHUNKED) + b"9\r\n{", A_MOMENT, "abort"],
    "closed one way behind the call": lambda m: [m.call(), "end"],
    "pieces of one byte": pieces(1),
    "pieces of seven bytes": pieces(7),
    "slow pieces": pieces(120, wait=0.01),
}
VERSIONS: dict[str, Make] = {
    "HTTP/1.0": first_line(b"POST /mcp HTTP/1.0"),
    "HTTP/1.0, kept": changed(lambda h: h.replace(b"HTTP/1.1\r\n", b"HTTP/1.0\r\nConnection: keep-alive\r\n")),
    "HTTP/1.0 with chunks": lambda m: [m.head(CHUNKED, version=b"HTTP/1.0") + chunked(m.body()) + m.inner()],
    "HTTP/0.9": lambda m: [b"GET /livez\r\n" + m.inner()],
    "HTTP/1.2": first_line(b"POST /mcp HTTP/1.2"),
    "HTTP/2.0": first_line(b"POST /mcp HTTP/2.0"),
    "HTTP/1.10": first_line(b"POST /mcp HTTP/1.10"),
    "http/1.1": first_line(b"POST /mcp http/1.1"),
    "no version": first_line(b"POST /mcp"),
    "target, absolute": lambda m: [m.head(target=b"http://" + m.host + b"/livez", method=b"GET") + m.call()],
    "target, absolute at another host": first_line(b"POST http://evil.example/mcp HTTP/1.1"),
    "target, a star": first_line(b"OPTIONS * HTTP/1.1"),
    "target, blank inside": first_line(b"POST /mcp x HTTP/1.1"),
    "target, coded line end": first_line(b"POST /mcp%0d%0aX:%20a HTTP/1.1"),
    "target, fragment": first_line(b"POST /mcp#a HTTP/1.1"),
    "target, NUL": first_line(b"POST /mcp\x00 HTTP/1.1"),
    "target, two blanks": first_line(b"POST  /mcp  HTTP/1.1"),
    "target, tabs": first_line(b"POST\t/mcp\tHTTP/1.1"),
    "target, blank behind": first_line(b"POST /mcp HTTP/1.1 "),
    "target, blank before": first_line(b" POST /mcp HTTP/1.1"),
    "connection names the length": changed(lambda h: h.replace(b"Accept: ", b"Connection: content-length\r\nAccept: ")),
    "connection names the coding": lambda m: [m.head(b"Connection: transfer-encoding", CHUNKED) + chunked(m.body())],
    "connection names the token": lambda m: [m.call(b"Connection: authorization") + m.call()],
    "connection names the host": lambda m: [m.call(b"Connection: host") + m.call()],
    "connection, close and keep-alive": lambda m: [m.call(b"Connection: keep-alive, close") + m.inner()],
    "connection, close in the second line": lambda m: [
        m.call(b"Connection: keep-alive\r\nConnection: close") + m.inner()
    ],
    "connection of a proxy": lambda m: [m.call(b"Proxy-Connection: close", b"Keep-Alive: timeout=1") + m.call()],
    "connection, TE": lambda m: [m.call(b"Connection: TE", b"TE: trailers, chunked") + m.call()],
}
REQUESTS: Final[dict[str, Make]] = {
    **LENGTHS, **CODINGS, **LINES, **CHUNKS, **UPGRADES, **EARLY, **ORDER, **VERSIONS,
}  # fmt: skip
