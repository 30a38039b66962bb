"""What logs and answers read off a request, after any step."""

from __future__ import annotations

import pytest
from door.steps.given import caller, classified, exchange, identified
from msgspec.structs import replace

from doorward.mcp.era import Modern


def test_a_request_that_was_not_looked_at_yet_says_nothing_about_itself():
    part = exchange()
    assert part.exchange is part
    assert (part.caller, part.rpc_id, part.rpc_method, part.era_name, part.reply) == (None, None, None, "", None)


def test_a_later_part_has_what_the_steps_before_have_found():
    part = identified(who=caller("read"))
    assert part.caller.scopes == ("read",)
    assert (part.rpc_id, part.rpc_method, part.era_name) == (None, None, "")


@pytest.mark.parametrize(
    ("body", "rpc_id", "method"),
    [
        ({"jsonrpc": "2.0", "id": 0, "method": "ping"}, 0, "ping"),
        ({"jsonrpc": "2.0", "method": "notifications/initialized"}, None, "notifications/initialized"),
        (None, None, None),
    ],
)
def test_a_message_has_its_id_its_method_and_its_era(body, rpc_id, method):
    part = classified("GET" if body is None else "POST", body)
    assert (part.rpc_id, part.rpc_method, part.era_name) == (rpc_id, method, "legacy")


def test_the_newer_era_is_told_from_the_older_one():
    part = classified(body={"jsonrpc": "2.0", "id": 1, "method": "ping"})
    assert replace(part, era=Modern("2026-07-28", "ping", 1)).era_name == "modern"


def test_an_answer_of_the_client_has_no_method():
    part = classified(body={"jsonrpc": "2.0", "id": 1, "method": "ping"})
    assert replace(part, era=replace(part.era, method="")).rpc_method is None


def test_no_step_can_change_what_another_has_found():
    with pytest.raises(AttributeError):
        identified().caller = caller()
