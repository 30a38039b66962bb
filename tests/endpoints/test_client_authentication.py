"""A stored copy of a client's description is read again before it is trusted, and before it is a reason to refuse.

At every endpoint that authenticates clients: a key that was withdrawn no longer counts, a new one does.
"""

from __future__ import annotations

from itertools import count

import pytest
from endpoints.documents import KEY, OTHER_KEY, door_and_host, proof, public, publish
from fetching.hostile import response
from world import REDIRECT_URI, VERIFIER

NUMBERS = count(1)
KEYED = {"token_endpoint_auth_method": "private_key_jwt"}
STALE = 601
FORMS = {
    "/token": lambda tokens, w, client: {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]},
    "/introspect": lambda tokens, w, client: {"token": tokens["access_token"]},
    "/revoke": lambda tokens, w, client: {"token": "dwa_another"},
    "/par": lambda tokens, w, client: w.authorize_parameters(client),
    "/device_authorization": lambda tokens, w, client: {},
}
AT_EVERY_ENDPOINT = pytest.mark.parametrize("path", FORMS)


async def signed_in(w, client, **fields):
    form = {"grant_type": "authorization_code", "code": await w.code(client), "redirect_uri": REDIRECT_URI}
    answer = await w.token(**form, code_verifier=VERIFIER, **fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def keyed_client(w, host):
    client = publish(host, jwks=public(KEY), **KEYED)
    return client, await signed_in(w, client, **proof(w, client, jti=f"j{next(NUMBERS)}"))


async def authenticates(w, path, tokens, client, key=KEY, **fields) -> bool:
    by_key = proof(w, client, key, jti=f"j{next(NUMBERS)}") if key is not None else {"client_id": client}
    async with w.browser() as http:
        answer = await http.post(path, data=FORMS[path](tokens, w, client) | by_key | fields)
    assert answer.status_code < 500, answer.text
    return answer.status_code in {200, 201} or answer.json()["error"] not in {"invalid_client", "too_many_requests"}


@AT_EVERY_ENDPOINT
async def test_a_key_that_was_withdrawn_does_not_count_once_the_copy_is_stale(tmp_path, path):
    async with door_and_host(tmp_path, device_grant=True) as (w, host):
        client, tokens = await keyed_client(w, host)
        publish(host, jwks=public(OTHER_KEY), **KEYED)
        w.clock.advance(STALE)
        assert not await authenticates(w, path, tokens, client, KEY)
        assert await authenticates(w, path, tokens, client, OTHER_KEY)


@AT_EVERY_ENDPOINT
async def test_a_new_key_counts_although_the_copy_is_fresh(tmp_path, path):
    async with door_and_host(tmp_path, device_grant=True) as (w, host):
        client, tokens = await keyed_client(w, host)
        publish(host, jwks=public(OTHER_KEY), **KEYED)
        assert await authenticates(w, path, tokens, client, OTHER_KEY)
        assert not await authenticates(w, path, tokens, client, KEY)


@AT_EVERY_ENDPOINT
async def test_a_client_that_gave_up_its_keys_or_began_with_them_is_known_by_what_it_says_now(tmp_path, path):
    async with door_and_host(tmp_path, device_grant=True) as (w, host):
        client = publish(host)
        tokens = await signed_in(w, client, client_id=client)
        publish(host, jwks=public(KEY), **KEYED)
        assert await authenticates(w, path, tokens, client, KEY)
        assert not await authenticates(w, path, tokens, client, None)


@AT_EVERY_ENDPOINT
async def test_a_client_whose_description_is_gone_is_refused(tmp_path, path):
    async with door_and_host(tmp_path, device_grant=True) as (w, host):
        client, tokens = await keyed_client(w, host)
        host.answers["/client.json"] = response(b"", 404)
        w.clock.advance(STALE)
        assert not await authenticates(w, path, tokens, client)
        assert not await authenticates(w, path, tokens, client)
        assert host.asked("/client.json") == 2


async def test_a_wrong_key_makes_the_door_ask_once_a_minute(tmp_path):
    async with door_and_host(tmp_path) as (w, host):
        client, tokens = await keyed_client(w, host)
        before = host.asked("/client.json")
        for _ in range(5):
            assert not await authenticates(w, "/introspect", tokens, client, OTHER_KEY)
        assert host.asked("/client.json") == before + 1
        w.clock.advance(60)
        for _ in range(5):
            assert not await authenticates(w, "/introspect", tokens, client, OTHER_KEY)
        assert host.asked("/client.json") == before + 2


async def test_a_host_that_is_down_leaves_a_client_what_it_was_for_a_day_and_then_gives_no_verdict(tmp_path):
    async with door_and_host(tmp_path) as (w, host):
        client, tokens = await keyed_client(w, host)
        host.answers["/client.json"] = response(b"", 503)
        w.clock.advance(STALE)
        assert await authenticates(w, "/introspect", tokens, client)
        w.clock.advance(24 * 3600)
        async with w.browser() as http:
            form = {"token": "x", **proof(w, client, jti="late")}
            answer = await http.post("/introspect", data=form)
        assert answer.status_code == 503
        assert answer.json()["error"] == "temporarily_unavailable"
