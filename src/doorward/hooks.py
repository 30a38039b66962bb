"""Functions of the operator: one way to call them, one time limit, one wording for what goes wrong.

A coroutine function runs on the event loop. Any other function runs in a thread, because it may block, and nothing of
the operator's may hold up the other requests. A function that never returns keeps its thread. If all threads are kept,
further calls fail by the time limit, so nothing is ever allowed because a function hangs.

Knows neither what is asked nor what follows from the answer.
"""

from __future__ import annotations

import asyncio
import inspect
import queue
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Any, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")

HOOK_SECONDS = 10.0
"""How long a function may take; clients do not wait much longer."""
THREADS = 16
"""Functions that are not coroutine functions run in at most so many threads at once."""


class HookFailed(Exception):
    """The function raised, took too long or returned the wrong type. A bug of the operator's."""


async def ask(
    hook: Callable[[Question], Answer | Awaitable[Answer | None] | None],
    question: Question,
    *,
    name: str,
    answer: type[Answer],
    refusals: tuple[type[Exception], ...] = (),
    seconds: float = HOOK_SECONDS,
) -> Answer | None:
    """Call a function of the operator and return its answer: an `answer`, or None.

    `refusals` are the exceptions by which the function says no; they pass unchanged.

    Raises:
        HookFailed: there is no answer to go by; what the function raised is the cause.
    """
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            found: Any = hook(question) if _is_coroutine(hook) else await _THREADS.run(hook, question)
            if inspect.isawaitable(found):
                found = await found
    except refusals:
        raise
    except Exception as error:
        if limit.expired():
            raise HookFailed(f"{name} took longer than {seconds:g} seconds") from None
        # Also an error of this package: passed on, it would be a verdict, or a fault of this store.
        raise HookFailed(f"{name} raised {type(error).__name__}") from error
    if found is not None and not isinstance(found, answer):
        raise HookFailed(f"{name} must return {answer.__name__} or None, not {type(found).__name__}")
    return found


def _is_coroutine(hook: Callable[..., object]) -> bool:
    return inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(getattr(hook, "__call__", None))  # noqa: B004


class _Threads:
    """A few threads that never keep the process from ending, as those of an executor would."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._started = 0
        self._idle = 0
        self._lock = threading.Lock()
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    async def run(self, function: Callable[[Question], object], question: Question) -> object:
        """Call a function in a thread, and return or raise what it does."""
        loop, context = asyncio.get_running_loop(), copy_context()
        done: asyncio.Future[tuple[object, BaseException | None]] = loop.create_future()

        def settle(outcome: tuple[object, BaseException | None]) -> None:
            if not done.done():
                done.set_result(outcome)

        def work() -> None:
            if done.cancelled():  # the caller has given up before there was a thread
                return
            try:
                outcome: tuple[object, BaseException | None] = (context.run(function, question), None)
            except BaseException as error:  # noqa: BLE001  it belongs to the caller
                outcome = (None, error)
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(settle, outcome)

        self._submit(work)
        result, error = await done
        if error is None:
            return result
        raise error if isinstance(error, Exception) else RuntimeError(repr(error)) from error

    def _submit(self, work: Callable[[], None]) -> None:
        self._work.put(work)
        with self._lock:
            if self._idle >= self._work.qsize() or self._started >= self._most:
                return
            self._started += 1
        threading.Thread(target=self._serve, name="doorward-hook", daemon=True).start()

    def _serve(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            work = self._work.get()
            with self._lock:
                self._idle -= 1
            work()


_THREADS = _Threads(THREADS)
