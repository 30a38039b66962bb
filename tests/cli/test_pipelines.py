"""Requests that a connection sends before earlier ones are answered, and versions of HTTP that it does not speak."""

from __future__ import annotations

import asyncio

import pytest
from cli.test_http_cycle import BODY, GET, HEAD, OK, answering, connected, finished, written

from doorward.cli.http_protocol import MOST_WAITING


@pytest.mark.parametrize("version", [b"2.0", b"0.9", b"3.0"])
async def test_another_version_of_http_is_refused(version):
    pieces, closed = await written(answering(OK, BODY), b"GET / HTTP/%b\r\nhost: door\r\n\r\n" % version)
    assert pieces[0].startswith(b"HTTP/1.1 400 ")
    assert closed


async def test_a_connection_is_not_read_on_before_the_requests_that_it_sent_have_begun():
    waiting = []

    async def app(scope, receive, send):
        go_on = asyncio.Event()
        waiting.append(go_on)
        await go_on.wait()
        await answering(OK, BODY)(scope, receive, send)

    connection, wire, state = connected(app)
    connection.data_received(GET * 4)
    for number in range(4):
        await asyncio.sleep(0)
        assert (number, wire.reading, len(connection.pipeline)) == (number, number == 3, 3 - number)
        waiting[number].set()
        await asyncio.gather(*state.tasks)
    await finished(state)
    assert b"".join(wire.written) == (HEAD + b"{}") * 4
    connection.connection_lost(None)


async def test_of_thousands_of_requests_in_one_read_the_first_are_answered_and_the_rest_is_not_kept():
    async def app(scope, receive, send):
        await asyncio.sleep(0)
        await answering(OK, BODY)(scope, receive, send)

    connection, wire, state = connected(app)
    connection.data_received(GET * 5_000)
    assert (len(connection.pipeline), wire.reading) == (MOST_WAITING, False)
    while state.tasks:
        await finished(state)
    sent = b"".join(wire.written)
    assert sent.count(b"200 OK") == MOST_WAITING + 1
    assert sent.count(b"connection: close") == 1
    assert sent.endswith(b"connection: close\r\n\r\n{}")
    assert wire.closed
    connection.connection_lost(None)
