from __future__ import annotations

import pytest
from door.fronts import Front, legacy
from door.steps.given import caller, classified, step

from doorward.door.steps.permit import Permit
from doorward.oauth.errors import BearerError

CALL = legacy("tools/call", name="delete_all")
SETTINGS = {"tool_scopes": {"delete_*": ("write",)}, "scope_implies": {"admin": ("write", "mcp")}}


def test_a_caller_without_the_scope_of_the_operation_is_refused_and_learns_all_that_it_needs():
    with pytest.raises(BearerError) as refused:
        step(Permit, Front(**SETTINGS)).take(classified(body=CALL, who=caller("mcp")))
    assert (refused.value.status, refused.value.scopes) == (403, ("mcp", "write"))


def test_the_upstream_sees_the_scopes_that_a_broader_one_stands_for():
    before = classified(body=CALL, who=caller("admin"))
    known = step(Permit, Front(**SETTINGS)).take(before)
    assert set(known.caller.scopes) >= {"admin", "write", "mcp"}
    assert before.caller.scopes == ("admin",)


@pytest.mark.parametrize(("settings", "who"), [({}, caller("mcp")), ({"auth": "none"}, None)])
def test_where_all_operations_need_the_same_nothing_is_left_to_decide(settings, who):
    before = classified(body=CALL, who=who)
    assert step(Permit, Front(**settings)).take(before) is before
