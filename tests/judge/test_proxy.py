"""The proxy does to a connection exactly what its rule says, once."""

from __future__ import annotations

import asyncio

import pytest
from judge.proxy import Proxy, Rule

SAID = b"hello, server"


@pytest.fixture
async def echo():
    """A server that answers each message with itself, and what it has received."""
    received = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            received.extend(data)
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy = Proxy(server.sockets[0].getsockname()[:2])
    address = await proxy.start()
    yield proxy, address, received
    await proxy.stop()
    server.close()


async def talk(address: tuple[str, int]) -> bytes:
    """Say one thing and return what comes back until the end or the whole answer."""
    reader, writer = await asyncio.open_connection(*address)
    heard = b""
    try:
        writer.write(SAID)
        while len(heard) < len(SAID) and (data := await reader.read(100)):
            heard += data
    except ConnectionError:
        pass
    finally:
        writer.close()
    return heard


async def test_without_a_rule_everything_passes(echo):
    proxy, address, received = echo
    assert await talk(address) == SAID == bytes(received)
    assert proxy.cuts == 0


@pytest.mark.parametrize(
    ("rule", "arrives", "heard"),
    [
        (Rule("to_server", "cut", after_bytes=5), SAID[:5], b""),
        (Rule("to_server", "cut", pattern=b"server"), SAID[:7], b""),
        (Rule("to_server", "forward_then_drop_answer", pattern=b"server"), SAID, b""),
        (Rule("to_client", "cut", pattern=b"hello"), SAID, b""),
        (Rule("to_client", "forward_then_cut", after_bytes=4), SAID, SAID[:4]),
    ],
)
async def test_a_rule_cuts_where_it_says_and_only_once(echo, rule, arrives, heard):
    proxy, address, received = echo
    proxy.rules = [rule]
    assert (await talk(address), bytes(received), proxy.cuts) == (heard, arrives, 1)
    received.clear()
    assert await talk(address) == SAID == bytes(received)


async def test_a_pattern_can_be_let_pass_first(echo):
    proxy, address, _ = echo
    proxy.rules = [Rule("to_server", "cut", pattern=b"hello", skipped=1)]
    assert [await talk(address), await talk(address), await talk(address)] == [SAID, b"", SAID]
