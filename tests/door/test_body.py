"""Reading a body: within its limits, and by the same rules whether it is here already or comes."""

from __future__ import annotations

import asyncio

import pytest
from door.fronts import Front, arriving

from doorward.door.body import BODY_LOST, WHOLE_BODY, read_body
from doorward.door.inbound import HeaderSorter
from doorward.door.replies import Refused

LIMIT = 4 * 1024 * 1024
SMALL = 10


@pytest.mark.parametrize("length", [str(4 * LIMIT + 1), "9" * 30, "-1", "1e3", "0x10", "\u0663"])
async def test_a_body_declared_far_too_large_is_refused_before_a_byte_is_read(length):
    async def receive():
        raise AssertionError("the body was read")

    lines = [(b"content-length", length.encode())]
    answer = await Front(auth="none").ask(receive=receive, headers={"content-length": None}, more=lines)
    assert answer.status == 413
    assert answer.one("connection") == "close"


async def test_who_asks_before_sending_too_much_is_told_before_sending(open_front):
    async def receive():
        raise AssertionError("the client was told to go on")

    headers = {"content-length": str(LIMIT + 1), "expect": "100-continue"}
    assert (await open_front.ask(receive=receive, headers=headers)).status == 413


@pytest.mark.parametrize(("declared", "forgotten"), [(None, 4 * LIMIT), (str(2 * LIMIT), 4 * LIMIT)])
async def test_a_body_without_end_is_not_read_without_end(open_front, declared, forgotten):
    read = 0

    async def receive():
        nonlocal read
        read += 65536
        return {"type": "http.request", "body": bytes(65536), "more_body": True}

    answer = await open_front.ask(receive=receive, headers={"content-length": declared})
    assert answer.status == 413
    assert read == forgotten


@pytest.mark.parametrize("declared", [None, str(2 * LIMIT)])
async def test_a_body_too_large_is_read_to_its_end_so_that_the_answer_arrives(open_front, declared):
    parts = [{"type": "http.request", "body": bytes(LIMIT), "more_body": more} for more in (False, True)]
    answer = await open_front.ask(receive=iterating(parts), headers={"content-length": declared})
    assert answer.status == 413
    assert parts == []


async def test_the_rest_of_a_body_too_large_is_not_waited_for_long(open_front, monkeypatch):
    monkeypatch.setattr("doorward.door.body.FORGET_SECONDS", 0.01)
    answer = await open_front.ask(receive=arriving(), headers={"content-length": str(2 * LIMIT)})
    assert answer.status == 413


def iterating(messages):
    async def receive():
        return messages.pop()

    return receive


async def test_a_body_too_large_in_one_piece_is_refused(open_front):
    answer = await open_front.ask(b" " * (LIMIT + 1), headers={"content-length": None})
    assert answer.status == 413


async def test_a_body_in_pieces_reaches_the_upstream_in_one(open_front):
    answer = await open_front.ask(
        receive=arriving(b'{"jsonrpc":"2.0",', b"", b'"id":1,"method":"ping"}'), headers={"content-length": None}
    )
    assert answer.status == 200
    assert open_front.upstream.last.body == b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


@pytest.mark.parametrize("parts", [(), (b"{",)])
async def test_a_client_that_leaves_while_sending_gets_no_answer(open_front, parts):
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]

    async def receive():
        return messages.pop() if messages else {"type": "http.disconnect"}

    answer = await open_front.ask(receive=receive)
    assert answer.status == 0
    assert not open_front.upstream.calls


async def test_a_body_that_does_not_arrive_is_given_up(open_front, monkeypatch):
    monkeypatch.setattr("doorward.door.body.READ_SECONDS", 0.01)
    answer = await open_front.ask(receive=arriving())
    assert answer.status == 408


async def test_a_large_but_permitted_body_passes():
    front = Front(auth="none", body_limit_bytes=100)
    body = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'.ljust(100)
    assert (await front.ask(body)).status == 200
    assert (await front.ask(body + b" ")).status == 413


def request_of(body, *, declared=None, whole=True):
    """Return what `read_body` takes, for a body that the server has as a whole, or that comes in one message."""
    headers = [] if declared is None else [(b"content-length", b"%d" % declared)]

    async def receive():
        assert not whole, "the body was here, and was waited for"
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"extensions": {WHOLE_BODY: lambda scope: body if whole else None}}
    return scope, receive, HeaderSorter().sort(headers), SMALL


@pytest.mark.parametrize("whole", [True, False], ids=["is here", "comes"])
@pytest.mark.parametrize(
    ("body", "declared", "outcome"),
    [
        (b"x" * SMALL, SMALL, b"x" * SMALL),
        (b"x" * SMALL, None, b"x" * SMALL),
        (b"", 0, b""),
        (b"", None, b""),
        (b"x" * (SMALL + 1), None, 413),
        (b"x", 2, 400),
        (b"", 2, 400),
    ],
)
async def test_a_body_is_judged_alike_whether_it_is_here_or_comes(body, declared, outcome, whole):
    reading = read_body(*request_of(body, declared=declared, whole=whole))
    if isinstance(outcome, bytes):
        assert await reading == outcome
        return
    with pytest.raises(Refused) as refused:
        await reading
    assert refused.value.refusal.status == outcome
    if outcome == 400:
        assert refused.value.refusal.message == BODY_LOST


async def test_no_timer_is_set_for_a_body_that_is_here(monkeypatch):
    loop, timers = asyncio.get_running_loop(), []
    real = loop.call_at
    monkeypatch.setattr(loop, "call_at", lambda *given, **more: timers.append(given) or real(*given, **more))
    assert await read_body(*request_of(b"{}", declared=2)) == b"{}"
    assert timers == []
    assert await read_body(*request_of(b"{}", declared=2, whole=False)) == b"{}"
    assert len(timers) == 1


@pytest.mark.parametrize("scope", [{}, {"extensions": None}, {"extensions": {}}])
async def test_another_server_s_scope_is_read_by_receive_alone(scope):
    _, receive, inbound, limit = request_of(b"{}", whole=False)
    assert await read_body(scope, receive, inbound, limit) == b"{}"
