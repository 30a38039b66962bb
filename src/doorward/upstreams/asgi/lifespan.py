"""The lifespan of a wrapped ASGI app, run in its own task, as its context managers require.

Spec: ASGI 3.0 lifespan.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from doorward.errors import Problem, StartError
from doorward.logs import log
from doorward.upstreams.port import ASGIApp, Message, Scope

_log = logging.getLogger(__name__)


class Lifespan:
    """Starts and stops one app; after a stop or a failed start it can be started again."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._task: asyncio.Task[None] | None = None
        self._renew()
        self.state: dict[str, Any] | None = None
        """The state that the app's lifespan set for its requests; None if it has no lifespan."""

    def _renew(self) -> None:
        self._stopping = asyncio.Event()
        self._reported: asyncio.Queue[Message] = asyncio.Queue()
        self._asked = self._failed = False

    async def start(self) -> None:
        """Wait for the app's start-up. Raises `StartError`."""
        if self._task is not None:
            return
        self._renew()
        state: dict[str, Any] = {}
        self._task = asyncio.create_task(self._run(state), name="doorward: lifespan of the wrapped app")
        message = await self._reported.get()
        if message["type"] == "lifespan.startup.complete":
            self.state = state
        elif message["type"] == "lifespan.startup.failed":
            await self.stop()
            raise StartError(
                Problem(
                    what="The server's own start-up failed.",
                    why=str(message.get("message", "")).strip(),
                    fix="Start the server without Doorward to see it fail by itself.",
                )
            )

    async def stop(self) -> None:
        """Wait for the app's shutdown; safe to call twice."""
        task = self._task
        if task is None:
            return
        self._stopping.set()
        await asyncio.wait([task])
        # Forget the task, or a second start would think that an app that failed or ended is running.
        if self._task is task:
            self._task = self.state = None

    async def _run(self, state: dict[str, Any]) -> None:
        scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
        try:
            await self._app(scope, self._receive, self._send)
        except Exception as error:  # noqa: BLE001  # a raise is how many apps say that they have no lifespan
            if self.state is not None:
                _log.exception("the shutdown of the server behind the door failed")
            elif not self._failed:  # a failure was already reported with the app's own message
                log(_log, logging.INFO, "the app has no lifespan", reason=f"{type(error).__name__}: {error}")
        finally:
            self._reported.put_nowait({"type": "none"})

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "lifespan.startup"}
        await self._stopping.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "lifespan.shutdown.failed":
            log(_log, logging.ERROR, "the shutdown of the server failed", reason=message.get("message", ""))
        self._failed = self._failed or message["type"] == "lifespan.startup.failed"
        self._reported.put_nowait(message)
