"""Service accounts, exchanged tokens and identity assertions, through the whole server."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from urllib.parse import quote

import httpx2
import msgspec
import pytest
from oauth.given import MINTED, Wrapping
from oauth.grants.id_jags import EC, IDP, KEYS, Forger, Place, claims, header, signed
from world import ISSUER, REDIRECT_URI, RESOURCE, world

from doorward.authority.authority import Authority
from doorward.directory.accounts import add_user, disable_user, remove_user
from doorward.directory.clients import add_client, list_grants, remove_client, revoke_grant
from doorward.edge.frame import guarded, json_response
from doorward.endpoints.token import GRANTS, TokenEndpoint
from doorward.errors import Conflict
from doorward.oauth.clients.operator_grants import OperatorGrants
from doorward.oauth.grant_types import CLIENT_CREDENTIALS, JWT_BEARER, TOKEN_EXCHANGE
from doorward.oauth.grants.token_exchange import ACCESS_TOKEN_TYPE
from doorward.oauth.tokens.reply import Redemption
from doorward.oauth.trusted_issuers import TrustedIssuer
from doorward.records.accounts import User
from doorward.records.changes import Replace
from doorward.records.oauth import Client, Grant

TRUSTED = TrustedIssuer(issuer=IDP, keys=KEYS)


async def operator_client(w, *grants, redirect_uris=(), confidential=True, **given):
    """Register a client as an operator does; returns its id and secret as the token endpoint wants them."""
    new = await add_client(
        w.door.store,
        w.clock,
        w.door.entropy,
        name="Robot",
        redirect_uris=redirect_uris,
        confidential=confidential,
        policy=w.door.policy,
        given=OperatorGrants(grant_types=grants, **given),
    )
    secret = {"client_secret": new.client_secret} if new.client_secret else {}
    return {"client_id": new.client.client_id, **secret}


async def set_client(w, client_id, **changes):
    stored = await w.door.store.get(Client, client_id)
    await w.door.store.apply([Replace(msgspec.structs.replace(stored.record, **changes), stored.version)])


async def service_client(w, **given):
    await add_user(w.door.store, w.clock, "robot", kind="service", password=None)
    return await operator_client(w, CLIENT_CREDENTIALS, service_user_id="robot", **given)


async def credentials(w, client, **form):
    return await w.token(grant_type=CLIENT_CREDENTIALS, **client, **form)


async def exchanged(w, client, token, **form):
    subject = {"subject_token": token, "subject_token_type": ACCESS_TOKEN_TYPE}
    return await w.token(grant_type=TOKEN_EXCHANGE, **client, **(subject | form))


def assertion(w, client, **changes):
    return signed(header(), claims(Place(ISSUER, RESOURCE, client["client_id"], w.clock.now()), **changes))


async def asserted(w, client, text, **form):
    return await w.token(grant_type=JWT_BEARER, assertion=text, **client, **form)


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


@pytest.mark.parametrize("grant", [CLIENT_CREDENTIALS, TOKEN_EXCHANGE, JWT_BEARER])
async def test_nobody_registers_themselves_for_these_grants(tmp_path, grant):
    async with world(tmp_path, trusted_issuers=(TRUSTED,)) as w:
        client = await w.register(
            grant_types=["authorization_code", grant], token_endpoint_auth_method="client_secret_post"
        )
        assert grant not in client["grant_types"]
        mine = {"client_id": client["client_id"], "client_secret": client["client_secret"]}
        refused = await w.token(grant_type=grant, **mine)
        assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")


def basic(text):
    return {"authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


ASSERTED = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def unproved(client_id, secret):
    """Return requests that a confidential client's id alone, or a wrong proof, must not get past."""
    known = {"client_id": client_id}
    wrong = ["", " ", "x", secret[:-1], secret + "x", secret.upper(), f" {secret}", f"{secret} ", "null", "None", "%00"]
    headers = ["Basic", "Basic ", "Basic !!!", "Basic YTpi YTpi", "Bearer abc", "Digest username=x", "Basic ="]
    headers += [f"Bearer {secret}", f"Basic {secret}", f"basic {base64.b64encode(client_id.encode()).decode()}"]
    others = ["x", client_id.upper(), f"{client_id} "]
    return [
        (known, {}),
        ({}, {}),
        ({"client_id": ""}, {}),
        ({"client_secret": secret}, {}),
        *((known | {"client_secret": each}, {}) for each in wrong),
        *(({}, basic(f"{client_id}:{quote(each)}")) for each in wrong),
        *(({"client_id": each, "client_secret": secret}, {}) for each in others),
        *((known, {"authorization": each}) for each in headers),
        ({"client_assertion": "x.y.z", "client_assertion_type": ASSERTED}, {}),
        (known | {"client_assertion": "x.y.z"}, {}),
        (known | {"client_assertion": secret, "client_assertion_type": "secret"}, {}),
    ]


