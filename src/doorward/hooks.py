"""The operator's hooks: which exist, and one way to call them, with one time limit and the same errors.

A coroutine function runs on the event loop. Any other function runs in a thread, because it may block, and an
operator's function must not block other requests. A function that never returns keeps its thread. If all threads are in
use, further calls fail at the time limit, so a hanging function never allows anything.

`Hooks` is passed to the parts that call them. Each part decides what to do with the result.
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

from doorward.oauth.clients.registration_question import RegistrationRefused, RegistrationRequest
from doorward.oauth.tokens.terms import TokenRefused, TokenRequest, TokenTerms
from doorward.oauth.tokens.verified import CallRefused, VerifiedToken

Question = TypeVar("Question")
Answer = TypeVar("Answer")

HOOK_SECONDS = 10.0
"""Time limit of a hook; clients do not wait much longer."""
THREADS = 16
"""The most threads for functions that are not coroutine functions."""


class HookFailed(Exception):
    """The hook raised, took too long or returned the wrong type. A bug in the operator's code."""


@dataclass(frozen=True, slots=True)
class OAuthFault:
    """One error, before its response is sent. Holds no secret."""

    error: str
    """The error code on the wire."""
    status: int
    """303: the browser takes the error back to the client."""
    reason: str
    """The exact cause, never on the wire. `store_unavailable`, `fetch_failed` and `bug` are not refusals."""
    endpoint: str
    """The first segment of the path."""
    request_id: str
    """The id in the log and in the header `X-Request-Id`."""
    client_id: str
    """The client id in the request, verified or not. Empty if none can be read."""


OnRegister = Callable[[RegistrationRequest], str | Awaitable[str | None] | None]
"""Decide about a registration: return None to allow it, return the sentence that refuses it, or raise
`RegistrationRefused` to refuse it with another code and status."""
OnToken = Callable[[TokenRequest], TokenTerms | Awaitable[TokenTerms | None] | None]
"""Decide about new tokens: return None to keep them, return reduced terms, or raise `TokenRefused`."""
OnError = Callable[[OAuthFault], str | Awaitable[str | None] | None]
"""Receive an error: return None, or another description for a 4xx response."""
VerifyToken = Callable[[str], VerifiedToken | Awaitable[VerifiedToken | None] | None]
"""Verify a bearer token of another issuer: return its contents, None if it is invalid, or raise `CallRefused`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """The hooks that an operator configured. A missing one answers None."""

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
        """Ask `on_token`, and return the reduced terms of the tokens, or None.

        Raises:
            TokenRefused: the function refuses them.
            HookFailed: as for `ask`.
        """
        return await _answer(self.on_token, question, "on_token", TokenTerms, TokenRefused)

    async def error(self, fault: OAuthFault) -> str | None:
        """Report a fault to `on_error`, and return its description for the response, or None. Raises `HookFailed`."""
        return await _answer(self.on_error, fault, "on_error", str)

    async def verify(self, presented: str) -> VerifiedToken | None:
        """Ask `verify_token`, and return the contents of the token, or None.

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
    """Call an operator's function and return its answer: an `answer`, or None.

    `refusals` are the exceptions with which the function refuses; they pass unchanged.

    Raises:
        HookFailed: there is no valid answer; the function's exception is the cause.
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
        # Wrap errors of this package too: passed on, they would look like a refusal or a fault of our store.
        raise HookFailed(f"{name} raised {type(error).__name__}") from error
    if found is not None and not isinstance(found, answer):
        raise HookFailed(f"{name} must return {answer.__name__} or None, not {type(found).__name__}")
    return found


def _is_coroutine(hook: Callable[..., object]) -> bool:
    return inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(getattr(hook, "__call__", None))  # noqa: B004


class _Threads:
    """A few threads that, unlike an executor's, never keep the process from exiting."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._started = 0
        self._idle = 0
        self._lock = threading.Lock()
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    async def run(self, function: Callable[[Question], object], question: Question) -> object:
        """Call a function in a thread, and return its result or raise its exception."""
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
