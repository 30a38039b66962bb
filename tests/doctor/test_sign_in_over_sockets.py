"""The sign-in over real sockets: a browser that follows redirects as browsers do, the listener, and a server."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.run import Report, examine
from doorward.doctor.network.callback import listening
from doorward.doctor.network.sending import Network
from testbed.broken import BROKEN
from testbed.good import Good
from testbed.serving import serving


async def examined(kind: type[Good]) -> Report:
    """Examine with a person who presses the button of the page, in a browser that follows where it is sent."""
    pressed: set[asyncio.Task] = set()

    async def press(url: str) -> None:
        async with httpx2.AsyncClient(follow_redirects=True) as browser:
            await browser.post(url)

    async with (
        serving(kind) as url,
        listening(lambda ask: pressed.add(asyncio.create_task(press(ask.url)))) as callback,
    ):
        network = Network(allow_private=True, timeout_seconds=10)
        picture = Picture(url, may_sign_in=True, callback=callback.url)
        try:
            return await examine(picture, network.send, sign_in=callback.sign_in)
        finally:
            await network.close()
            await asyncio.gather(*pressed)


@pytest.mark.parametrize(
    "rule", ["", "AUT-05", "AUT-06", "STO-02", "TOK-05", "TOK-07", "TOK-08", "RS-01", "RS-05", "RS-06", "RS-07"]
)
async def test_what_a_sign_in_shows_is_the_same_over_a_network(rule):
    report = await examined(BROKEN[rule].server if rule else Good)
    assert [finding.rule for finding in report.findings if finding.verdict != "note"] == [rule] * bool(rule)
    assert not report.crashed
