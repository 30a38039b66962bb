from __future__ import annotations

import pytest
from door.fronts import BOTH, Front, legacy
from door.steps.given import caller, identified, step

from doorward.door.replies import MessageRefused, Refused
from doorward.door.steps.read import Read
from doorward.mcp.jsonrpc import Message

JSON = {"accept": BOTH, "content_type": "application/json"}


async def test_a_post_brings_one_message_and_keeps_who_sends_it():
    known = await step(Read, Front()).take(identified(body=legacy("ping", 4), who=caller("mcp"), **JSON))
    assert known.message == Message("request", "ping", 4, {})
    assert known.caller == caller("mcp")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_get_and_a_delete_bring_none(method):
    known = await step(Read, Front()).take(identified(method))
    assert (known.message, known.body) == (None, b"")


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("PUT", JSON, 405),
        ("POST", {**JSON, "content_type": "text/plain"}, 415),
        ("POST", {**JSON, "accept": "text/html"}, 406),
        ("POST", {**JSON, "content_length": "999999999"}, 413),
        ("POST", {**JSON, "content_length": "1"}, 400),
    ],
)
async def test_what_cannot_be_a_message_is_refused_without_an_id(method, headers, status):
    with pytest.raises(Refused) as refused:
        await step(Read, Front()).take(identified(method, legacy(), **headers))
    assert refused.value.refusal.status == status


@pytest.mark.parametrize("body", [b"{", [legacy()], {"id": 1}])
async def test_a_body_that_is_no_message_is_refused(body):
    with pytest.raises(MessageRefused) as refused:
        await step(Read, Front()).take(identified(body=body, **JSON))
    assert refused.value.refusal.status == 400
