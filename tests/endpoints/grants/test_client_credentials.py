"""Service accounts, through the whole server."""

from __future__ import annotations

import asyncio

import pytest
from endpoints.operator_clients import (
    credentials,
    service_client,
    set_client,
)
from oauth.given import MINTED, Wrapping
from world import RESOURCE, world

from doorward.authority.authority import Authority
from doorward.directory.accounts import disable_user, remove_user
from doorward.directory.clients import list_grants, remove_client, revoke_grant
from doorward.endpoints.token import GRANTS
from doorward.errors import Conflict
from doorward.oauth.grant_types import CLIENT_CREDENTIALS
from doorward.oauth.tokens.reply import Redemption
from doorward.records.oauth import Client


@pytest.mark.requirement("A-CC")
async def test_a_service_client_calls_with_its_own_credentials(tmp_path):
    async with world(tmp_path) as w:
        answer = await credentials(w, await service_client(w), resource=RESOURCE)
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert set(answer.json()) == {"access_token", "token_type", "expires_in", "scope"}
        assert (await w.call(answer.json()["access_token"])).status_code == 200


async def test_requests_share_one_grant_whatever_the_concurrency(tmp_path):
    async with world(tmp_path) as w:
        client = await service_client(w)
        answers = await asyncio.gather(*(credentials(w, client) for _ in range(4)))
        assert {answer.status_code for answer in answers} == {200}
        (grant,) = await list_grants(w.door.store, client_id=client["client_id"])
        assert (grant.user_id, grant.grant_type) == ("robot", CLIENT_CREDENTIALS)


async def test_ending_the_grant_ends_the_tokens_and_the_next_one_is_another(tmp_path):
    async with world(tmp_path) as w:
        client = await service_client(w)
        token = (await credentials(w, client)).json()["access_token"]
        (grant,) = await list_grants(w.door.store, client_id=client["client_id"])
        await revoke_grant(w.door.store, w.clock, grant.grant_id)
        assert (await w.call(token)).status_code == 401
        again = (await credentials(w, client)).json()["access_token"]
        assert (await w.call(token)).status_code == 401
        assert (await w.call(again)).status_code == 200


@pytest.mark.parametrize("end", [disable_user, remove_user])
async def test_without_its_account_the_client_has_nothing(tmp_path, end):
    async with world(tmp_path) as w:
        client = await service_client(w)
        token = (await credentials(w, client)).json()["access_token"]
        await end(w.door.store, w.clock, "robot")
        assert (await w.call(token)).status_code == 401
        refused = await credentials(w, client)
        assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")


async def test_a_removed_client_has_nothing_either(tmp_path):
    async with world(tmp_path) as w:
        client = await service_client(w)
        token = (await credentials(w, client)).json()["access_token"]
        await remove_client(w.door.store, w.clock, client["client_id"])
        assert (await w.call(token)).status_code == 401
        assert (await credentials(w, client)).status_code == 401


@pytest.mark.parametrize("now_stored", ["nothing", "expired"])
async def test_a_client_that_is_being_removed_gets_nothing_although_it_was_authenticated_before(tmp_path, now_stored):
    async with world(tmp_path) as w:
        door, client = w.door, await service_client(w)
        authority = Authority(door.policy, door.store, door.clock, door.entropy, Wrapping(), None, None)
        request = Redemption(
            *({}, await door.store.get(Client, client["client_id"]), w.clock.now(), MINTED, Wrapping(), door.policy)
        )
        decision = await GRANTS[CLIENT_CREDENTIALS](authority, request)
        if now_stored == "expired":
            await set_client(w, client["client_id"], expires_at=w.clock.now())
        else:
            await remove_client(door.store, w.clock, client["client_id"])
        with pytest.raises(Conflict):
            await door.store.apply(decision.changes)
        assert (await credentials(w, client)).status_code == 401
