"""TLS that is none, does not end, or proves the wrong thing."""

from __future__ import annotations

import datetime as dt
import ssl

import trustme
from doctor.hostile.server import answer, hostile

CA = trustme.CA()
CLIENT_TLS = ssl.create_default_context()
CA.configure_trust(CLIENT_TLS)
_PAST = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


def _serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


def _secure(name: str, **facts: object):
    return hostile(name, raw=True, scheme="https", **facts)


@_secure("garbage-after-the-first-message", finds="TLS-02")
async def garbage(visit):
    await visit.reader.read(1000)
    await visit.send(b"\xff" * 10_000)
    await visit.silence()


@_secure("an-sslv3-record", finds="TLS-02")
async def sslv3(visit):
    await visit.reader.read(1000)
    await visit.send(bytes.fromhex("1603000004") + b"\x02\0\0\0")
    await visit.silence()


@_secure("plain-words-where-tls-belongs", finds="TLS-02")
async def plain(visit):
    await visit.reader.read(1000)
    await visit.send(answer(b"\x1b[31mplain", status=b"400 Bad"))


@_secure("a-handshake-without-end", finds="TLS-02")
async def no_handshake(visit):
    await visit.silence()


@_secure("records-without-end", finds="TLS-02")
async def endless_records(visit):
    await visit.reader.read(1000)
    await visit.forever(b"\x16\x03\x03\x40\x00" + b"\0" * 16_384)


@_secure("a-handshake-byte-by-byte", finds="TLS-02")
async def dripping_handshake(visit):
    await visit.reader.read(1000)
    await visit.drip(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + b"\0" * 100)


@_secure("warnings-without-end", finds="TLS-02")
async def endless_warnings(visit):
    await visit.reader.read(1000)
    await visit.forever(b"\x15\x03\x03\x00\x02\x01\x00" * 100)


async def _quiet(visit):
    await visit.send(answer(b"{}"))


_secure("a-certificate-of-another-name", tls=_serving(CA.issue_cert("other.example")), finds="TLS-01")(_quiet)
_secure("a-certificate-of-long-ago", tls=_serving(CA.issue_cert("localhost", not_after=_PAST)), finds="TLS-01")(_quiet)
_secure("a-certificate-of-its-own", tls=_serving(trustme.CA().issue_cert("localhost")), finds="TLS-01")(_quiet)
_secure(
    "a-certificate-of-a-thousand-names",
    tls=_serving(CA.issue_cert(*(f"host-{number}.example" for number in range(1000)))),
    finds="TLS-01",
)(_quiet)
