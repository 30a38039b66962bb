"""Questions to a resolver that the user names: the wire, a resolver on loopback, and what the doctor makes of it."""

from __future__ import annotations

import asyncio
import struct
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest
from doctor.driving import driven

from doorward.doctor.checks.name_and_address import network
from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import Lookup, Response
from doorward.doctor.network.names import Silent, addresses_of, look_up, question_of
from doorward.doctor.network.sending import Network

A, AAAA = 1, 28


def answer_to(question: bytes, *addresses: str, code: int = 0, alias: bool = False) -> bytes:
    """Answer as a resolver does, with the name of the question compressed."""
    kind = int.from_bytes(question[-4:-2])
    records = [b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 60, 2) + b"\xc0\x0c"] if alias else []
    for each in map(ip_address, addresses):
        if each.version == (4 if kind == A else 6):
            records.append(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(each.packed)) + each.packed)
    head = question[:2] + struct.pack("!5H", 0x8180 | code, 1, len(records), 0, 0)
    return head + question[12:] + b"".join(records)


@asynccontextmanager
async def resolving(answer):
    class Resolver(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, addr):
            for each in answer(data):
                self.transport.sendto(each, addr)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Resolver, local_addr=("127.0.0.1", 0))
    try:
        yield f"127.0.0.1#{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()


async def test_both_families_are_asked_for_and_aliases_are_skipped():
    async with resolving(lambda data: [answer_to(data, "203.0.113.7", "2001:db8::7", alias=True)]) as resolver:
        assert await look_up(resolver, "mcp.example.com", timeout_seconds=5) == ["203.0.113.7", "2001:db8::7"]


async def test_a_name_that_does_not_exist_has_no_addresses():
    async with resolving(lambda data: [answer_to(data, code=3)]) as resolver:
        assert await look_up(resolver, "mcp.example.com", timeout_seconds=5) == []


async def test_an_answer_with_another_number_is_not_taken():
    def forged(data: bytes) -> list[bytes]:
        wrong = bytes([data[0] ^ 1]) + data[1:]
        return [answer_to(wrong, "198.51.100.66"), answer_to(data, "203.0.113.7")]

    async with resolving(forged) as resolver:
        assert await look_up(resolver, "mcp.example.com", timeout_seconds=5) == ["203.0.113.7"]


async def test_a_resolver_that_is_silent_is_an_error():
    async with resolving(lambda data: []) as resolver:
        with pytest.raises(Silent):
            await look_up(resolver, "mcp.example.com", timeout_seconds=0.05)


QUESTION = question_of(7, "a.example", A)
GOOD = answer_to(QUESTION, "203.0.113.7")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        GOOD[:11],
        GOOD[:20],
        GOOD[:-9],
        QUESTION,
        answer_to(QUESTION, code=2),
        GOOD[:12] + b"\x3f" * 500,
        GOOD[:4] + b"\0\x02" + GOOD[6:],
        GOOD[:6] + b"\xff\xff" + GOOD[8:],
    ],
)
def test_an_answer_that_cannot_be_read_is_an_error_of_its_own(data):
    with pytest.raises(Silent):
        addresses_of(data, QUESTION)


@pytest.mark.parametrize("host", ["a..example", "x" * 64 + ".example"])
def test_a_name_that_cannot_be_asked_for_is_refused(host):
    with pytest.raises(ValueError):
        question_of(1, host, A)


@pytest.mark.parametrize("resolver", ["127.0.0.1#1", "nonsense"])
async def test_the_network_says_why_a_resolver_gave_nothing(resolver):
    answer = await Network(allow_private=True, timeout_seconds=0.2).send(
        Lookup("", "https://mcp.example.com/mcp", resolver=resolver)
    )
    assert (answer.status, answer.fault) == (0, "unresolved")
    assert answer.sentence


async def test_the_network_classes_what_a_resolver_says():
    async with resolving(lambda data: [answer_to(data, "10.0.0.1", "1.1.1.1")]) as resolver:
        asked = Lookup("", "https://mcp.example.com/mcp", resolver=resolver)
        answer = await Network(allow_private=False, timeout_seconds=5).send(asked)
    assert answer.addresses == ("10.0.0.1 (special)", "1.1.1.1 (public)")


@pytest.mark.parametrize(
    ("addresses", "fault", "rules"),
    [
        (("1.1.1.1 (public)",), "", []),
        (("10.0.0.1 (special)",), "", ["NET-05"]),
        ((), "", ["NET-05"]),
        ((), "unresolved", []),
    ],
)
def test_a_name_that_a_public_resolver_does_not_know_is_found(addresses, fault, rules):
    def answer(request):
        if isinstance(request, Lookup):
            return Response(0, addresses=addresses, fault=fault, sentence="it did not answer")
        return Response(401, {"www-authenticate": "Bearer"})

    seen = Picture("https://mcp.example.com/mcp", resolvers=("192.0.2.53",))
    findings = driven(network, seen, answer)
    assert [each.rule for each in findings] == rules
    assert all("192.0.2.53" in "\n".join(each.evidence) for each in findings)


def test_no_resolver_is_asked_that_nobody_named():
    asked = []
    driven(network, Picture("https://mcp.example.com/mcp"), lambda request: asked.append(request) or Response(401))
    assert not any(isinstance(request, Lookup) for request in asked)
