"""A client meets a tool that needs more, asks the user for the union, and goes on; what then ends, and what stays."""

from __future__ import annotations

import asyncio
import re

import pytest
from world import ISSUER, REDIRECT_URI, World, query_of, world

from doorward.directory.clients import list_grants, remove_client, revoke_grant
from doorward.records.oauth import Consent

DELETE = {"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "delete_file", "arguments": {}}}
SETTINGS = {"tool_scopes": {"delete_*": ("files:write",)}}


async def call(w: World, access_token: str, body=DELETE):
    headers = {"accept": "application/json, text/event-stream", "authorization": f"Bearer {access_token}"}
    async with w.browser() as http:
        return await http.post("/mcp", json=body, headers=headers)


async def tokens_for(w: World, client_id: str, **changes: str) -> dict[str, str]:
    form = {"redirect_uri": changes["redirect_uri"]} if "redirect_uri" in changes else {}
    answer = await w.redeem(client_id, await w.code(client_id, **changes), **form)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.requirement("R4")
@pytest.mark.requirement("X8")
@pytest.mark.parametrize("registered_scope", [None, "mcp"])
async def test_a_client_steps_up_by_what_the_challenge_says(tmp_path, registered_scope):
    async with world(tmp_path, **SETTINGS) as w:
        client_id = (await w.register(**({"scope": registered_scope} if registered_scope else {})))["client_id"]
        first = await tokens_for(w, client_id)
        assert first["scope"] == "mcp"
        refused = await call(w, first["access_token"])
        assert refused.status_code == 403
        challenge = refused.headers["www-authenticate"]
        assert 'error="insufficient_scope"' in challenge
        assert f'resource_metadata="{ISSUER}/.well-known/oauth-protected-resource/mcp"' in challenge
        assert refused.json()["id"] == 9
        wanted = re.search(r'scope="([^"]*)"', challenge)[1]
        second = await tokens_for(w, client_id, scope=wanted)
        assert second["scope"] == "mcp files:write"
        assert (await call(w, second["access_token"])).status_code == 200


async def test_the_second_consent_names_what_is_new(tmp_path):
    async with world(tmp_path, **SETTINGS) as w, w.browser() as browser:
        client_id = (await w.register())["client_id"]
        page = await w.sign_in(browser, client_id)
        assert "You have allowed before" not in page.text
        await w.submit(browser, page, decision="approve")
        page = await w.sign_in(browser, client_id, scope="mcp files:write")
        new, known = page.text.split("You have allowed before")
        assert "New: it may also" in new
        assert "<code>files:write</code>" in new
        assert "<code>mcp</code>" in known
        assert "<code>files:write</code>" not in known


async def test_denying_more_leaves_what_was_granted(tmp_path):
    async with world(tmp_path, **SETTINGS) as w, w.browser() as browser:
        client_id = (await w.register())["client_id"]
        first = await tokens_for(w, client_id)
        page = await w.sign_in(browser, client_id, scope="mcp files:write")
        assert query_of(await w.submit(browser, page, decision="deny"))["error"] == "access_denied"
        assert (await w.call(first["access_token"])).status_code == 200
        (consent,) = await w.door.store.find(Consent)
        assert consent.record.scopes == ("mcp",)


async def test_metadata_tells_a_client_to_begin_small(tmp_path):
    async with world(tmp_path, **SETTINGS) as w, w.browser() as http:
        resource = (await http.get("/.well-known/oauth-protected-resource/mcp")).json()
        server = (await http.get("/.well-known/oauth-authorization-server")).json()
        assert resource["scopes_supported"] == ["mcp"]
        assert server["scopes_supported"] == ["mcp", "files:write"]
        assert 'scope="mcp"' in (await w.call(None)).headers["www-authenticate"]


async def works(w: World, tokens: dict[str, str], client_id: str) -> bool:
    called = (await w.call(tokens["access_token"])).status_code == 200
    form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": tokens["refresh_token"]}
    assert ((await w.token(**form)).status_code == 200) is called
    return called


async def test_a_new_grant_in_use_ends_the_older_one_of_the_same_place(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        older = await tokens_for(w, client_id)
        w.clock.advance(3000)
        code = await w.code(client_id)
        assert await works(w, older, client_id), "an approval alone ends nothing: its code may never arrive"
        newer = (await w.redeem(client_id, code)).json()
        assert (await w.call(older["access_token"])).status_code == 401
        assert await works(w, newer, client_id)
        ended = [grant for grant in await list_grants(w.door.store) if grant.revoked_at is not None]
        assert [grant.revoked_reason for grant in ended] == ["superseded"]


async def test_two_windows_at_one_time_both_keep_their_grant(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        one, other = await asyncio.gather(tokens_for(w, client_id), tokens_for(w, client_id))
        assert await works(w, one, client_id)
        assert await works(w, other, client_id)


async def test_two_computers_with_one_client_id_both_keep_their_grant(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register(redirect_uris=["http://127.0.0.1/callback"]))["client_id"]
        one = await tokens_for(w, client_id, redirect_uri="http://127.0.0.1:4001/callback")
        w.clock.advance(3000)
        other = await tokens_for(w, client_id, redirect_uri="http://127.0.0.1:4002/callback")
        assert await works(w, one, client_id)
        assert await works(w, other, client_id)
        (consent,) = await w.door.store.find(Consent)
        assert len(consent.record.grant_ids) == 2


async def test_an_operator_may_keep_older_grants(tmp_path):
    async with world(tmp_path, end_older_grants=False) as w:
        client_id = (await w.register())["client_id"]
        older = await tokens_for(w, client_id)
        w.clock.advance(3000)
        await tokens_for(w, client_id)
        assert await works(w, older, client_id)


@pytest.mark.requirement("X1")
async def test_ending_a_grant_or_a_client_withdraws_the_consent(tmp_path):
    async with world(tmp_path) as w:
        first, second = [(await w.register(client_name=name))["client_id"] for name in "ab"]
        await tokens_for(w, first)
        await tokens_for(w, second)
        (grant,) = await list_grants(w.door.store, client_id=first)
        assert await revoke_grant(w.door.store, w.clock, grant.grant_id)
        assert [each.record.client_id for each in await w.door.store.find(Consent)] == [second]
        await remove_client(w.door.store, w.clock, second)
        assert await w.door.store.find(Consent) == []


async def test_a_consent_is_kept_for_each_redirect_uri(tmp_path):
    other = "https://client.example/other"
    async with world(tmp_path) as w:
        client_id = (await w.register(redirect_uris=[REDIRECT_URI, other]))["client_id"]
        await tokens_for(w, client_id)
        async with w.browser() as browser:
            page = await w.sign_in(browser, client_id, redirect_uri=other)
        assert "You have allowed before" not in page.text
