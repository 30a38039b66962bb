"""A request that one worker hands to another over its socket."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
import uvicorn
from uvicorn.server import ServerState
from world import PASSWORD, echo_app

from doorward.app import Door
from doorward.cli import process, run_server
from doorward.cli.http_protocol import BoundedProtocol
from doorward.cli.peer_protocol import PeerProtocol
from doorward.door.worker_peers import WorkerPeers
from doorward.errors import StartError, Unavailable, UpstreamError
from doorward.records.accounts import User

OWNER_ID = "0123abcd"


@asynccontextmanager
async def listening(path, protocol=PeerProtocol):
    seen = []

    async def app(scope, receive, send):
        seen.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})

    config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None)
    config.load()

    def make():
        return protocol(config=config, server_state=ServerState(), app_state={})

    server = await asyncio.get_running_loop().create_unix_server(make, str(path))
    try:
        yield seen
    finally:
        server.close()


async def hand_over(directory, **scope):
    answer = []

    async def send(message):
        answer.append(message)

    full = {"type": "http", "method": "POST", "path": "/mcp", "query_string": b"", "headers": [], **scope}
    assert await WorkerPeers(directory).forward(OWNER_ID, full, b"{}", asyncio.Event().wait, send)
    assert answer[0]["status"] == 200


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
async def test_the_owner_of_a_session_learns_whose_request_it_is(tmp_path, address):
    headers = [(b"host", b"door"), (b"x-forwarded-for", b"198.51.100.1"), (b"x-doorward-client", b"203.0.113.9")]
    async with listening(tmp_path / OWNER_ID) as seen:
        await hand_over(tmp_path, client=(address, 4711), headers=headers)
    assert seen[0]["client"][0] == address
    names = [name for name, _ in seen[0]["headers"]]
    assert names.count(b"x-forwarded-for") == 1
    assert b"x-doorward-client" not in names


async def test_a_client_without_an_address_stays_without_one(tmp_path):
    async with listening(tmp_path / OWNER_ID) as seen:
        await hand_over(tmp_path, client=None, headers=[(b"x-doorward-client", b"203.0.113.9")])
    assert seen[0]["client"] is None


async def test_nobody_but_a_worker_can_name_another_address(tmp_path):
    async with listening(tmp_path / OWNER_ID, BoundedProtocol) as seen:
        await hand_over(tmp_path, client=("192.0.2.7", 1))
    assert seen[0]["client"] is None


@asynccontextmanager
async def ending_with(path, last_words):
    """Run a worker that takes one whole request and ends with these bytes; yields the requests it took."""
    taken = []

    async def carry_out(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        taken.append((head, await reader.readexactly(2)))
        writer.write(last_words)
        if last_words:
            await writer.drain()
            writer.close()
        else:
            writer.transport.abort()

    server = await asyncio.start_unix_server(carry_out, str(path))
    try:
        yield taken
    finally:
        server.close()


def request(method):
    return {"type": "http", "method": method, "path": "/mcp", "query_string": b"", "headers": []}


async def unsent(message):
    raise AssertionError(message)


LAST_WORDS = [
    b"",
    b"HTTP/1.1 200 OK\r\ncontent-type: app",
    b"no HTTP at all\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200,
]


@pytest.mark.parametrize("last_words", LAST_WORDS, ids=["none", "half a head", "no HTTP", "too many headers"])
async def test_a_call_that_the_owner_has_taken_is_never_answered_as_if_it_had_not_run(tmp_path, last_words):
    async with ending_with(tmp_path / OWNER_ID, last_words) as taken:
        with pytest.raises(UpstreamError) as caught:
            await WorkerPeers(tmp_path).forward(OWNER_ID, request("POST"), b"{}", asyncio.Event().wait, unsent)
    assert len(taken) == 1
    assert caught.value.fault == "reset"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_session_whose_owner_ends_before_it_answers_is_gone_for_what_runs_nothing(tmp_path, method):
    async with ending_with(tmp_path / OWNER_ID, b"") as taken:
        assert not await WorkerPeers(tmp_path).forward(OWNER_ID, request(method), b"{}", asyncio.Event().wait, unsent)
    assert len(taken) == 1


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("socket_left", [True, False])
async def test_a_session_whose_owner_takes_no_request_is_gone(tmp_path, method, socket_left):
    async with ending_with(tmp_path / OWNER_ID, b""):
        pass
    assert (tmp_path / OWNER_ID).exists()  # as after a crash
    if not socket_left:
        (tmp_path / OWNER_ID).unlink()
    assert not await WorkerPeers(tmp_path).forward(OWNER_ID, request(method), b"{}", asyncio.Event().wait, unsent)


def test_a_worker_that_cannot_listen_for_the_others_ends_with_its_door_closed(tmp_path):
    door = Door(echo_app, public_url="https://mcp.example.com", data_dir=tmp_path, owner_password=PASSWORD)
    nowhere = tmp_path / "no" / "such" / "directory"
    with process.bind("127.0.0.1", 0) as listening, pytest.raises(StartError, match="workers cannot reach"):
        process.serve(door, listening, peer_socket=nowhere)
    with pytest.raises(Unavailable):
        asyncio.run(door.store.get(User, "owner"))


def test_a_directory_that_no_worker_can_listen_in_is_found_before_any_starts(tmp_path):
    run_server._try_peer_socket(tmp_path)
    assert list(tmp_path.iterdir()) == []
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    with pytest.raises(StartError) as caught:
        run_server._try_peer_socket(deep)
    assert "TMPDIR" in caught.value.problem.fix
