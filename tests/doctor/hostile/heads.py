"""Heads that are too large, that lie about the body, or that are not HTTP at all."""

from __future__ import annotations

import socket
import struct

from doctor.hostile.server import AUTHORIZE, MCP, RESOURCE, answer, head, hostile


@hostile("one-huge-header", at=MCP, finds="TLS-02")
async def huge_header(visit):
    await visit.send(head(b"x-a: " + b"b" * 100_000) + b"{}")


@hostile("a-hundred-thousand-headers", at=MCP, finds="TLS-02")
async def many_headers(visit):
    await visit.send(head(*(b"x-%d: y" % number for number in range(100_000))) + b"{}")


@hostile("the-same-header-again-and-again", at=MCP, finds="TLS-02")
async def repeated_header(visit):
    await visit.send(head(*[b"a:"] * 100_000) + b"{}")


@hostile("a-head-without-end", at=RESOURCE, finds="DSC-06")
async def endless_head(visit):
    await visit.send(b"HTTP/1.1 200 OK\r\n")
    await visit.forever(b"x: y\r\n" * 100)


@hostile("a-header-line-without-end", at=MCP, finds="TLS-02")
async def endless_line(visit):
    await visit.send(b"HTTP/1.1 200 OK\r\nx: ")
    await visit.forever(b"y" * 4096)


@hostile("a-flood-of-cookies", at=AUTHORIZE)
async def cookies(visit):
    fields = [b"set-cookie: c%d=\x1b[31m; Path=/" % number for number in range(300)]
    await visit.send(answer(b"", b"location: /authorize/next", *fields, status=b"302 Found"))


@hostile("status-999", at=MCP, finds="DSC-03")
async def status_999(visit):
    await visit.send(answer(b"{}", status=b"999 Request Denied"))


@hostile("status-000", at=MCP, finds="TLS-02")
async def status_000(visit):
    await visit.send(answer(b"{}", status=b"000 X"))


@hostile("status-below-zero", at=MCP, finds="TLS-02")
async def status_negative(visit):
    await visit.send(answer(b"{}", status=b"-401 X"))


@hostile("status-of-seven-digits", at=MCP, finds="TLS-02")
async def status_long(visit):
    await visit.send(answer(b"{}", status=b"4010000 X"))


@hostile("a-reason-that-paints-the-screen", at=MCP, finds="TLS-02")
async def reason(visit):
    await visit.send(answer(b"{}", status=b"401 \x1b[2J\x1b]0;owned\x07" + b"x" * 20_000))


@hostile("http-0-9", at=MCP, finds="TLS-02")
async def http_0_9(visit):
    await visit.send(b"<html>\x1b[31mhello</html>")


@hostile("http-2-settings", raw=True, finds="TLS-02")
async def http_2(visit):
    await visit.send(b"\0\0\0\x04\0\0\0\0\0" + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    await visit.silence()


@hostile("a-flood-of-interim-answers", at=MCP, finds="TLS-02")
async def interim(visit):
    await visit.forever(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 100)


@hostile("continue-and-then-nothing", at=MCP, finds="TLS-02")
async def only_continue(visit):
    await visit.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    await visit.silence()


@hostile("another-protocol", at=MCP, finds="TLS-02")
async def switching(visit):
    await visit.send(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: evil\r\nconnection: upgrade\r\n\r\n\x1b[31m")
    await visit.silence()


@hostile("two-lengths", at=MCP, finds="TLS-02")
async def two_lengths(visit):
    await visit.send(head(b"content-length: 2", b"content-length: 20") + b"{}")
    await visit.silence()


@hostile("a-length-and-chunks", at=MCP, finds="TLS-02")
async def length_and_chunks(visit):
    await visit.send(head(b"content-length: 2", b"transfer-encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n")


@hostile("a-chunk-of-sixteen-exabytes", at=MCP, finds="TLS-02")
async def chunk_size(visit):
    await visit.send(head(b"transfer-encoding: chunked") + b"ffffffffffffffff1\r\n{}\r\n0\r\n\r\n")


@hostile("a-chunk-that-is-shorter-than-it-says", at=MCP, finds="TLS-02")
async def short_chunk(visit):
    await visit.send(head(b"transfer-encoding: chunked") + b"ff\r\n{}\r\n0\r\n\r\n")


@hostile("chunk-extensions-in-place-of-a-body", at=MCP, finds="TLS-02")
async def extensions(visit):
    await visit.send(head(b"transfer-encoding: chunked"))
    await visit.forever(b"1;" + b"e" * 8000 + b"\r\n{\r\n")


@hostile("a-flood-of-trailers", at=MCP, finds="TLS-02")
async def trailers(visit):
    await visit.send(head(b"transfer-encoding: chunked") + b"2\r\n{}\r\n0\r\n")
    await visit.forever(b"x: y\r\n" * 1000)


@hostile("a-second-answer-behind-the-first", at=MCP, finds="DSC-03")
async def second_answer(visit):
    await visit.send(answer(b"{}", status=b"403 X") + answer(b'{"jsonrpc":"2.0","id":1,"result":{}}'))


@hostile("folded-lines-bare-line-feeds-and-zeros", at=MCP, finds="TLS-02")
async def odd_lines(visit):
    await visit.send(b"HTTP/1.1 401 X\nserver: a\n b\x00c\nwww-authenticate : Bearer\n\n{}")


@hostile("an-answer-before-the-request", raw=True, finds="DSC-03")
async def early(visit):
    await visit.send(answer(b"{}", status=b"403 Early"))
    await visit.reader.read(1)


@hostile("gone-at-once", raw=True, finds="TLS-02")
async def gone(visit):
    visit.writer.close()


@hostile("reset-at-once", raw=True, finds="TLS-02")
async def reset(visit):
    connection = visit.writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    visit.writer.transport.abort()


@hostile("half-an-answer", at=RESOURCE, finds="DSC-06")
async def half(visit):
    await visit.send(head(b"content-length: 100") + b'{"resource": ')


@hostile("in-circles", at=MCP, finds="TRN-01")
async def circle(visit):
    await visit.send(answer(b"", b"location: " + visit.request.url.encode(), status=b"307 X"))


@hostile("to-and-fro", at=MCP, finds="TRN-01")
async def to_and_fro(visit):
    other = "/mcp" if visit.request.url.endswith("/") else "/mcp/"
    await visit.send(answer(b"", b"location: " + other.encode(), status=b"308 X"))


@hostile("to-a-thousand-hosts", at=f"{MCP} {RESOURCE} {AUTHORIZE}", finds="TRN-10")
async def thousand_hosts(visit):
    target = f"http://host-{len(visit.good.requests)}.invalid/"
    await visit.send(answer(b"", b"location: " + target.encode(), status=b"302 X"))


@hostile("to-no-address-at-all", at=MCP)
async def nowhere(visit):
    places = [b"javascript:alert(1)", b"file:///etc/passwd", b"", b"//[", b"http://[::1", b"\x1b[2J", b"a" * 15_000]
    place = places[len(visit.good.requests) % len(places)]
    await visit.send(answer(b"", b"location: " + place, status=b"307 X"))


@hostile("the-login-page-goes-in-circles", at=AUTHORIZE)
async def login_circle(visit):
    await visit.send(answer(b"", b"location: " + visit.request.url.encode() + b"&x=1", status=b"302 X"))


@hostile("the-login-page-is-inside", at=AUTHORIZE)
async def login_inside(visit):
    await visit.send(answer(b"", b"location: http://169.254.169.254/latest/meta-data/", status=b"302 X"))
