"""Answers in which any member may be anything: no check crashes, and each examination ends with a report."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from doctor.examining import URL

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import Response
from doorward.doctor.engine.run import examine
from testbed.good import Good, SignedTokens

ODD = (
    None, 0, -1, 1.5, 10**400, True, "", "x" * 500, "\x1b[2J", "\xe9", "none", "http://[", "http://h:99999999/",
    "file:///x", [], [None], [[]], [{}], ["a", 1], {}, {"a": 1},
)  # fmt: skip
STATUSES = (0, 200, 201, 204, 301, 307, 400, 401, 403, 404, 429, 500, 503)
HEADERS = ("location", "set-cookie", "content-type", "www-authenticate", "date", "cache-control")
PLACES = (
    "/token", "/jwks", "/register", "/revoke", "/authorize", "/mcp",
    "/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource",
)  # fmt: skip
BASELINES = (None, {}, {"server": 1, "kids": 3}, {"resource": {"resource": {}}, "kids": [1, None, {}]})


def changed(value: object, chance: random.Random) -> object:
    """Return the value with something odd in it, at any depth."""
    if not isinstance(value, dict) or not value or chance.random() < 0.25:
        return chance.choice(ODD)
    name = chance.choice(sorted(value))
    if chance.random() < 0.2:
        return {key: each for key, each in value.items() if key != name}
    return value | {name: changed(value[name], chance) if chance.random() < 0.4 else chance.choice(ODD)}


def odd(kind: type[Good], place: str, chance: random.Random) -> Good:
    """Make a server that answers oddly at one place, each time or now and then."""
    share = chance.choice([0.1, 0.5, 1])

    class Odd(kind):
        """Odd at one place."""

        def everything(self, request):
            answer = super().everything(request)
            if place not in request.url or chance.random() > share:
                return answer
            if chance.random() < 0.3:
                answer = replace(answer, status=chance.choice(STATUSES))
            if chance.random() < 0.2:
                answer = replace(answer, headers={**answer.headers, chance.choice(HEADERS): str(chance.choice(ODD))})
            try:
                body = json.loads(answer.body)
            except ValueError:
                return answer
            return replace(answer, body=json.dumps(changed(body, chance)).encode())

    return Odd()


@pytest.mark.parametrize("seed", range(150))
async def test_no_check_crashes_whatever_a_member_is(seed):
    chance = random.Random(seed)
    server = odd(chance.choice([Good, SignedTokens]), chance.choice(PLACES), chance)

    async def send(request):
        try:
            return await server.send(request)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return Response(500)  # the server fell over its own oddity

    async def person(ask):
        try:
            return server.sign_in(ask)
        except (AttributeError, LookupError, TypeError, ValueError):
            return Response(0, fault="timeout")

    picture = Picture(URL, may_sign_in=True, repeat=chance.choice([0, 1, 2]), baseline=chance.choice(BASELINES))
    report = await examine(picture, send, sign_in=person)
    assert report.crashed == ()
