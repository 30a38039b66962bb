"""Functions of the operator: one time limit and one wording, and none of them holds up anything else."""

from __future__ import annotations

import asyncio
import functools
import threading
from contextvars import ContextVar
from dataclasses import fields

import pytest
from world import REDIRECT_URI, world

from doorward import hooks
from doorward.hooks import HookFailed, Hooks, ask

MARK: ContextVar[str] = ContextVar("mark", default="")


class Refused(Exception):
    pass


async def asked(hook, **changes):
    return await ask(
        hook, "question", **({"name": "on_thing", "answer": str, "refusals": (Refused,), "seconds": 10} | changes)
    )


async def coroutine(question: str) -> str:
    return f"{question} answered"


def returning_a_coroutine(question: str):
    return coroutine(question)


class Callable:
    def __call__(self, question: str) -> str:
        return f"{question} answered"


class AsyncCallable:
    async def __call__(self, question: str) -> str:
        return f"{question} answered"


@pytest.mark.parametrize(
    "hook",
    [
        coroutine,
        lambda question: f"{question} answered",
        returning_a_coroutine,
        functools.partial(coroutine),
        Callable(),
        AsyncCallable(),
    ],
)
async def test_every_kind_of_function_is_asked_and_answers(hook):
    assert await asked(hook) == "question answered"


def raising(error: BaseException, *, is_async: bool):
    def plain(question):
        raise error

    async def later(question):
        raise error

    return later if is_async else plain


@pytest.mark.parametrize(
    ("error", "is_async"),
    [
        (ValueError("secret"), True),
        (ValueError("secret"), False),
        (TimeoutError(), True),
        (TimeoutError(), False),
        (HookFailed("x"), True),
        (StopIteration(), False),
        (SystemExit(1), False),
    ],
)
async def test_what_it_raises_is_a_failure_that_names_the_kind(error, is_async):
    with pytest.raises(HookFailed, match=r"^on_thing raised ") as failed:
        await asked(raising(error, is_async=is_async))
    assert "secret" not in str(failed.value)
    assert failed.value.__cause__ is not None


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_refusal_passes_as_it_is(is_async):
    with pytest.raises(Refused):
        await asked(raising(Refused(), is_async=is_async))


@pytest.mark.parametrize("value", [7, b"", True, ["x"]])
async def test_an_answer_of_another_type_is_a_failure(value):
    with pytest.raises(HookFailed, match=r"^on_thing must return str or None, not "):
        await asked(lambda _: value)


async def test_a_coroutine_that_never_returns_is_cut_off():
    async def never(question):
        await asyncio.Event().wait()

    with pytest.raises(HookFailed, match=r"^on_thing took longer than 0 seconds$"):
        await asked(never, seconds=0)


async def test_a_function_that_blocks_is_given_up_and_holds_up_nobody():
    release = threading.Event()
    with pytest.raises(HookFailed, match=r"^on_thing took longer than"):
        await asked(lambda _: release.wait() and None, seconds=0.01)
    assert await asked(lambda question: question) == "question"
    release.set()


async def test_functions_that_block_for_good_use_up_their_threads_and_then_everything_is_refused(monkeypatch):
    monkeypatch.setattr(hooks, "_THREADS", hooks._Threads(2))
    release = threading.Event()
    for _ in range(4):
        with pytest.raises(HookFailed, match="took longer"):
            await asked(lambda _: release.wait() and None, seconds=0.01)
    assert sum(each.name == "doorward-hook" and each.daemon for each in threading.enumerate()) >= 2
    release.set()
    assert await asked(lambda question: question) == "question"


async def test_many_at_once_are_answered_by_a_few_threads(monkeypatch):
    monkeypatch.setattr(hooks, "_THREADS", hooks._Threads(3))
    answers = await asyncio.gather(*(ask(str, number, name="n", answer=str, seconds=10) for number in range(200)))
    assert answers == [str(number) for number in range(200)]
    assert hooks._THREADS._started <= 3


async def test_a_plain_function_sees_the_context_of_the_request():
    MARK.set("here")
    assert await asked(lambda _: MARK.get()) == "here"


@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize("hook", [each.name for each in fields(Hooks)])
async def test_each_function_of_a_door_has_the_time_limit(tmp_path, monkeypatch, hook, is_async):
    release = threading.Event()

    def blocks(question):
        release.wait()

    async def never(question):
        await asyncio.Event().wait()

    async with world(tmp_path, **{hook: never if is_async else blocks}) as w, w.browser() as http:
        client = "" if hook == "on_register" else (await w.register())["client_id"]
        code = await w.code(client) if hook == "on_token" else ""
        monkeypatch.setattr(hooks, "HOOK_SECONDS", 0.01)
        if hook == "on_register":
            answer = await http.post("/register", json={"redirect_uris": [REDIRECT_URI]})
        elif hook == "verify_token":
            answer = await w.call("a-token-of-another-issuer")
        else:
            answer = await w.redeem(client, code or "wrong")
        assert answer.status_code == (400 if hook == "on_error" else 500)
        assert (await http.get("/livez")).status_code == 200
        release.set()
