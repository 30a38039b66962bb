"""What strangers name at a host leaves room for its honest clients, and what they describe has a bound."""

from __future__ import annotations

import json

import pytest
from endpoints.documents import KEY, door_and_host, public, publish
from endpoints.test_metadata_documents import authorize, keyed_code
from fetching.hostile import listening, response

from doorward.oauth.records import Client


@pytest.mark.requirement("R-09")
async def test_links_to_nothing_do_not_shut_out_a_client_of_their_host_that_is_new(tmp_path):
    async with door_and_host(tmp_path) as (w, host):
        client_id = publish(host)
        for number in range(10):
            assert (await authorize(w, host.url(f"/{number}.json"))).status_code == 400
        assert (await authorize(w, client_id)).status_code == 303


@pytest.mark.requirement("R-09")
async def test_links_to_a_host_of_keys_do_not_keep_its_keys_from_a_client_of_another_host(tmp_path):
    async with door_and_host(tmp_path, limit_authorizations_per_minute=0) as (w, host), listening() as keys:
        client_id = publish(host, token_endpoint_auth_method="private_key_jwt", jwks_uri=keys.url("/jwks.json"))
        keys.answers["/jwks.json"] = response(json.dumps(public(KEY)).encode())
        for number in range(60):
            await authorize(w, keys.url(f"/{number}.json"))
        assert (await keyed_code(w, client_id, jti="1")).status_code == 200


async def test_clients_that_describe_themselves_share_the_places_of_unused_ones(tmp_path):
    async with door_and_host(tmp_path, limit_authorizations_per_minute=0, unused_clients_limit=5) as (w, host):
        w.door.fetcher.budget.per_minute = 1_000
        used = publish(host, "/used.json")
        await w.code(used)
        for number in range(12):
            await w.register(client_name=f"client {number}")
            assert (await authorize(w, publish(host, f"/{number}.json"))).status_code == 303
        unused = [each for each in await w.door.store.find(Client) if each.record.used_at is None]
        assert len(unused) <= 5
        assert await w.door.store.get(Client, used) is not None
        # One that had to make room is asked for again.
        assert (await authorize(w, host.url("/0.json"))).status_code == 303


async def test_clients_that_are_read_again_and_again_do_not_outgrow_the_places(tmp_path):
    async with door_and_host(tmp_path, limit_authorizations_per_minute=0, unused_clients_limit=3) as (w, host):
        w.door.fetcher.budget.per_minute = 1_000
        for day in range(6):
            for number in range(5):
                await authorize(w, publish(host, f"/{number}.json"))
            w.clock.advance(8 * 3600)
            await w.door.store.purge(w.clock.now() - 24 * 3600)
            assert len(await w.door.store.find(Client)) <= 3, day
