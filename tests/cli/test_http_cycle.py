"""One request on a connection: what is written in one piece, what is refused, and what the application hears of."""

import asyncio
import re

import pytest
import uvicorn
from uvicorn.server import ServerState

from doorward.cli.http_cycle import HIGH_WATER_BYTES
from doorward.cli.http_protocol import BoundedProtocol
from doorward.door.body import WHOLE_BODY
from tests.cli.raw_sockets import serving

GET = b"GET / HTTP/1.1\r\nhost: door\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: door\r\n"
OK = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
BODY = {"type": "http.response.body", "body": b"{}"}
INTERNAL_ERROR = (
    b"HTTP/1.1 500 Internal Server Error\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 21\r\n"
    b"connection: close\r\n\r\nInternal Server Error"
)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Wire(asyncio.Transport):
    """A transport that keeps each write as it came."""

    def __init__(self):
        super().__init__()
        self.written, self.closed, self.reading = [], False, True

    def write(self, data):
        if not self.closed:
            self.written.append(bytes(data))

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True

    def get_write_buffer_size(self):
        return 0


def connected(app, *, headers=()):
    """Return a connection to an application, its transport and what uvicorn shares with it."""
    config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None, proxy_headers=False)
    config.load()
    state, wire = ServerState(), Wire()
    state.default_headers = list(headers)
    connection = BoundedProtocol(config, state, {})
    connection.connection_made(wire)
    return connection, wire, state


async def finished(state):
    """Wait for the requests under way, and for what they have left to the event loop."""
    await asyncio.gather(*state.tasks)
    await asyncio.sleep(0)


async def written(app, request=GET, **more):
    """Return what one request had written, and whether the connection was closed."""
    connection, wire, state = connected(app, **more)
    connection.data_received(request)
    await finished(state)
    found = wire.written, wire.closed
    connection.connection_lost(None)  # ends the timer
    return found


def answering(*messages):
    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    return app


async def test_head_and_body_go_out_in_one_write_if_the_body_comes_at_once():
    connection, wire, state = connected(answering(OK, BODY))
    connection.data_received(GET)
    await finished(state)
    assert (wire.written, wire.closed) == ([HEAD + b"{}"], False)


async def test_a_head_does_not_wait_for_a_slow_body():
    go, ready = asyncio.Event(), asyncio.Event()

    async def app(scope, receive, send):
        await send(OK)
        ready.set()
        await go.wait()
        await send(BODY)

    connection, wire, state = connected(app)
    connection.data_received(GET)
    await ready.wait()
    await asyncio.sleep(0)
    assert wire.written == [HEAD]
    go.set()
    await finished(state)
    assert wire.written == [HEAD, b"{}"]


async def test_a_large_body_is_written_behind_its_head_without_a_copy():
    large = b"x" * 100_000
    head = {**OK, "headers": [(b"content-length", b"100000")]}
    pieces, _ = await written(answering(head, {**BODY, "body": large}))
    assert [len(piece) for piece in pieces] == [len(HEAD) + 5, len(large)]


async def test_a_stream_is_sent_in_chunks_and_its_end_is_marked():
    start = {**OK, "headers": []}
    more, end = {**BODY, "more_body": True}, {**BODY, "body": b""}
    pieces, _ = await written(answering(start, more, more, {**more, "body": b""}, end))
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    assert pieces == [head + b"2\r\n{}\r\n", b"2\r\n{}\r\n", b"0\r\n\r\n"]


async def test_a_client_of_http_1_0_gets_no_chunks_and_reads_until_the_end():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one ", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})

    connection, wire, state = connected(app)
    connection.data_received(b"GET / HTTP/1.0\r\nhost: door\r\nconnection: keep-alive\r\n\r\n")
    await finished(state)
    head, _, body = b"".join(wire.written).partition(b"\r\n\r\n")
    assert head == b"HTTP/1.1 200 OK\r\nconnection: close"
    assert body == b"one two"
    assert wire.closed


async def test_the_server_s_own_headers_come_first_and_follow_their_renewal():
    connection, wire, state = connected(answering(OK, BODY), headers=[(b"date", b"one")])
    connection.data_received(GET)
    await finished(state)
    state.default_headers = [(b"date", b"two")]
    connection.data_received(GET)
    await finished(state)
    assert re.findall(rb"200 OK\r\ndate: (\w+)\r\n", b"".join(wire.written)) == [b"one", b"two"]


