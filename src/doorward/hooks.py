"""The operator's own functions: which there are, and one way to call them, with one time limit and one wording.

A coroutine function runs on the event loop. Any other function runs in a thread, because it may block, and nothing of
the operator's may hold up the other requests. A function that never returns keeps its thread. If all threads are kept,
further calls fail by the time limit, so nothing is ever allowed because a function hangs.

`Hooks` is handed to the parts that ask. Each part decides what follows from the answer.
"""

from __future__ import annotations

import asyncio
import inspect
import queue
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, TypeVar

from doorward.oauth.clients.registration_policy import RegistrationRefused, RegistrationRequest
from doorward.oauth.tokens.terms import TokenRefused, TokenRequest, TokenTerms
from doorward.oauth.tokens.verified import CallRefused, VerifiedToken

Question = TypeVar("Question")
Answer = TypeVar("Answer")

HOOK_SECONDS = 10.0
"""How long a function may take; clients do not wait much longer."""
THREADS = 16
"""Functions that are not coroutine functions run in at most so many threads at once."""


class HookFailed(Exception):
    """The function raised, took too long or returned the wrong type. A bug of the operator's."""


@dataclass(frozen=True, slots=True)
class OAuthFault:
    """One error that is about to be answered. Holds no secret."""

    error: str
    """The code, as on the wire."""
    status: int
    """303: it goes back to the client with the browser."""
    reason: str
    """Why, precisely; never on the wire. `store_unavailable`, `fetch_failed` and `bug` are no verdicts."""
    endpoint: str
    """The first part of the path."""
    request_id: str
    """As in the log, and in the header `X-Request-Id`."""
    client_id: str
    """The client that the request names, proved or not. Empty: none that can be read."""


OnRegister = Callable[[RegistrationRequest], str | Awaitable[str | None] | None]
"""Decide about a registration: return None to allow it, return the sentence that refuses it, or raise
`RegistrationRefused` to refuse it with another code and status."""
OnToken = Callable[[TokenRequest], TokenTerms | Awaitable[TokenTerms | None] | None]
"""Decide about new tokens: return None to keep them as they are, return what to take off, or raise `TokenRefused`."""
OnError = Callable[[OAuthFault], str | Awaitable[str | None] | None]
"""Hear of an error: return None, or what to say instead if the answer is a 4xx."""
VerifyToken = Callable[[str], VerifiedToken | Awaitable[VerifiedToken | None] | None]
"""Verify a bearer token of another issuer: return what it says, None if it is invalid, or raise `CallRefused`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """The functions that an operator has given to the server. A missing one answers None."""

    on_register: OnRegister | None = None
    on_token: OnToken | None = None
    on_error: OnError | None = None
    verify_token: VerifyToken | None = None

    async def register(self, question: RegistrationRequest) -> str | None:
        """Ask `on_register`, and return the sentence that refuses the registration, or None.

        Raises:
            RegistrationRefused: the function refuses it.
            HookFailed: as for `ask`.
        """
        return await _answer(self.on_register, question, "on_register", str, RegistrationRefused)

    async def token(self, question: TokenRequest) -> TokenTerms | None:
        """Ask `on_token`, and return what it takes off the tokens, or None.

        Raises:
            TokenRefused: the function refuses them.
            HookFailed: as for `ask`.
        """
        return await _answer(self.on_token, question, "on_token", TokenTerms, TokenRefused)

    async def error(self, fault: OAuthFault) -> str | None:
        """Report a fault to `on_error`, and return what it wants said, or None. Raises `HookFailed`."""
        return await _answer(self.on_error, fault, "on_error", str)

    async def verify(self, presented: str) -> VerifiedToken | None:
        """Ask `verify_token`, and return what the token stands for, or None.

        Raises:
            CallRefused: the function refuses the call.
            HookFailed: as for `ask`.
        """
        return await _answer(self.verify_token, presented, "verify_token", VerifiedToken, CallRefused)


NO_HOOKS = Hooks()


async def _answer(
    hook: Callable[[Question], Answer | Awaitable[Answer | None] | None] | None,
    question: Question,
    name: str,
    answer: type[Answer],
    *refusals: type[Exception],
) -> Answer | None:
    if hook is None:
        return None
    return await ask(hook, question, name=name, answer=answer, refusals=refusals, seconds=HOOK_SECONDS)


async def ask(
    hook: Callable[[Question], Answer | Awaitable[Answer | None] | None],
    question: Question,
    *,
    name: str,
    answer: type[Answer],
    refusals: tuple[type[Exception], ...] = (),
    seconds: float,
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
