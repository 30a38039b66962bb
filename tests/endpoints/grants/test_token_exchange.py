"""Exchanged tokens, through the whole server."""

from __future__ import annotations

import base64
import json

import pytest
from endpoints.operator_clients import (
    exchanged,
    operator_client,
    other_with_user_token,
    set_client,
)
from world import REDIRECT_URI, world

from doorward.directory.clients import list_grants, remove_client, revoke_grant
from doorward.oauth.grant_types import TOKEN_EXCHANGE
from doorward.oauth.grants.token_exchange import ACCESS_TOKEN_TYPE


@pytest.mark.requirement("TX-01")
async def test_a_client_makes_a_weaker_token_of_its_own(tmp_path):
    async with world(tmp_path, scopes=("mcp", "notes"), tool_scopes={}) as w:
        client = await operator_client(w, TOKEN_EXCHANGE, redirect_uris=(REDIRECT_URI,))
        tokens = (
            await w.redeem(
                client["client_id"], await w.code(client["client_id"]), client_secret=client["client_secret"]
            )
        ).json()
        answer = await exchanged(w, client, tokens["access_token"], scope="notes")
        assert answer.status_code == 200, answer.text
        assert (answer.json()["scope"], answer.json()["issued_token_type"]) == ("notes", ACCESS_TOKEN_TYPE)
        again = await exchanged(w, client, answer.json()["access_token"], scope="mcp")
        assert again.json()["error"] == "invalid_scope"


@pytest.mark.requirement("TX-03")
async def test_another_client_acts_for_the_user_until_the_user_ends_it(tmp_path):
    async with world(tmp_path) as w:
        other, tokens = await other_with_user_token(w, may_exchange=True)
        answer = await exchanged(w, other, tokens["access_token"])
        token = answer.json()["access_token"]
        assert (await w.call(token)).status_code == 200
        async with w.browser() as http:
            told = await http.post("/introspect", data={"token": token, **other})
        assert told.json()["act"] == {"sub": other["client_id"]}
        (grant,) = await list_grants(w.door.store, user_id="owner")
        await revoke_grant(w.door.store, w.clock, grant.grant_id)
        assert (await w.call(token)).status_code == 401
        refused = await exchanged(w, other, tokens["access_token"])
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")


@pytest.mark.requirement("TX-03")
async def test_tokens_that_are_jwts_are_exchanged_as_well_and_say_who_acts(tmp_path):
    async with world(tmp_path, access_token_format="jwt") as w:
        other, tokens = await other_with_user_token(w, may_exchange=True)
        answer = await exchanged(w, other, tokens["access_token"])
        token = answer.json()["access_token"]
        payload = token.split(".")[1]
        told = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        assert (told["sub"], told["act"]) == ("owner", {"sub": other["client_id"]})
        assert (await w.call(token)).status_code == 200


async def test_a_client_that_is_removed_no_longer_acts_for_anybody(tmp_path):
    async with world(tmp_path) as w:
        other, tokens = await other_with_user_token(w, may_exchange=True)
        token = (await exchanged(w, other, tokens["access_token"])).json()["access_token"]
        await remove_client(w.door.store, w.clock, other["client_id"])
        assert (await w.call(token)).status_code == 401
        assert (await w.call(tokens["access_token"])).status_code == 200
        third = await operator_client(w, TOKEN_EXCHANGE, may_exchange=True)
        assert (await exchanged(w, third, token)).json()["error"] == "invalid_request"
        await set_client(w, third["client_id"], may_introspect=True)
        async with w.browser() as http:
            for each, active in ((token, False), (tokens["access_token"], True)):
                told = await http.post("/introspect", data={"token": each, **third})
                assert told.json()["active"] is active


async def test_an_exchanged_token_ends_with_its_subject(tmp_path):
    async with world(tmp_path) as w:
        other, tokens = await other_with_user_token(w, may_exchange=True)
        w.clock.advance(3000)
        answer = (await exchanged(w, other, tokens["access_token"])).json()
        assert answer["expires_in"] == 600
        w.clock.advance(600)
        assert (await w.call(answer["access_token"])).status_code == 401


async def test_tokens_of_others_are_not_for_everybody(tmp_path):
    async with world(tmp_path) as w:
        other, tokens = await other_with_user_token(w)
        refused = await exchanged(w, other, tokens["access_token"])
        assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")


async def test_a_refresh_token_is_no_subject(tmp_path):
    async with world(tmp_path) as w:
        other, tokens = await other_with_user_token(w, may_exchange=True)
        assert (await exchanged(w, other, tokens["refresh_token"])).json()["error"] == "invalid_request"
