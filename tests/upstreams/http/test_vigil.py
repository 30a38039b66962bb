"""Vigils over calls: which timers they set, and when they listen for a disconnect."""

import asyncio

import pytest

from doorward.upstreams.http.vigil import Vigils


class Client:
    """Says nothing until it leaves."""

    def __init__(self):
        self.heard, self.left = asyncio.Event(), asyncio.Event()

    async def receive(self):
        self.heard.set()
        await self.left.wait()
        return {"type": "http.disconnect"}


def timers_of(monkeypatch):
    """Return a list that gets the delays of all timers that are set."""
    loop, delays = asyncio.get_running_loop(), []
    real = loop.call_later
    monkeypatch.setattr(loop, "call_later", lambda delay, *rest: delays.append(delay) or real(delay, *rest))
    return delays


async def test_calls_that_end_at_once_share_one_timer(monkeypatch):
    timers, vigils = timers_of(monkeypatch), Vigils(30)
    for _ in range(20):
        vigils.begin(Client().receive).end()
    assert len(timers) == 1
    vigils.stop()


@pytest.mark.timeout(30)
async def test_only_a_call_that_lasts_is_listened_to():
    vigils, short, long_, later = Vigils(30), Client(), Client(), Client()
    vigils.begin(short.receive).end()
    lasting = vigils.begin(long_.receive)
    await long_.heard.wait()
    following = vigils.begin(later.receive)  # the round was over: it needs one of its own
    await later.heard.wait()
    assert not short.heard.is_set()
    long_.left.set()
    while not lasting.client_gone:
        await asyncio.sleep(0)
    assert not following.client_gone
    lasting.end()
    following.end()
    vigils.stop()


async def test_the_rounds_end_with_the_last_call_that_began_lately(monkeypatch):
    timers, vigils = timers_of(monkeypatch), Vigils(0.001)
    vigils.begin(Client().receive).end()
    other = asyncio.Event()
    asyncio.get_running_loop().call_at(asyncio.get_running_loop().time() + 0.05, other.set)
    await other.wait()
    assert timers == [0.001]
