"""Scopes of tools at the door: decided on the body, named all at once, and no way around them (U-05)."""

from __future__ import annotations

import json

import pytest
from door.fronts import Front, legacy, modern, modern_headers

from doorward.oauth.operation_scopes import OperationScopes

TOOL_SCOPES = {"delete_*": ("files:write",)}
HARMLESS = {"name": "read", "arguments": {}}
DELETE = {"name": "delete_file", "arguments": {}}


async def scoped(**settings) -> Front:
    front = Front(**{"tool_scopes": TOOL_SCOPES, **settings})
    await front.store.open()
    return front


ATTACKS = {
    "legacy": ({}, legacy("tools/call", **DELETE)),
    "notification": ({}, {"jsonrpc": "2.0", "method": "tools/call", "params": DELETE}),
    "modern": (modern_headers("tools/call", **{"mcp-name": "delete_file"}), modern("tools/call", **DELETE)),
    "mirrored header lies": (
        modern_headers("tools/call", **{"mcp-name": "read"}),
        modern("tools/call", **DELETE),
    ),
    "legacy with modern headers": (
        {"mcp-method": "tools/list", "mcp-name": "read"},
        legacy("tools/call", **DELETE),
    ),
    "batch": ({}, [legacy("tools/call", **DELETE)]),
    "second spelling of the name": ({}, legacy("tools/call", **{**HARMLESS, "Name": "delete_file"})),
    "second spelling of the method": ({}, {**legacy("tools/list", **DELETE), "Method": "tools/call"}),
    "second spelling of params": ({}, {**legacy("tools/call", **HARMLESS), "Params": DELETE}),
    "response that calls": ({}, {"jsonrpc": "2.0", "id": 1, "result": {}, "Method": "tools/call", "Params": DELETE}),
    "long s": ({}, {**legacy("tools/call", **HARMLESS), "param\u017f": DELETE}),
    "doubled key": ({}, b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","name":"delete_x"}}'),
    "no name": ({}, legacy("tools/call")),
}


async def is_kept_out(front: Front, name: str) -> bool:
    headers, body = ATTACKS[name]
    answer = await front.ask(body, token=await front.access_token(), headers=headers)
    assert answer.status in {200, 202, 400, 403}
    return not front.upstream.calls


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.requirement("U-05")
async def test_a_token_without_the_scope_of_a_tool_cannot_call_it(name):
    assert await is_kept_out(await scoped(), name)


@pytest.mark.requirement("U-05", weak=True)
async def test_the_test_above_notices_a_door_that_does_not_look(monkeypatch):
    monkeypatch.setattr(OperationScopes, "check", lambda *arguments: None)
    assert not await is_kept_out(await scoped(), "legacy")
    assert not await is_kept_out(await scoped(tool_scopes={}), "modern")


async def test_the_refusal_names_every_scope_of_the_operation_and_the_id_of_the_request():
    front = await scoped(scopes=("mcp", "basic"))
    answer = await front.ask(legacy("tools/call", 17, **DELETE), token=await front.access_token(scopes=("mcp",)))
    assert answer.status == 403
    challenge = answer.one("www-authenticate")
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="mcp basic files:write"' in challenge
    assert "resource_metadata=" in challenge
    body = json.loads(answer.body)
    assert body["id"] == 17
    assert body["error"]["data"] == {"error": "insufficient_scope", "scope": "mcp basic files:write"}


@pytest.mark.parametrize(
    ("scopes", "body", "status"),
    [
        (("mcp",), legacy("tools/call", **HARMLESS), 200),
        (("mcp", "files:write"), legacy("tools/call", **DELETE), 200),
        (("files:write",), legacy("tools/call", **DELETE), 403),
        (("files:write",), legacy("tools/list"), 403),
        (("other",), legacy("ping"), 403),
    ],
)
async def test_the_scopes_of_the_door_are_still_needed(scopes, body, status):
    front = await scoped()
    answer = await front.ask(body, token=await front.access_token(scopes=scopes))
    assert answer.status == status


async def test_a_stream_needs_the_scopes_of_the_door():
    front = await scoped()
    for method in ("GET", "DELETE"):
        assert (await front.ask(method=method, token=await front.access_token(scopes=("other",)))).status == 403
        assert (await front.ask(method=method, token=await front.access_token())).status == 200


async def test_a_header_token_has_its_scopes_checked_as_well():
    front = await scoped()
    token = await front.header_token()
    assert (await front.ask(legacy("tools/call", **DELETE), token=token)).status == 403
    assert (await front.ask(legacy("tools/call", **HARMLESS), token=token)).status == 200


async def test_a_broader_scope_is_enough():
    front = await scoped(scope_implies={"admin": ("files:write", "mcp")})
    token = await front.access_token(scopes=("admin",))
    assert (await front.ask(legacy("tools/call", **DELETE), token=token)).status == 200
    assert set(front.upstream.last.caller.scopes) == {"admin", "files:write", "mcp"}


async def test_a_door_without_a_check_has_no_scopes_to_look_at():
    front = await scoped(auth="none", tool_scopes={}, scope_implies={"a": ("b",)})
    assert (await front.ask(legacy("tools/call", **DELETE))).status == 200
    assert (await front.ask(method="GET")).status == 200


@pytest.mark.requirement("U-05")
async def test_methods_may_need_scopes_too():
    front = await scoped(tool_scopes={}, method_scopes={"resources/*": ("files:read",)})
    token = await front.access_token()
    assert (await front.ask(legacy("resources/read", uri="file:///x"), token=token)).status == 403
    assert (await front.ask(legacy("tools/list"), token=token)).status == 200
