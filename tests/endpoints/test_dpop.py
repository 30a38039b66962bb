"""Tokens that are bound to a key: from the token endpoint to the door, on one node and on two."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import httpx2
import pytest
from oauth.proofs import Holder
from world import CALL, ISSUER, REDIRECT_URI, RESOURCE, VERIFIER, World, query_of, world

from doorward.records.changes import DeleteAll
from doorward.records.oauth import AccessToken, SeenProof

TOKEN_URL = f"{ISSUER}/token"
ACCEPT = {"accept": "application/json, text/event-stream"}
ANN, EVE = Holder(), Holder()


def proof(w: World, holder: Holder = ANN, *, url: str = TOKEN_URL, **changes) -> str:
    return holder.proof(**({"url": url, "now": w.clock.now()} | changes))


async def post_token(w: World, form: dict[str, str], *proofs: str) -> httpx2.Response:
    async with w.browser() as http:
        return await http.post("/token", data=form, headers=[("dpop", each) for each in proofs])


async def redeem(w: World, client_id: str, code: str, *proofs: str, **changes: str) -> httpx2.Response:
    form = {"grant_type": "authorization_code", "client_id": client_id, "code": code}
    return await post_token(w, form | {"redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER} | changes, *proofs)


async def refresh(w: World, client_id: str, refresh_token: str, *proofs: str, **changes: str) -> httpx2.Response:
    form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": refresh_token}
    return await post_token(w, form | changes, *proofs)


async def call(w: World, token: str, *proofs: str, scheme: str = "DPoP", method: str = "POST") -> httpx2.Response:
    headers = [("authorization", f"{scheme} {token}"), *ACCEPT.items(), *(("dpop", each) for each in proofs)]
    async with w.browser() as http:
        return await http.request(method, "/mcp", json=CALL if method == "POST" else None, headers=headers)


async def bound(w: World, **metadata) -> tuple[str, dict]:
    client_id = (await w.register(**metadata))["client_id"]
    answer = await redeem(w, client_id, await w.code(client_id), proof(w))
    assert answer.status_code == 200, answer.text
    return client_id, answer.json()


def door_proof(w: World, token: str, holder: Holder = ANN, **changes) -> str:
    return holder.proof(**({"url": RESOURCE, "now": w.clock.now(), "access_token": token} | changes))


@asynccontextmanager
async def two_nodes(tmp_path, **settings):
    """Two doors on one database, as two processes would be."""
    async with world(tmp_path, **settings) as one, world(tmp_path, clock=one.clock, **settings) as two:
        yield one, two


@pytest.mark.requirement("RFC9449-5")
async def test_a_token_is_bound_to_the_key_of_its_request_and_used_with_proofs_of_it(tmp_path):
    async with world(tmp_path) as w:
        _, tokens = await bound(w)
        assert tokens["token_type"] == "DPoP"
        token = tokens["access_token"]
        for url in (RESOURCE, f"{RESOURCE}/", "https://MCP.example.com:443/mcp?a=b"):
            answer = await call(w, token, door_proof(w, token, url=url))
            assert answer.status_code == 200, answer.text
        forwarded = answer.json()["result"]["headers"].split(",")
        assert not {"dpop", "authorization"} & set(forwarded)


@pytest.mark.requirement("RFC9449-7")
async def test_a_bound_token_is_no_bearer_token(tmp_path):
    async with world(tmp_path) as w:
        token = (await bound(w))[1]["access_token"]
        for proofs in ((), (door_proof(w, token),)):
            answer = await call(w, token, *proofs, scheme="Bearer")
            assert answer.status_code == 401
            challenge = answer.headers["www-authenticate"]
            assert challenge.startswith('Bearer error="invalid_token"')
            assert ', DPoP algs="ES256 ' in challenge


@pytest.mark.requirement("RFC9449-7")
async def test_a_bearer_token_is_no_dpop_token(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        token = (await w.redeem(client_id, await w.code(client_id))).json()["access_token"]
        answer = await call(w, token, door_proof(w, token))
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith('DPoP error="invalid_token"')
        assert "resource_metadata=" in answer.headers["www-authenticate"]
        # And taken as what it is, it is good: only the scheme was at fault.
        assert (await call(w, token, scheme="Bearer")).status_code == 200


@pytest.mark.requirement("RFC9449-4.3")
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"url": TOKEN_URL}, "invalid_dpop_proof"),
        ({"method": "GET"}, "invalid_dpop_proof"),
        ({"ath": None}, "invalid_dpop_proof"),
        ({"access_token": "dwa_another"}, "invalid_dpop_proof"),
        ({"age": 61}, "invalid_dpop_proof"),
        ({"age": -61}, "invalid_dpop_proof"),
        ({"header": {"alg": "none"}}, "invalid_dpop_proof"),
        ({"header": {"jwk": ANN.private_jwk}}, "invalid_dpop_proof"),
        ({"holder": EVE}, "invalid_token"),
        ({"times": 0}, "invalid_dpop_proof"),
        ({"times": 2}, "invalid_dpop_proof"),
    ],
)
async def test_the_door_refuses_a_bound_token_with_a_proof_that_does_not_count(tmp_path, fault, error):
    async with world(tmp_path) as w:
        token = (await bound(w))[1]["access_token"]
        fault = dict(fault)
        times, age = fault.pop("times", 1), fault.pop("age", 0)
        proofs = [door_proof(w, token, **({"now": w.clock.now() - age} | fault)) for _ in range(times)]
        answer = await call(w, token, *proofs)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith(f'DPoP error="{error}"')
        assert "algs=" in answer.headers["www-authenticate"]
        assert answer.json()["error"] == error
        assert (await call(w, token, door_proof(w, token))).status_code == 200


@pytest.mark.requirement("RFC9449-11.1")
async def test_a_proof_counts_once_of_any_number_of_tries_on_two_nodes(tmp_path):
    async with two_nodes(tmp_path) as (one, two):
        token = (await bound(one))[1]["access_token"]
        used = door_proof(one, token)
        answers = await asyncio.gather(*(call(node, token, used) for node in (one, two) * 8))
        assert sorted(answer.status_code for answer in answers) == [200] + [401] * 15
        assert (
            'error="invalid_dpop_proof"' in max(answers, key=lambda each: each.status_code).headers["www-authenticate"]
        )
        for node in (one, two):
            assert (await call(node, token, used)).status_code == 401
            assert (await call(node, token, door_proof(node, token))).status_code == 200


@pytest.mark.requirement("RFC9449-11.1", weak=True)
async def test_without_the_record_of_used_proofs_a_replay_would_count(tmp_path):
    async with two_nodes(tmp_path) as (one, two):
        token = (await bound(one))[1]["access_token"]
        used = door_proof(one, token)
        assert (await call(one, token, used)).status_code == 200
        for seen in await one.door.store.find(SeenProof):
            await one.door.store.apply([DeleteAll(SeenProof, "minute", seen.record.minute)])
        assert (await call(two, token, used)).status_code == 200


@pytest.mark.requirement("RFC9449-11.1")
async def test_a_proof_counts_once_at_the_token_endpoint_of_two_nodes(tmp_path):
    async with two_nodes(tmp_path) as (one, two):
        client_id, tokens = await bound(one)
        used = proof(one)
        first = await refresh(one, client_id, tokens["refresh_token"], used)
        assert first.status_code == 200
        second = await refresh(two, client_id, first.json()["refresh_token"], used)
        assert second.status_code == 400
        assert second.json()["error"] == "invalid_dpop_proof"
        assert (await refresh(two, client_id, first.json()["refresh_token"], proof(two))).status_code == 200


async def test_used_proofs_are_removed_after_minutes_and_not_after_a_day(tmp_path):
    async with world(tmp_path) as w:
        token = (await bound(w))[1]["access_token"]
        for _ in range(30):
            assert (await call(w, token, door_proof(w, token))).status_code == 200
            w.clock.advance(60)
        kept = await w.door.store.find(SeenProof)
        assert 0 < len(kept) < 12
        oldest = min(each.record.expires_at for each in kept)
        assert oldest > w.clock.now() - 10 * 60


@pytest.mark.requirement("RFC9449-5")
@pytest.mark.parametrize("holder", [EVE, None])
async def test_a_public_client_s_refresh_token_is_refreshed_with_its_key_only(tmp_path, holder):
    async with world(tmp_path) as w:
        client_id, tokens = await bound(w)
        stolen = [] if holder is None else [proof(w, holder)]
        refused = await refresh(w, client_id, tokens["refresh_token"], *stolen)
        assert refused.status_code == 400
        assert refused.json()["error"] == "invalid_grant"
        # The thief has ended nothing: the owner of the key goes on.
        renewed = await refresh(w, client_id, tokens["refresh_token"], proof(w))
        assert renewed.json()["token_type"] == "DPoP"
        again = await refresh(w, client_id, tokens["refresh_token"], proof(w))
        assert again.json() == renewed.json()
        assert (await refresh(w, client_id, tokens["refresh_token"], *stolen)).status_code == 400


@pytest.mark.requirement("RFC9449-5")
async def test_a_confidential_client_may_change_its_key_when_it_refreshes(tmp_path):
    async with world(tmp_path) as w:
        client = await w.register(token_endpoint_auth_method="client_secret_post")
        secret = {"client_secret": client["client_secret"]}
        first = await redeem(w, client["client_id"], await w.code(client["client_id"]), proof(w), **secret)
        second = await refresh(w, client["client_id"], first.json()["refresh_token"], proof(w, EVE), **secret)
        token = second.json()["access_token"]
        assert (await call(w, token, door_proof(w, token, EVE))).status_code == 200
        assert (await call(w, token, door_proof(w, token, ANN))).status_code == 401


@pytest.mark.requirement("RFC9449-5")
async def test_a_code_that_is_bound_to_a_key_is_redeemed_with_it_only(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        code = await w.code(client_id, dpop_jkt=ANN.jkt)
        for proofs in ((), (proof(w, EVE),)):
            refused = await redeem(w, client_id, code, *proofs)
            assert refused.status_code == 400
            assert refused.json()["error"] == "invalid_grant"
        assert (await redeem(w, client_id, code, proof(w))).status_code == 200


async def test_an_honest_repeat_of_a_redemption_gets_the_same_tokens_and_another_key_does_not(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        code = await w.code(client_id)
        first = await redeem(w, client_id, code, proof(w))
        assert (await redeem(w, client_id, code, proof(w))).json() == first.json()
        assert (await redeem(w, client_id, code, proof(w, EVE))).json()["error"] == "invalid_grant"
        token = first.json()["access_token"]
        assert (await call(w, token, door_proof(w, token))).status_code == 401


async def test_a_thumbprint_that_cannot_be_one_is_refused(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        client_id = await w.known_client()
        answer = await browser.get("/authorize", params=w.authorize_parameters(client_id, dpop_jkt="short"))
        assert query_of(answer)["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("fault", "age"), [({"url": RESOURCE}, 0), ({"method": "GET"}, 0), ({}, 61), ({"header": {"alg": "HS256"}}, 0)]
)
async def test_the_token_endpoint_refuses_a_proof_that_does_not_count_and_spends_nothing(tmp_path, fault, age):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        code = await w.code(client_id)
        refused = await redeem(w, client_id, code, proof(w, **({"now": w.clock.now() - age} | fault)))
        assert refused.status_code == 400
        assert refused.json()["error"] == "invalid_dpop_proof"
        assert (await redeem(w, client_id, code, proof(w), proof(w))).json()["error"] == "invalid_dpop_proof"
        assert (await redeem(w, client_id, code, proof(w))).status_code == 200


@pytest.mark.requirement("RFC9449-8")
async def test_where_nonces_are_asked_for_a_client_is_sent_back_with_one(tmp_path):
    async with world(tmp_path, dpop_nonce="required") as w:
        client_id = (await w.register())["client_id"]
        code = await w.code(client_id)
        asked = await redeem(w, client_id, code, proof(w))
        assert (asked.status_code, asked.json()["error"]) == (400, "use_dpop_nonce")
        nonce = asked.headers["dpop-nonce"]
        assert "dpop-nonce" in asked.headers["access-control-expose-headers"]
        redeemed = await redeem(w, client_id, code, proof(w, nonce=nonce))
        assert redeemed.status_code == 200
        assert "dpop-nonce" not in redeemed.headers
        token = redeemed.json()["access_token"]
        challenged = await call(w, token, door_proof(w, token))
        assert challenged.status_code == 401
        assert challenged.headers["www-authenticate"].startswith('DPoP error="use_dpop_nonce"')
        nonce = challenged.headers["dpop-nonce"]
        assert (await call(w, token, door_proof(w, token, nonce=nonce))).status_code == 200
        w.clock.advance(200)
        answer = await call(w, token, door_proof(w, token, nonce=nonce))
        assert answer.status_code == 200
        assert answer.headers["dpop-nonce"] != nonce
        w.clock.advance(100)
        assert (await call(w, token, door_proof(w, token, nonce=nonce))).status_code == 401
        fresh = answer.headers["dpop-nonce"]
        assert (await call(w, token, door_proof(w, token, nonce=fresh))).status_code == 200


@pytest.mark.requirement("RFC9449-8")
async def test_a_nonce_of_one_node_is_good_at_another_and_a_made_up_one_nowhere(tmp_path):
    async with two_nodes(tmp_path, dpop_nonce="required") as (one, two):
        client_id = (await one.register())["client_id"]
        code = await one.code(client_id)
        made_up = await redeem(one, client_id, code, proof(one, nonce="made-up"))
        assert made_up.json()["error"] == "use_dpop_nonce"
        nonce = made_up.headers["dpop-nonce"]
        assert (await redeem(two, client_id, code, proof(two, nonce=nonce))).status_code == 200


async def test_where_tokens_must_be_bound_none_is_issued_without_a_proof(tmp_path):
    async with world(tmp_path, require_dpop=True) as w:
        client_id = (await w.register())["client_id"]
        code = await w.code(client_id)
        refused = await redeem(w, client_id, code)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_dpop_proof")
        assert (await redeem(w, client_id, code, proof(w))).status_code == 200
        challenge = (await w.call(None)).headers["www-authenticate"]
        assert challenge.startswith("Bearer scope=")
        assert ', DPoP algs="ES256 ' in challenge


@pytest.mark.requirement("RFC9449-5")
@pytest.mark.parametrize(("asked", "kept"), [(True, True), (False, False), ("true", False), (None, False)])
async def test_a_client_that_registers_for_bound_tokens_gets_no_others(tmp_path, asked, kept):
    async with world(tmp_path) as w:
        client = await w.register(dpop_bound_access_tokens=asked)
        assert client.get("dpop_bound_access_tokens", False) is kept
        code = await w.code(client["client_id"])
        answer = await redeem(w, client["client_id"], code)
        assert answer.status_code == (400 if kept else 200)
        if kept:
            assert answer.json()["error"] == "invalid_dpop_proof"
            assert (await redeem(w, client["client_id"], code, proof(w))).json()["token_type"] == "DPoP"


async def test_where_nobody_asks_for_dpop_the_challenge_does_not_name_it(tmp_path):
    async with world(tmp_path) as w:
        assert "DPoP" not in (await w.call(None)).headers["www-authenticate"]
        assert "DPoP" not in (await w.call("dwa_wrong")).headers["www-authenticate"]


@pytest.mark.parametrize("token", ["", "x y", "dwa_unknown", "dwk_" + "A" * 48])
async def test_a_dpop_token_that_is_none_of_ours_is_invalid(tmp_path, token):
    async with world(tmp_path) as w:
        answer = await call(w, token, door_proof(w, token))
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith('DPoP error="invalid_token"')


async def test_a_revoked_bound_token_is_refused_whatever_the_proof(tmp_path):
    async with world(tmp_path) as w:
        token = (await bound(w))[1]["access_token"]
        for stored in await w.door.store.find(AccessToken):
            await w.door.store.apply([DeleteAll(AccessToken, "grant_id", stored.record.grant_id)])
        assert (await call(w, token, door_proof(w, token))).status_code == 401
