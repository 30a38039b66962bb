"""A server of the test bed on a real port of this process, for what starts programs that ask it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import uvicorn

from testbed.good import Good
from testbed.serving import application


@contextlib.contextmanager
def on_a_port(kind: type[Good]) -> Iterator[Good]:
    """Serve in a thread until the block ends, and keep what was asked."""

    class Recorded(kind):
        def everything(self, request):
            self.requests.append(request)
            return super().everything(request)

    listener = socket.create_server(("127.0.0.1", 0))
    server = Recorded(f"http://127.0.0.1:{listener.getsockname()[1]}")
    program = uvicorn.Server(uvicorn.Config(application(server), log_level="error", lifespan="off"))
    thread = threading.Thread(target=program.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield server
    finally:
        program.should_exit = True
        thread.join()
        listener.close()
