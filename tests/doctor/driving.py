"""Drives one check with answers that a test hands it: no network, no server, no event loop."""

from __future__ import annotations

from collections.abc import Callable

from doorward.doctor.engine.check import Check, Finding, Picture
from doorward.doctor.engine.requests import Request, Response, Together


def driven(check: Check, picture: Picture, answer: Callable[[Request], Response]) -> list[Finding]:
    """Run a check to its end, and return its findings."""
    steps = check(picture)
    try:
        ask = next(steps)
        while True:
            asked = ask.requests if isinstance(ask, Together) else (ask,)
            answers = tuple(answer(each) for each in asked)
            ask = steps.send(Response(0, parts=answers) if isinstance(ask, Together) else answers[0])
    except StopIteration as end:
        return list(end.value)
