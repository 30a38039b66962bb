"""The connection of another worker."""

from __future__ import annotations

import asyncio

import pytest
from cli.test_http_cycle import HEAD, Wire
from uvicorn import Config
from uvicorn.server import ServerState

from doorward.cli.http_protocol import BoundedProtocol
from doorward.cli.peer_protocol import PeerProtocol
from doorward.door.worker_peers import CLIENT_ADDRESS


@pytest.mark.parametrize(("protocol", "client"), [(PeerProtocol, ("192.0.2.7", 0)), (BoundedProtocol, None)])
async def test_only_another_worker_names_the_client(protocol, client):
    seen = []

    async def app(scope, receive, send):
        seen.append((scope["client"], dict(scope["headers"]).get(CLIENT_ADDRESS)))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})

    config = Config(app, ws="none", lifespan="off", log_config=None, proxy_headers=False)
    config.load()
    state, wire = ServerState(), Wire()
    connection = protocol(config, state, {})
    connection.connection_made(wire)
    connection.data_received(b"GET / HTTP/1.1\r\nhost: door\r\n%b: 192.0.2.7\r\n\r\n" % CLIENT_ADDRESS)
    await asyncio.gather(*state.tasks)
    connection.connection_lost(None)
    assert seen == [(client, None if client else b"192.0.2.7")]
    assert wire.written == [HEAD + b"{}"]
