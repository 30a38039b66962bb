"""Two doors of one installation: what belongs to one opens nothing at the other, and one can be taken away."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from dataclasses import replace

import pytest
from door.fronts import META, Answer, Front, Recording, answer_json, legacy, modern_headers
from door.test_sessions import answer_with_session
from one_door import one_door

from doorward import logs
from doorward.config.policy import resource_of
from doorward.door.door import McpDoor
from doorward.door.refusal_counts import Refusals
from doorward.oauth.policy import Policy, by_uri

FILES, TIME = "/files/mcp", "/time/mcp"


async def serve(call, receive, send) -> None:
    in_session = call.rpc_method == "initialize" or call.mcp_session_id is not None
    await (answer_with_session if in_session else answer_json)(call, receive, send)


class Installation:
    """A front with two doors, `files` and `time`, that share everything but their upstreams."""

    def __init__(self) -> None:
        self.front = Front(Recording(serve), path=FILES)
        self.told: list = []
        time = one_door(public_url=self.front.origin, host="0.0.0.0", path=TIME)
        resources = by_uri(self.front.resource, resource_of(time))
        self.front.policy = Policy(issuer=self.front.origin, resources=resources)
        self.refusals = Refusals(self.told.append)
        self.files = self.front.another_worker(refusals=self.refusals)
        self.files_upstream = self.front.upstream
        self.front.config, self.front.resource = time, resource_of(time)
        self.front.upstream = Recording(serve)
        self.time = self.front.another_worker(refusals=self.refusals)

    async def token(self, door: str) -> str:
        return await self.front.access_token(resource=self.front.origin + door)

    async def ask(self, door: McpDoor, body=None, **arguments) -> Answer:
        return await self.front.ask(body, door=door, **arguments)


@pytest.fixture
async def both() -> Installation:
    made = Installation()
    await made.front.store.open()
    return made


async def test_a_token_of_one_door_is_refused_at_the_other_with_the_challenge_of_the_other(both):
    token = await both.token(FILES)
    assert (await both.ask(both.files, legacy(), token=token)).status == 200
    answer = await both.ask(both.time, legacy(), token=token)
    assert answer.status == 401
    challenge = answer.one("www-authenticate")
    assert f'resource_metadata="{both.front.origin}/.well-known/oauth-protected-resource{TIME}"' in challenge
    assert 'error="invalid_token"' in challenge
    assert both.front.upstream.calls == []


async def test_a_header_token_of_one_door_is_refused_at_the_other_with_the_challenge_of_the_other(both):
    token = await both.front.header_token(door=resource_of(both.front.config).name)
    assert (await both.ask(both.time, legacy(), token=token)).status == 200
    answer = await both.ask(both.files, legacy(), token=token)
    assert answer.status == 401
    challenge = answer.one("www-authenticate")
    assert f'resource_metadata="{both.front.origin}/.well-known/oauth-protected-resource{FILES}"' in challenge
    assert 'error="invalid_token"' in challenge
    assert both.files_upstream.calls == []


async def test_a_header_token_without_a_door_follows_the_default_door(both):
    token = await both.front.header_token()
    doors = (both.files, both.time)
    assert [(await both.ask(door, legacy(), token=token)).status for door in doors] == [200, 200]
    for door in doors:
        door.follow(replace(both.front.policy, default_door=both.time.name))
    assert [(await both.ask(door, legacy(), token=token)).status for door in doors] == [401, 200]


async def test_a_session_of_one_door_is_not_found_at_the_other(both):
    opened = await both.ask(both.files, legacy("initialize"), token=await both.token(FILES))
    session = {"mcp-session-id": opened.one("mcp-session-id")}
    assert (await both.ask(both.files, legacy(), token=await both.token(FILES), headers=session)).status == 200
    other = await both.ask(both.time, legacy(rpc_id=3), token=await both.token(TIME), headers=session)
    assert (other.status, other.json["id"]) == (404, 3)
    assert both.front.upstream.calls == []


async def test_refusals_and_counts_are_those_of_the_door_that_refused(both):
    token = await both.token(FILES)
    await both.ask(both.time, legacy(), token=token)
    await both.ask(both.files, legacy(), token=token)
    both.refusals.tell()
    assert [(each.detail["door"], each.reason) for each in both.told] == [("time-mcp", "wrong_resource")]
    assert dict(both.time.counts.requests) == {("refused", 401, "", "wrong_resource"): 1}
    assert dict(both.files.counts.requests) == {("served", 200, "legacy", ""): 1}


async def test_every_line_of_the_log_about_a_request_names_its_door(both):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonFormatter())
    logger = logging.getLogger("doorward.door")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        for door, path in ((both.files, FILES), (both.time, TIME)):
            await asyncio.create_task(both.ask(door, legacy(), token=await both.token(path)))
            await asyncio.create_task(both.ask(door, legacy(), token="nonsense"))
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    told = [(line["event"], line["door"]) for line in lines if line["event"] in {"served", "refused"}]
    assert told == [(event, door) for door in ("files-mcp", "time-mcp") for event in ("served", "refused")]


def listening(upstream: Recording) -> asyncio.Event:
    """Have an upstream open a stream and keep it until it hears that it should end."""
    begun = asyncio.Event()

    async def keep(call, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b": open\n\n", "more_body": True})
        begun.set()
        await receive()
        await send({"type": "http.response.body", "body": b""})

    upstream.answer = keep
    return begun


async def test_a_door_that_is_taken_away_ends_its_streams_and_is_not_found_any_more(both):
    token, begun = await both.token(TIME), listening(both.front.upstream)
    body = {"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": {"_meta": META}}
    headers = modern_headers("subscriptions/listen")
    stream = asyncio.create_task(both.ask(both.time, body, token=token, headers=headers))
    await begun.wait()
    assert both.time.counts.standing == 1
    await both.time.stop()
    answer = await stream
    assert (answer.status, answer.is_complete, both.time.counts.standing) == (200, True, 0)
    for given in (token, None):
        gone = await both.ask(both.time, legacy(), token=given)
        assert gone.status == 404
        assert gone.one("www-authenticate") is None
    assert (await both.ask(both.files, legacy(), token=await both.token(FILES))).status == 200


async def test_calls_at_a_door_that_is_taken_away_may_end_and_one_that_does_not_is_cut_off(both):
    asked, goes_on = asyncio.Event(), asyncio.Event()

    async def answer_late(call, receive, send):
        asked.set()
        await goes_on.wait()
        await answer_json(call, receive, send)

    both.front.upstream.answer = answer_late
    token = await both.token(TIME)
    first = asyncio.create_task(both.ask(both.time, legacy(), token=token))
    await asked.wait()
    assert not both.time.is_idle
    both.time.close()
    assert (await both.ask(both.time, legacy(), token=token)).status == 404
    ending = asyncio.create_task(both.time.stop())
    assert not first.done()
    goes_on.set()
    assert (await first).status == 200
    await ending
    assert both.time.is_idle

    both.files_upstream.answer = answer_late
    asked.clear()
    goes_on.clear()
    late = asyncio.create_task(both.ask(both.files, legacy(rpc_id=7), token=await both.token(FILES)))
    await asked.wait()
    await both.files.stop(0)
    assert ((await late).status, (await late).json["id"]) == (503, 7)


async def test_a_session_of_a_door_that_is_taken_away_is_gone(both):
    token = await both.token(TIME)
    opened = await both.ask(both.time, legacy("initialize"), token=token)
    session = {"mcp-session-id": opened.one("mcp-session-id")}
    await both.time.stop()
    for method in ("POST", "GET", "DELETE"):
        body = legacy() if method == "POST" else None
        answer = await both.ask(both.time, body, method=method, token=token, headers=session)
        assert answer.status == 404
