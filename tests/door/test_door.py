"""The order of the steps, which is the security property of the door, and what a request meets first."""

from __future__ import annotations

import inspect
import types
from typing import Any, get_args, get_type_hints

import pytest
from door.fronts import Front, legacy

from doorward.door.parts import Answered, Part, Served
from doorward.door.steps.admit import Admit
from doorward.door.steps.call import Call
from doorward.door.steps.classify import Classify
from doorward.door.steps.find_session import FindSession
from doorward.door.steps.identify import Identify
from doorward.door.steps.permit import Permit
from doorward.door.steps.read import Read

STEPS = (Admit, Identify, Read, Classify, Permit, FindSession, Call)


def test_a_request_goes_through_the_steps_in_this_order():
    assert tuple(map(type, Front().door.steps)) == STEPS


def test_each_step_takes_what_the_one_before_it_has_made():
    made: type[Part] | None = None
    for step in STEPS:
        hints = get_type_hints(step.take)
        [takes] = [kind for name, kind in hints.items() if name != "return"]
        assert made is None or takes is made
        returned = get_args(hints["return"]) if isinstance(hints["return"], types.UnionType) else (hints["return"],)
        parts = [each for each in returned if each not in {Answered, Served, type(None)}]
        made = parts[0] if parts else None
    assert made is None, "the last step hands nothing on"


@pytest.mark.parametrize("step", STEPS)
def test_a_part_cannot_be_changed_once_it_is_handed_on(step):
    [part] = [kind for name, kind in get_type_hints(step.take).items() if name != "return"]
    assert part.__struct_config__.frozen


def test_only_steps_that_have_to_wait_are_coroutines():
    assert [step for step in STEPS if inspect.iscoroutinefunction(step.take)] == [Identify, Read, Call]


NOT_HERE: dict[str, str | None] = {"host": "evil.example"}
FOREIGN: dict[str, str | None] = {"origin": "https://evil.example"}
NOT_JSON: dict[str, str | None] = {"content-type": "text/plain"}
NO_ERA: dict[str, str | None] = {"mcp-protocol-version": "1900-01-01"}
NO_SESSION: dict[str, str | None] = {"mcp-session-id": "made up"}


@pytest.mark.parametrize(
    ("faults", "status"),
    [
        ([NOT_HERE, FOREIGN, NOT_JSON, NO_ERA, NO_SESSION], 421),
        ([FOREIGN, NOT_JSON, NO_ERA, NO_SESSION], 403),
        ([NOT_JSON, NO_ERA, NO_SESSION], 401),
        (["token", NOT_JSON, NO_ERA, NO_SESSION], 415),
        (["token", NO_ERA, NO_SESSION], 400),
        (["token", NO_SESSION], 403),
        (["scope", NO_SESSION], 404),
        (["scope"], 200),
    ],
    ids=["host", "origin", "credential", "body", "era", "scope", "session", "nothing"],
)
async def test_a_request_with_many_faults_is_refused_for_the_first_in_the_order(faults: list[Any], status: int):
    front = Front(tool_scopes={"add": ("write",)})
    await front.store.open()
    scopes = {"token": ("mcp",), "scope": ("mcp", "write")}
    held = next((scopes[each] for each in faults if isinstance(each, str)), None)
    headers = {name: value for each in faults if isinstance(each, dict) for name, value in each.items()}
    answer = await front.ask(
        legacy("tools/call", name="add"),
        token=None if held is None else await front.access_token(scopes=held),
        headers=headers,
    )
    assert answer.status == status
    assert len(front.upstream.calls) == (status == 200)