async def let_through(http, url, grant, shapes):
    """Return the shapes that did not end in 401 `invalid_client`."""
    passed = []
    for form, headers in shapes:
        answer = await http.post(url, data={"grant_type": grant, "assertion": "a.b.c", **form}, headers=headers)
        if (answer.status_code, answer.json()["error"] if answer.status_code != 200 else "") != (401, "invalid_client"):
            passed.append((form, headers, answer.status_code))
    return passed


@pytest.mark.parametrize("grant", [CLIENT_CREDENTIALS, TOKEN_EXCHANGE, JWT_BEARER])
@pytest.mark.requirement("T-05")
async def test_forty_ways_to_skip_client_authentication_all_end_in_401(tmp_path, grant):
    async with world(tmp_path, trusted_issuers=(TRUSTED,)) as w, w.browser() as http:
        client = await service_client(w)
        shapes = unproved(client["client_id"], client["client_secret"])
        assert len(shapes) >= 40
        assert await let_through(http, "/token", grant, shapes) == []


class BelievesTheId(TokenEndpoint):
    """A weak endpoint: whoever names a client is taken for it."""

    async def __call__(self, request):
        form = {"client_id": (await request.form()).get("client_id", "")}
        stored = await self.authority.store.get(Client, form["client_id"])
        if stored is None:
            return await super().__call__(request)
        authority, minted = self.authority, self._minted(None)
        believed = Redemption(form, stored, authority.clock.now(), minted, authority.sealing, authority.policy)
        decision = await GRANTS[CLIENT_CREDENTIALS](authority, believed)
        return json_response(decision.reply.body)


@pytest.mark.requirement("T-05", weak=True)
async def test_the_check_of_client_authentication_finds_an_endpoint_that_believes_the_id(tmp_path):
    async with world(tmp_path) as w:
        client = await service_client(w)
        door = w.door
        weak = BelievesTheId(Authority(door.policy, door.store, door.clock, door.entropy, Wrapping(), None, None))
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(guarded(weak)), base_url=ISSUER) as http:
            passed = await let_through(
                http, "/token", CLIENT_CREDENTIALS, unproved(client["client_id"], client["client_secret"])
            )
        assert ({"client_id": client["client_id"]}, {}, 200) in passed


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


async def other_with_user_token(w, **given):
    """Return a client that may exchange, and a user's token that another client has."""
    public = (await w.register())["client_id"]
    tokens = (await w.redeem(public, await w.code(public))).json()
    return await operator_client(w, TOKEN_EXCHANGE, **given), tokens


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


async def test_without_a_trusted_issuer_the_grant_does_not_exist(tmp_path):
    async with world(tmp_path) as w:
        client = await operator_client(w, JWT_BEARER)
        refused = await asserted(w, client, signed(header(), {"iss": IDP}, EC))
        assert refused.json()["error"] == "unsupported_grant_type"
