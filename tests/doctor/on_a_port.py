"""A server of the test bed on a real port of this process, for what starts programs that ask it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from concurrent.futures import Future
from threading import Thread

from testbed.good import Good
from testbed.serving import serving


@contextlib.contextmanager
def on_a_port(kind: type[Good]) -> Iterator[Good]:
    """Serve in a thread until the block ends; the server keeps what was asked in `requests`."""
    made: list[Good] = []

    class Kept(kind):
        def __init__(self, *arguments, **more):
            super().__init__(*arguments, **more)
            made.append(self)

    ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        async with serving(Kept):
            ended = asyncio.Event()
            ready.set_result((asyncio.get_running_loop(), ended))
            await ended.wait()

    thread = Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    loop, ended = ready.result(30)
    try:
        yield made[0]
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