@pytest.mark.parametrize("value", [b"a\r\nx-b: c", b"a\nb", b"a\rb", b"a\0b", b"\x7f", b"\x0b"])
@pytest.mark.parametrize("times", [1, 2])
async def test_a_value_that_would_end_its_line_is_never_written(value, times):
    start = {**OK, "headers": [(b"x-a", value)] * times}
    assert await written(answering(start, BODY)) == ([INTERNAL_ERROR], True)


@pytest.mark.parametrize("name", [b"", b"x a", b"x:a", b"x\r\na", b"x\n", b"x\0", b"x(", b"x\x7f"])
async def test_a_name_that_is_none_is_never_written_however_often_it_is_tried(name):
    for _ in range(2):
        assert await written(answering({**OK, "headers": [(name, b"a")]}, BODY)) == ([INTERNAL_ERROR], True)


@pytest.mark.parametrize("value", [b"+2", b"-1", b"1_0", b"", b"2, 2", b"0x2"])
async def test_a_length_that_is_no_number_is_never_written(value):
    start = {**OK, "headers": [(b"content-length", value)]}
    assert await written(answering(start, BODY)) == ([INTERNAL_ERROR], True)


async def test_names_are_written_in_lower_case():
    pieces, _ = await written(answering({**OK, "headers": [(b"Content-Length", b"2"), (b"X-A", b"B")]}, BODY))
    assert pieces == [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-a: B\r\n\r\n{}"]


@pytest.mark.parametrize(("body", "pieces"), [(b"{}}", [HEAD]), (b"{", [HEAD + b"{"])], ids=["longer", "shorter"])
async def test_an_answer_of_another_length_than_it_declares_closes_the_connection(body, pieces):
    assert await written(answering(OK, {**BODY, "body": body})) == (pieces, True)


async def test_the_answer_to_head_has_no_body():
    assert await written(answering(OK, BODY), GET.replace(b"GET", b"HEAD")) == ([HEAD], False)


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_that_cannot_have_a_body_states_no_framing(status):
    pieces, _ = await written(answering({**OK, "status": status, "headers": []}, {**BODY, "body": b""}))
    assert pieces[0].count(b"\r\n") == 2
    assert pieces[0].startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize(
    ("request_", "headers", "stated"),
    [
        (GET.replace(b"1.1", b"1.0"), [], 1),
        (POST + b"connection: close\r\n\r\n", [], 1),
        (GET, [(b"connection", b"close")], 1),
        (GET, [(b"connection", b"keep-alive")], 0),
    ],
)
async def test_a_connection_is_closed_after_the_answer_that_says_so(request_, headers, stated):
    pieces, closed = await written(answering({**OK, "headers": [*OK["headers"], *headers]}, BODY), request_)
    assert pieces[0].count(b"connection: close") == stated
    assert closed is bool(stated)


async def failing(scope, receive, send):
    raise RuntimeError("no answer")


async def test_an_application_that_does_not_answer_gets_a_500_sent(caplog):
    for app in (failing, answering()):
        pieces, closed = await written(app)
        assert pieces[0].startswith(b"HTTP/1.1 500 ")
        assert pieces[0].endswith(b"\r\n\r\nInternal Server Error")
        assert closed
    assert len(caplog.records) == 2


async def test_an_application_that_stops_within_its_answer_has_the_connection_closed(caplog):
    async def app(scope, receive, send):
        await send(OK)
        raise RuntimeError("no body")

    assert await written(app) == ([HEAD], True)
    assert await written(answering(OK)) == ([HEAD], True)
    assert len(caplog.records) == 2


@pytest.mark.parametrize("messages", [(BODY,), (OK, OK), (OK, BODY, BODY)], ids=["no head", "two heads", "two ends"])
async def test_messages_out_of_order_are_refused(messages):
    raised = []

    async def app(scope, receive, send):
        for message in messages[:-1]:
            await send(message)
        try:
            await send(messages[-1])
        except RuntimeError as error:
            raised.append(error)

    await written(app)
    assert len(raised) == 1


async def test_a_body_in_pieces_is_read_in_pieces_and_no_further_than_the_application_follows():
    got, taken = [], asyncio.Event()

    async def app(scope, receive, send):
        message = await receive()
        got.append((len(message["body"]), message["more_body"]))
        taken.set()
        while message["more_body"]:
            message = await receive()
            got.append((len(message["body"]), message["more_body"]))
        await send(OK)
        await send(BODY)

    connection, wire, state = connected(app)
    piece = b"x" * (HIGH_WATER_BYTES // 2)
    connection.data_received(POST + b"content-length: %d\r\n\r\n" % (4 * len(piece)) + piece)
    await taken.wait()
    for _ in range(3):
        connection.data_received(piece)
    assert not wire.reading
    await finished(state)
    assert wire.reading
    assert got == [(len(piece), True), (3 * len(piece), False)]


async def test_a_body_that_is_here_is_taken_without_waiting_once_and_by_its_own_request_only():
    taken = []

    async def app(scope, receive, send):
        take = scope["extensions"][WHOLE_BODY]
        taken.append((take({**scope, "headers": [*scope["headers"]]}), take(dict(scope)), take(scope)))
        await send(OK)
        await send(BODY)

    await written(app, POST + b"content-length: 2\r\n\r\n[]")
    await written(app, POST + b"content-length: 2\r\n\r\n[")
    assert taken == [(None, b"[]", None), (None, None, None)]


async def test_a_body_of_which_a_piece_was_read_is_not_taken_as_a_whole():
    taken, read = [], asyncio.Event()

    async def app(scope, receive, send):
        taken.append((await receive())["body"])
        read.set()
        await asyncio.sleep(0)
        taken.append(scope["extensions"][WHOLE_BODY](scope))
        taken.append((await receive())["body"])
        await send(OK)
        await send(BODY)

    connection, _, state = connected(app)
    connection.data_received(POST + b"content-length: 2\r\n\r\n[")
    await read.wait()
    connection.data_received(b"]")
    await finished(state)
    assert taken == [b"[", None, b"]"]


async def test_everyone_who_waits_for_a_request_hears_that_its_client_is_gone():
    heard, waiting = [], asyncio.Event()

    async def app(scope, receive, send):
        assert (await receive())["more_body"] is False
        both = [asyncio.ensure_future(receive()) for _ in range(2)]
        await asyncio.sleep(0)
        waiting.set()
        heard.extend(message["type"] for message in await asyncio.gather(*both))
        await send(OK)  # to nobody

    connection, wire, state = connected(app)
    connection.data_received(GET)
    await waiting.wait()
    connection.connection_lost(ConnectionResetError())
    await finished(state)
    assert heard == ["http.disconnect"] * 2
    assert wire.written == []


async def test_a_client_that_asks_first_is_told_to_go_on_only_once_somebody_reads():
    async def reading(scope, receive, send):
        await receive()
        await answering(OK, BODY)(scope, receive, send)

    asking = POST + b"expect: 100-continue\r\ncontent-length: 2\r\n\r\n"
    connection, wire, state = connected(reading)
    connection.data_received(asking)
    await asyncio.sleep(0)
    connection.data_received(b"{}")
    await finished(state)
    assert wire.written == [b"HTTP/1.1 100 Continue\r\n\r\n", HEAD + b"{}"]


async def test_a_client_that_asked_first_and_was_refused_sends_nothing_more():
    """Whether it still sends its body is its choice, and a body must not be read as the next request."""
    asking = POST + b"expect: 100-continue\r\ncontent-length: 2\r\n\r\n"
    pieces, closed = await written(answering(OK, BODY), asking)
    assert pieces == [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"]
    assert closed


async def test_a_client_of_http_1_0_is_not_told_to_go_on():
    async def reading(scope, receive, send):
        await receive()
        await answering(OK, BODY)(scope, receive, send)

    asking = b"POST / HTTP/1.0\r\nhost: door\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n{}"
    pieces, _ = await written(reading, asking)
    assert pieces == [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"]


async def test_a_request_sets_no_timer_and_leaves_no_task(monkeypatch):
    loop, timers = asyncio.get_running_loop(), []
    connection, wire, state = connected(answering(OK, BODY))
    monkeypatch.setattr(loop, "call_later", lambda *arguments: timers.append(arguments))
    monkeypatch.setattr(loop, "call_at", lambda *arguments: timers.append(arguments))
    for _ in range(10):
        connection.data_received(GET)
        await finished(state)
    assert (len(wire.written), timers, state.tasks, state.total_requests) == (10, [], set(), 10)


async def test_a_connection_that_rests_too_long_is_closed():
    async with serving(answering(OK, BODY), keep_alive=1, head_seconds=0.02) as (reader, writer):
        writer.write(GET)
        assert await reader.read() == HEAD + b"{}"


async def test_a_server_that_stops_closes_what_rests_and_lets_what_is_under_way_end():
    connection, wire, state = connected(answering(OK, BODY))
    connection.data_received(GET)
    connection.shutdown()
    assert not wire.closed
    await finished(state)
    assert (b"connection: close" in wire.written[0], wire.closed) == (True, True)
    resting, wire, state = connected(answering(OK, BODY))
    resting.data_received(GET)
    await finished(state)
    resting.shutdown()
    assert wire.closed
