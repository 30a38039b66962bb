"""Answers whose members are of the wrong type, here one and there one: no check falls over them.

A good server, and after a draw some members of what it says are something else. A seed that fell over once stays.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import Request, Response
from doorward.doctor.engine.rules import profiles
from doorward.doctor.engine.run import examine
from doorward.doctor.report.as_html import as_html
from doorward.doctor.report.as_junit import as_junit
from doorward.doctor.report.formats import as_json, as_lines
from testbed.answers import reply
from testbed.good import GOOD, ORIGIN, Good

CLIENTS = {name: profiles()[name] for name in ("claude", "chatgpt", "vscode", "inspector")}
WRONG: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**70, 1e300, "", " ", "x", "\ufeff", "http://[", "//", "?#", "\x1b[2J", "a" * 3000,
    [], [None], [[]], [{}], ["x", 1], {}, {"a": {}}, {"": []}, {"type": []}, "https://mcp.example.com:99999999/",
    "2099-01-01",
)  # fmt: skip
HEADERS = ("www-authenticate", "content-type", "location", "mcp-session-id", "set-cookie", "date", "cache-control")
TEXTS = (
    "", " ", ",", "Bearer", "Bearer ,", 'Bearer a="', "text/event-stream", "text/html", "http://[", "\u00ff", "=;=",
    "-1",
)  # fmt: skip


class Drawn(Good):
    """Mixed into a good server; each answer may have a few wrong members."""

    draw: random.Random

    def everything(self, request: Request) -> Response:
        try:
            answer = super().everything(request)
        except (KeyError, ValueError, TypeError, AttributeError):
            return reply(500)  # it meets its own wrong members again
        if self.draw.random() < 0.1:
            answer = replace(answer, headers=self.headers(answer.headers))
        try:
            document = json.loads(answer.body)
        except ValueError:
            return answer
        return replace(answer, body=json.dumps(self.spoiled(document, 0)).encode())

    def headers(self, given: Any) -> dict[str, str]:
        return dict(given) | {self.draw.choice(HEADERS): self.draw.choice(TEXTS)}

    def spoiled(self, value: Any, depth: int) -> Any:
        """Replace a member now and then; what is deep is replaced more often than what stops everything."""
        if self.draw.random() < (0.004, 0.02, 0.04, 0.06)[min(depth, 3)]:
            return self.draw.choice(WRONG)
        if isinstance(value, dict):
            return {name: self.spoiled(each, depth + 1) for name, each in value.items()}
        return [self.spoiled(each, depth + 1) for each in value] if isinstance(value, list) else value


@pytest.mark.timeout(60)
@pytest.mark.parametrize("seed", range(60))
async def test_no_check_falls_over_members_of_the_wrong_type(seed):
    draw = random.Random(seed)
    kind = draw.choice(list(GOOD.values()))
    server = type("Spoiled", (Drawn, kind), {"draw": draw})()
    picture = Picture(f"{ORIGIN}/mcp", clients=CLIENTS, may_sign_in=True, callback="http://127.0.0.1:1/cb")
    picture.repeat = draw.choice((0, 2))
    report = await examine(picture, server.send, sign_in=server.person)
    assert report.crashed == ()
    assert "\x1b" not in "".join(as_lines(report)) + as_html(report, examined_at=0) + as_junit(report, strict=True)
    json.dumps(as_json(report), allow_nan=False)
