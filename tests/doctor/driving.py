"""Drives one check with answers that a test hands it: no network, no server, no event loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from doorward.doctor.engine.check import Check, Finding, Picture
from doorward.doctor.engine.parts import Metadata, Reached
from doorward.doctor.engine.requests import Request, Response, Together


def pictured(
    url: str, *, server: Any = None, resource: Any = None, documents: tuple[str, ...] = (), **seen: Any
) -> Picture:
    """Return the picture of a server of which this was seen: answers without a token, and documents."""
    reached = Reached(url)
    for name in ("initialize", "discover"):
        if name in seen:
            reached = replace(reached, **{name: seen.pop(name)})
    return Picture(
        url,
        reached=reached,
        server_metadata=None if server is None else Metadata(server),
        resource_metadata=Metadata(resource or {}, documents) if documents or resource is not None else None,
        **seen,
    )


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
