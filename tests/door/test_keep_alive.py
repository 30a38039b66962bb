from __future__ import annotations

import asyncio

import pytest
from door.fronts import Answer, Front, Recording, legacy

from doorward.door.keep_alive import EVERY_SECONDS, FIRST_SECONDS, KeptAliveStream
from doorward.mcp.sse import KEEP_ALIVE

EVENTS = b"event: message\r\ndata: {}\r\n\r\n"


def event(data: bytes, *, more: bool = True):
    return {"type": "http.response.body", "body": data, "more_body": more}


class Scheduler:
    """An event loop's clock, moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay, callback):
        timer = Timer(self.now + delay, callback)
        self.timers.append(timer)
        return timer

    async def advance(self, seconds: float) -> None:
        self.now += seconds
        due, self.timers = [t for t in self.timers if t.at <= self.now], [t for t in self.timers if t.at > self.now]
        for timer in due:
            if not timer.cancelled:
                timer.callback()
        for _ in range(3):
            await asyncio.sleep(0)


class Timer:
    def __init__(self, at, callback) -> None:
        self.at, self.callback, self.cancelled = at, callback, False

    def cancel(self) -> None:
        self.cancelled = True


class Wire:
    """What the client gets; can be held up."""

    def __init__(self) -> None:
        self.parts = []
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.error = None

    async def send(self, message) -> None:
        await self.is_open.wait()
        if self.error is not None:
            raise self.error
        self.parts.append(message["body"])


@pytest.mark.requirement("T18")
async def test_a_stream_that_says_nothing_gets_a_comment_soon_and_then_regularly():
    wire, scheduler = Wire(), Scheduler()
    KeptAliveStream(wire.send, scheduler)
    await scheduler.advance(FIRST_SECONDS)
    assert wire.parts == [KEEP_ALIVE]
    await scheduler.advance(EVERY_SECONDS)
    await scheduler.advance(EVERY_SECONDS)
    assert wire.parts == [KEEP_ALIVE] * 3


async def test_silence_is_counted_from_the_last_bytes():
    wire, scheduler = Wire(), Scheduler()
    stream = KeptAliveStream(wire.send, scheduler)
    await stream.send_body(event(EVENTS))
    await scheduler.advance(FIRST_SECONDS)
    assert wire.parts == [EVENTS]
    await scheduler.advance(EVERY_SECONDS - FIRST_SECONDS - 1)
    await stream.send_body(event(EVENTS))
    await scheduler.advance(1)
    assert wire.parts == [EVENTS, EVENTS]
    await scheduler.advance(EVERY_SECONDS - 1)
    assert wire.parts == [EVENTS, EVENTS, KEEP_ALIVE]


async def test_no_comment_is_written_into_an_unfinished_event():
    wire, scheduler = Wire(), Scheduler()
    stream = KeptAliveStream(wire.send, scheduler)
    await stream.send_body(event(b"data: half"))
    for _ in range(5):
        await scheduler.advance(EVERY_SECONDS)
    assert wire.parts == [b"data: half"]
    await stream.send_body(event(b"\n\n"))
    for _ in range(2):
        await scheduler.advance(EVERY_SECONDS)
    assert KEEP_ALIVE in wire.parts


async def test_a_slow_reader_is_not_sent_comments():
    wire, scheduler = Wire(), Scheduler()
    stream = KeptAliveStream(wire.send, scheduler)
    wire.is_open.clear()
    sending = asyncio.create_task(stream.send_body(event(EVENTS)))
    await asyncio.sleep(0)
    for _ in range(3):
        await scheduler.advance(EVERY_SECONDS)
    wire.is_open.set()
    await sending
    assert wire.parts == [EVENTS]


async def test_the_next_bytes_wait_until_a_comment_is_out():
    wire, scheduler = Wire(), Scheduler()
    stream = KeptAliveStream(wire.send, scheduler)
    wire.is_open.clear()
    await scheduler.advance(FIRST_SECONDS)
    sending = asyncio.create_task(stream.send_body(event(b"data: ")))
    await asyncio.sleep(0)
    await scheduler.advance(EVERY_SECONDS)
    wire.is_open.set()
    await sending
    assert wire.parts == [KEEP_ALIVE, b"data: "]


async def test_an_ended_stream_gets_no_more_comments():
    wire, scheduler = Wire(), Scheduler()
    stream = KeptAliveStream(wire.send, scheduler)
    wire.is_open.clear()
    await scheduler.advance(FIRST_SECONDS)
    stream.stop()
    wire.is_open.set()
    await scheduler.advance(EVERY_SECONDS)
    assert wire.parts == []


async def test_a_client_that_is_gone_ends_the_comments():
    wire, scheduler = Wire(), Scheduler()
    KeptAliveStream(wire.send, scheduler)
    wire.error = ConnectionResetError()
    await scheduler.advance(FIRST_SECONDS)
    wire.error = None
    await scheduler.advance(EVERY_SECONDS)
    assert wire.parts == []


async def test_a_silent_stream_of_a_real_door_is_kept_alive(monkeypatch):
    monkeypatch.setattr("doorward.door.keep_alive.FIRST_SECONDS", 0.001)
    spoken = asyncio.Event()

    async def handle(call, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await spoken.wait()
        await send({"type": "http.response.body", "body": EVENTS})

    class Listening(Answer):
        async def take(self, message):
            await super().take(message)
            if message.get("body") == KEEP_ALIVE:
                spoken.set()

    front = Front(Recording(handle), auth="none")
    monkeypatch.setattr("door.fronts.Answer", Listening)
    answer = await front.ask(legacy())
    assert answer.parts == [KEEP_ALIVE, EVENTS]
