"""What a request gets that is still under way when the process stops, and what the log says of it."""

import asyncio
import io
import json
import logging

import pytest

from doorward.app import Door
from doorward.cli.process import DoorServer, bind
from doorward.logs import ROOT, configure

CALL = b'{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{}}'
REGISTRATION = b'{"redirect_uris":["http://127.0.0.1/callback"]}'


class Stuck:
    """An MCP server that never answers to the end; with `begins` it sends the head of a stream."""

    def __init__(self, *, begins):
        self.begins, self.asked = begins, asyncio.Event()

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            raise RuntimeError("no lifespan")
        if self.begins:
            headers = [(b"content-type", b"text/event-stream")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b": begun\n\n", "more_body": True})
        self.asked.set()
        await asyncio.Event().wait()


@pytest.fixture
def lines():
    """The log of the process as JSON lines."""
    stream = io.StringIO()
    configure("json", "info", stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


OURS = (ROOT, "uvicorn", "asyncio")


async def cut(tmp_path, app, asked, path, body, **more):
    """Send a request, stop the server once it is under way, and return the answer."""
    listening = bind("127.0.0.1", 0)
    port = listening.getsockname()[1]
    door = Door(app, port=port, data_dir=tmp_path, database="memory://", drain_seconds=0, self_check=False, **more)
    server = DoorServer(door, None, None, looks=False)
    serving = asyncio.ensure_future(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = b"POST %b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n" % (path, port)
    writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await asked.wait()
    server.should_exit = True
    answer = await reader.read()
    writer.close()
    await serving
    listening.close()
    return answer


async def test_a_call_that_is_cut_gets_503_with_its_id(tmp_path, lines):
    app = Stuck(begins=False)
    head, _, body = (await cut(tmp_path, app, app.asked, b"/mcp", CALL, auth="none")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503")
    assert b"retry-after: " in head
    assert b"connection: close" in head
    answer = json.loads(body)
    assert answer["id"] == 7
    assert answer["error"]["data"] == {"fault": "stopping"}
    assert "cut_by_shutdown" in [line["event"] for line in lines()]
    assert not any("exception" in line for line in lines())


async def test_a_stream_that_is_cut_ends_with_an_error_for_its_request(tmp_path, lines):
    app = Stuck(begins=True)
    _, _, body = (await cut(tmp_path, app, app.asked, b"/mcp", CALL, auth="none")).partition(b"\r\n\r\n")
    assert b'"id":7' in body.replace(b" ", b"")
    assert b"stopping" in body
    assert body.endswith(b"0\r\n\r\n")
    assert not any("exception" in line for line in lines())


async def test_an_endpoint_that_is_cut_is_unavailable_and_gives_no_verdict(tmp_path, lines):
    asked = asyncio.Event()

    async def on_register(registration):
        asked.set()
        await asyncio.Event().wait()

    answer = await cut(tmp_path, Stuck(begins=False), asked, b"/register", REGISTRATION, on_register=on_register)
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"temporarily_unavailable" in answer
    assert b"retry-after: " in answer
    assert not any("exception" in line for line in lines())


async def test_a_request_that_somebody_else_cancels_stays_cancelled(open_door):
    task = asyncio.ensure_future(open_door)
    await asyncio.sleep(0)
    task.cancel("a time limit of the host application")
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.fixture
async def open_door(tmp_path):
    app = Stuck(begins=False)
    door = Door(app, data_dir=tmp_path, database="memory://", auth="none")
    await door.start()
    sent = []

    async def receive():
        return {"type": "http.request", "body": CALL, "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/mcp", "query_string": b"", "http_version": "1.1", "asgi": {}}
    headers = [(b"host", b"127.0.0.1:8000"), (b"content-type", b"application/json")]

    async def call():
        waiting = asyncio.ensure_future(door({**scope, "headers": headers, "client": None}, receive, send))
        await app.asked.wait()
        try:
            await waiting
        finally:
            assert sent == []

    yield call()
    await door.stop()


def test_the_lines_of_the_server_have_the_form_of_ours(lines):
    logging.getLogger("uvicorn.error").error("Cancel %s running task(s), timeout graceful shutdown exceeded", 2)
    try:
        raise ValueError("lost")
    except ValueError:
        logging.getLogger("asyncio").exception("Task exception was never retrieved")
    first, second = lines()
    assert first["event"] == "Cancel 2 running task(s), timeout graceful shutdown exceeded"
    assert first["logger"] == "uvicorn.error"
    assert "ValueError: lost" in second["exception"]
