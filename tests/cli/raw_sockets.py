"""An application behind our own HTTP protocol on a real socket, and a client that sends bytes."""

import asyncio
from contextlib import asynccontextmanager

import uvicorn
from uvicorn.server import ServerState

from doorward.cli.http_protocol import BoundedProtocol


@asynccontextmanager
async def serving(app, *, protocol=BoundedProtocol, keep_alive=5, **limits):
    """Serve `app`, and yield the streams of one connection to it."""
    config = uvicorn.Config(
        app, http=BoundedProtocol, ws="none", lifespan="off", log_config=None, timeout_keep_alive=keep_alive
    )
    config.load()
    server = await asyncio.get_running_loop().create_server(
        lambda: protocol(config=config, server_state=ServerState(), app_state={}, **limits), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()


class Echo:
    """Answers 200 with the body that it was sent, and keeps what it was asked; `/mute` is answered without reading."""

    def __init__(self):
        self.asked = []

    async def __call__(self, scope, receive, send):
        body, more = b"", scope["path"] != "/mute"
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.asked.append((scope["method"], scope["path"], body, dict(scope["headers"])))
        said = scope["path"].encode() + b"=" + body
        length = (b"content-length", b"%d" % len(said))
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": said})
