"""Background work: one way to start it, log its faults, continue, and stop it.

A store that is down delays the work, and is logged as a delay. Any other exception is a bug, and is logged with its
traceback. Either way the work runs again after the same pause: a loop that ended silently would fill the disk or leave
keys unrotated.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine

from doorward.errors import StorageError
from doorward.logs import log

LOGGER = logging.getLogger("doorward.upkeep")

Work = Callable[[], Awaitable[object]]
Sleep = Callable[[float], Awaitable[object]]


async def attempt(work: Work, *, delayed: str, expected: tuple[type[Exception], ...] = (StorageError,)) -> bool:
    """Do the work once and return whether it succeeded. `delayed` is the logged event for `expected` errors."""
    try:
        await work()
    except expected as error:
        log(LOGGER, logging.WARNING, delayed, detail=str(error))
    except Exception:
        LOGGER.exception("bug")
    else:
        return True
    return False


async def every(
    seconds: float,
    work: Work,
    *,
    delayed: str,
    expected: tuple[type[Exception], ...] = (StorageError,),
    at_once: bool = False,
    sleep: Sleep = asyncio.sleep,
) -> None:
    """Attempt the work after each pause, until cancelled; `at_once`: also before the first pause."""
    if not at_once:
        await sleep(seconds)
    while True:
        await attempt(work, delayed=delayed, expected=expected)
        await sleep(seconds)


class Upkeep:
    """The background work of one process, started and stopped together."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, name: str, loop: Coroutine[object, object, None]) -> None:
        """Run a loop made by `every` until `stop`."""
        self._tasks.add(asyncio.create_task(loop, name=f"doorward-{name}"))

    async def stop(self) -> None:
        """End all loops and wait for them; safe to call twice."""
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
