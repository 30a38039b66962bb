"""What a token for clients alone must not be able to hand out: clients that get or inspect tokens without a user."""

from __future__ import annotations

import pytest
from world import ISSUER, world

from doorward.administration.operation import CAPABILITIES
from doorward.directory.accounts import add_user
from doorward.directory.header_tokens import NewHeaderToken, create_header_token

REACHING = [
    {"name": "x", "service_account": "nightly"},
    {"name": "x", "service_account": "nightly", "grants": ["client_credentials", "token_exchange"]},
    {"name": "x", "grants": ["token_exchange"], "may_exchange": True},
    {"name": "x", "introspect": True},
    {"name": "x", "redirect_uris": ["https://client.example/cb"], "introspect": True},
    {"name": "x", "preset": "claude", "introspect": True},
]


async def asked(w, capabilities, method, path, body):
    ports = (w.door.store, w.clock, w.door.entropy)
    limits = {"scopes": (), "lifetime_seconds": None, "capabilities": capabilities}
    token, _ = await create_header_token(*ports, NewHeaderToken(name="t", user_id="owner", **limits))
    async with w.browser() as http:
        return await http.request(
            method, f"{ISSUER}/-/api/v1{path}", json=body, headers={"authorization": f"Bearer {token}"}
        )


@pytest.mark.requirement("G-09")
@pytest.mark.parametrize("body", REACHING)
async def test_a_client_that_needs_no_user_takes_the_capability_for_tokens_too(tmp_path, body):
    async with world(tmp_path) as w:
        await add_user(w.door.store, w.clock, "nightly", kind="service", password=None)
        without = tuple(each for each in CAPABILITIES if each != "admin:tokens")
        refused = await asked(w, without, "POST", "/clients", body)
        assert (refused.status_code, refused.json()["error"]) == (403, "not_allowed"), refused.text
        both = await asked(w, ("admin:clients", "admin:tokens"), "POST", "/clients", body)
        assert both.status_code == 201, both.text


@pytest.mark.parametrize("body", REACHING[:4])
@pytest.mark.parametrize("named_by", ["client_id", "client_name"])
async def test_so_does_a_new_secret_for_such_a_client(tmp_path, body, named_by):
    async with world(tmp_path) as w:
        await add_user(w.door.store, w.clock, "nightly", kind="service", password=None)
        made = (await asked(w, CAPABILITIES, "POST", "/clients", body)).json()
        path = f"/clients/{made[named_by]}/secret"
        refused = await asked(w, ("admin:clients",), "POST", path, {"overlap_seconds": 0})
        assert (refused.status_code, refused.json()["error"]) == (403, "not_allowed"), refused.text
        assert (await asked(w, ("admin:clients", "admin:tokens"), "POST", path, {})).status_code in {200, 201}


async def test_a_client_that_asks_its_users_takes_the_capability_for_clients_alone(tmp_path):
    async with world(tmp_path) as w:
        body = {"name": "x", "redirect_uris": ["https://client.example/cb"], "grants": ["token_exchange"]}
        made = await asked(w, ("admin:clients",), "POST", "/clients", body)
        assert made.status_code == 201
        rotated = await asked(w, ("admin:clients",), "POST", f"/clients/{made.json()['client_id']}/secret", {})
        assert rotated.status_code in {200, 201}
