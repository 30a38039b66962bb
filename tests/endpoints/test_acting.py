"""Tokens by which somebody acts for a user: they end with everybody who acts."""

from __future__ import annotations

import pytest
from endpoints.operator_clients import credentials, exchanged, operator_client, other_with_user_token
from world import World, world

from doorward.directory.accounts import add_user, disable_user, remove_user
from doorward.directory.clients import remove_client
from doorward.oauth.grant_types import CLIENT_CREDENTIALS, TOKEN_EXCHANGE
from doorward.oauth.grants.token_exchange import ACCESS_TOKEN_TYPE

Credentials = dict[str, str]


async def robot_acting(w: World) -> tuple[Credentials, str, str, str]:
    """Return a client with the account `robot`, its own token, a user's token, and one by which robot acts for them."""
    _, tokens = await other_with_user_token(w)
    await add_user(w.door.store, w.clock, "robot", kind="service", password=None)
    grants = (CLIENT_CREDENTIALS, TOKEN_EXCHANGE)
    agent = await operator_client(w, *grants, service_user_id="robot", may_exchange=True)
    own = (await credentials(w, agent)).json()["access_token"]
    actor = {"actor_token": own, "actor_token_type": ACCESS_TOKEN_TYPE}
    acting = (await exchanged(w, agent, tokens["access_token"], **actor)).json()["access_token"]
    return agent, own, tokens["access_token"], acting


async def statuses(w: World, *tokens: str) -> list[int]:
    return [(await w.call(each)).status_code for each in tokens]


@pytest.mark.requirement("B-13")
@pytest.mark.parametrize("end", [disable_user, remove_user])
async def test_an_account_that_was_switched_off_no_longer_acts_for_anybody(tmp_path, end):
    async with world(tmp_path) as w:
        agent, own, users, acting = await robot_acting(w)
        again = (await exchanged(w, agent, acting)).json()["access_token"]
        third = await operator_client(w, TOKEN_EXCHANGE, may_exchange=True)
        passed_on = (await exchanged(w, third, acting)).json()["access_token"]
        assert await statuses(w, own, users, acting, again, passed_on) == [200] * 5
        await end(w.door.store, w.clock, "robot")
        assert await statuses(w, own, users, acting, again, passed_on) == [401, 200, 401, 401, 401]
        assert (await exchanged(w, agent, acting)).json()["error"] == "invalid_request"
        async with w.browser() as http:
            assert (await http.post("/introspect", data={"token": acting, **agent})).json() == {"active": False}


async def test_a_client_that_passed_a_token_on_and_is_gone_takes_it_along(tmp_path):
    async with world(tmp_path) as w:
        first, tokens = await other_with_user_token(w, may_exchange=True)
        acting = (await exchanged(w, first, tokens["access_token"])).json()["access_token"]
        second = await operator_client(w, TOKEN_EXCHANGE, may_exchange=True)
        passed_on = (await exchanged(w, second, acting)).json()["access_token"]
        assert await statuses(w, acting, passed_on) == [200, 200]
        await remove_client(w.door.store, w.clock, first["client_id"])
        assert await statuses(w, acting, passed_on, tokens["access_token"]) == [401, 401, 200]


async def without_robot(w: World, agent: Credentials, third: Credentials) -> None:
    await disable_user(w.door.store, w.clock, "robot")


async def without_agent(w: World, agent: Credentials, third: Credentials) -> None:
    await remove_client(w.door.store, w.clock, agent["client_id"])


async def without_third(w: World, agent: Credentials, third: Credentials) -> None:
    await remove_client(w.door.store, w.clock, third["client_id"])


@pytest.mark.requirement("B-13")
@pytest.mark.parametrize("end", [without_robot, without_agent, without_third])
async def test_a_token_passed_on_with_an_actor_ends_with_each_client_and_account_it_went_through(tmp_path, end):
    async with world(tmp_path) as w:
        agent, _, users, acting = await robot_acting(w)
        third = await operator_client(w, TOKEN_EXCHANGE, may_exchange=True)
        passed_on = (await exchanged(w, third, acting)).json()["access_token"]
        async with w.browser() as http:
            said = (await http.post("/introspect", data={"token": passed_on, **third})).json()
        innermost = {"sub": agent["client_id"]}
        assert said["act"] == {"sub": third["client_id"], "act": {"sub": "robot", "act": innermost}}
        await end(w, agent, third)
        assert await statuses(w, users, passed_on) == [200, 401]
