"""DNS queries to a named resolver: one UDP query per address family, without a cache.

The system's resolver may know names that no one else knows. Only the user chooses a resolver; no check does. The answer
is untrusted: it is bounded, matched to its query, and never raises unexpectedly.

Implements the address queries of RFC 1035 s4 and RFC 3596 s2.
"""

from __future__ import annotations

import asyncio
import secrets
import struct
from ipaddress import ip_address

_PORT = 53
_LIMIT_BYTES = 4096
_TYPES = {1: 4, 28: 16}
"""A and AAAA, each with the length of its address."""
_NAME_STEPS_MAX = 130
_POINTER = 0xC0
_HEADER = struct.Struct("!6H")
_FIXED = struct.Struct("!HHIH")


class Silent(OSError):
    """The resolver did not answer, or its answer can't be parsed."""


async def look_up(resolver: str, host: str, *, timeout_seconds: float) -> list[str]:
    """Return the addresses that one resolver has for a host; `resolver` is an IP address, or one with `#PORT`.

    Raises:
        OSError: it could not be reached, or did not answer.
        ValueError: `resolver` is not an address.
    """
    address, _, port = resolver.partition("#")
    where = (str(ip_address(address)), int(port or _PORT))
    answers = await asyncio.gather(*(_ask(where, host, kind, timeout_seconds) for kind in _TYPES))
    return [each for answer in answers for each in answer]


async def _ask(where: tuple[str, int], host: str, kind: int, timeout_seconds: float) -> list[str]:
    number = secrets.randbelow(1 << 16)
    question = question_of(number, host, kind)
    loop = asyncio.get_running_loop()
    received: asyncio.Future[bytes] = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Waiting(received, question), remote_addr=where)
    try:
        transport.sendto(question)
        async with asyncio.timeout(timeout_seconds):
            return addresses_of(await received, question)
    except TimeoutError:
        raise Silent("it did not answer") from None
    finally:
        transport.close()


class _Waiting(asyncio.DatagramProtocol):
    """Waits for the one datagram that answers a query."""

    def __init__(self, received: asyncio.Future[bytes], question: bytes) -> None:
        self._received = received
        self._question = question

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Accept the first answer to this query; others may be forged."""
        del addr
        if data[:2] == self._question[:2] and len(data) <= _LIMIT_BYTES and not self._received.done():
            self._received.set_result(data)

    def error_received(self, exc: Exception) -> None:
        """Report a network error."""
        if not self._received.done():
            self._received.set_exception(exc)


def question_of(number: int, host: str, kind: int) -> bytes:
    """Encode a query.

    Raises:
        ValueError: the host is not a name that can be queried.
    """
    labels = host.rstrip(".").encode("idna").split(b".")
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return _HEADER.pack(number, 0x0100, 1, 0, 0, 0) + name + struct.pack("!HH", kind, 1)


def addresses_of(answer: bytes, question: bytes) -> list[str]:
    """Return the addresses in an answer; a name that does not exist has none.

    Raises:
        Silent: it does not answer the query, or refuses it.
    """
    try:
        number, flags, questions, records, *_ = _HEADER.unpack_from(answer)
        if answer[:2] != question[:2] or not flags & 0x8000 or questions != 1 or flags & 0xF not in {0, 3}:
            raise Silent("it did not answer the question")
        kind = int.from_bytes(question[-4:-2])
        at = _after_name(answer, _HEADER.size) + 4
        found = []
        for _ in range(records):
            at = _after_name(answer, at)
            this, _, _, length = _FIXED.unpack_from(answer, at)
            at += _FIXED.size
            data = answer[at : at + length]
            if this == kind and len(data) == _TYPES[kind]:
                found.append(str(ip_address(data)))
            at += length
    except (struct.error, IndexError):
        raise Silent("its answer cannot be read") from None
    del number
    return found


def _after_name(data: bytes, at: int) -> int:
    """Skip a name: labels up to an empty one, or up to a pointer."""
    for _ in range(_NAME_STEPS_MAX):
        length = data[at]
        if length & _POINTER == _POINTER:
            return at + 2
        at += 1 + length
        if not length:
            return at
    raise IndexError("a name without end")
