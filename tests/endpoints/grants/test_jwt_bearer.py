"""Identity assertions, through the whole server."""

from __future__ import annotations

import asyncio
import logging

import pytest
from endpoints.operator_clients import (
    TRUSTED,
    asserted,
    assertion,
    operator_client,
)
from oauth.grants.id_jags import IDP, Forger, Place
from world import ISSUER, RESOURCE, world

from doorward.directory.accounts import disable_user
from doorward.oauth.grant_types import JWT_BEARER
from doorward.records.accounts import User
from doorward.records.oauth import Grant


@pytest.mark.requirement("EMA-01")
async def test_an_enterprise_signs_its_people_in_without_a_page(tmp_path):
    async with world(tmp_path, trusted_issuers=(TRUSTED,)) as w:
        client = await operator_client(w, JWT_BEARER)
        async with w.browser() as http:
            metadata = (await http.get("/.well-known/oauth-authorization-server")).json()
        assert metadata["authorization_grant_profiles_supported"] == ["urn:ietf:params:oauth:grant-profile:id-jag"]
        answer = await asserted(w, client, assertion(w, client), resource=RESOURCE)
        assert answer.status_code == 200, answer.text
        assert "refresh_token" not in answer.json()
        assert (await w.call(answer.json()["access_token"])).status_code == 200
        user = await w.door.store.get(User, f"{IDP}#00u1")
        assert (user.record.identity_issuer, user.record.identity_subject) == (IDP, "00u1")


@pytest.mark.requirement("EMA-01")
async def test_sixteen_racers_use_an_assertion_once(tmp_path):
    async with world(tmp_path, trusted_issuers=(TRUSTED,)) as w:
        client = await operator_client(w, JWT_BEARER)
        text = assertion(w, client)
        answers = await asyncio.gather(*(asserted(w, client, text) for _ in range(16)))
        assert sorted(answer.status_code for answer in answers) == [200, *[400] * 15]
        w.clock.advance(200)
        assert (await asserted(w, client, text)).json()["error"] == "invalid_grant"
        assert len(await w.door.store.find(Grant, client_id=client["client_id"])) == 1


async def test_an_assertion_is_remembered_across_a_restart(tmp_path):
    async with world(tmp_path, trusted_issuers=(TRUSTED,)) as w:
        client = await operator_client(w, JWT_BEARER)
        text = assertion(w, client)
        assert (await asserted(w, client, text)).status_code == 200
        clock = w.clock
    async with world(tmp_path, trusted_issuers=(TRUSTED,), clock=clock) as w:
        assert (await asserted(w, client, text)).json()["error"] == "invalid_grant"


async def test_a_person_who_was_switched_off_stays_off_whatever_the_provider_says(tmp_path):
    async with world(tmp_path, trusted_issuers=(TRUSTED,)) as w:
        client = await operator_client(w, JWT_BEARER)
        token = (await asserted(w, client, assertion(w, client))).json()["access_token"]
        await disable_user(w.door.store, w.clock, f"{IDP}#00u1")
        assert (await w.call(token)).status_code == 401
        refused = await asserted(w, client, assertion(w, client, jti="j2"))
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


@pytest.mark.requirement("B-10")
async def test_hostile_assertions_are_refused_and_only_their_reasons_are_logged(tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "doorward")
    async with world(tmp_path, trusted_issuers=(TRUSTED,)) as w:
        client = await operator_client(w, JWT_BEARER)
        bad = Forger(Place(ISSUER, RESOURCE, client["client_id"], w.clock.now())).hostile()
        for name, (text, reason) in bad.items():
            caplog.clear()
            answer = await asserted(w, client, text)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant"), name
            said = [record.fields["reason"] for record in caplog.records if record.getMessage() == "refused"]
            assert said == [reason.lower()], name
            logged = "".join(f"{record.getMessage()}{record.__dict__}" for record in caplog.records)
            assert not any(len(part) > 20 and part in logged for part in text.split(".")), name
        assert (await asserted(w, client, assertion(w, client))).status_code == 200
