from __future__ import annotations

import pytest
from door.fronts import Front, Recording, legacy

from doorward.door.refusal_counts import Refusals
from doorward.oauth.errors import Reason


async def counting(**arguments) -> tuple[Front, list]:
    told = []
    front = Front(Recording())
    await front.store.open()
    front.refusals = Refusals(told.append)
    front.door = front.another_worker(refusals=front.refusals, **arguments)
    return front, told


async def test_refusals_are_counted_by_reason_and_told_once():
    front, told = await counting()
    for _ in range(3):
        assert (await front.ask(legacy(), token="dwa_" + "x" * 50)).status == 401
    assert (await front.ask(legacy(), token=await front.access_token(scopes=()))).status == 403
    assert (await front.ask(legacy(), headers={"origin": "https://evil.example"})).status == 403
    assert told == []
    front.refusals.tell()
    assert {(each.reason, each.detail["count"]) for each in told} == {
        ("malformed_token", "3"),
        ("missing_scope", "1"),
        ("foreign_origin", "1"),
    }
    assert all(each.event == "door_refused" and each.detail["first_address"] for each in told)
    told.clear()
    front.refusals.tell()
    assert told == []


async def test_a_client_that_begins_without_a_token_is_no_incident():
    front, told = await counting()
    assert (await front.ask(legacy())).status == 401
    assert (await front.ask(legacy(), token=await front.access_token())).status == 200
    front.refusals.tell()
    assert told == []


@pytest.mark.parametrize("reason", [Reason.UNKNOWN_TOKEN, Reason.EXPIRED_TOKEN])
def test_only_the_first_address_of_a_reason_is_kept(reason):
    told = []
    refusals = Refusals(told.append)
    for number in range(1000):
        refusals.add(reason, f"192.0.2.{number % 250}", door="mcp")
    refusals.tell()
    assert [each.detail for each in told] == [{"door": "mcp", "count": "1000", "first_address": "192.0.2.0"}]


def test_each_door_has_an_entry_of_its_own():
    told = []
    refusals = Refusals(told.append)
    for door in ("files", "time", "files"):
        refusals.add(Reason.UNKNOWN_TOKEN, "192.0.2.7", door=door)
    refusals.tell()
    assert [(each.detail["door"], each.detail["count"]) for each in told] == [("files", "2"), ("time", "1")]
