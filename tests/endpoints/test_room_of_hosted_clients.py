"""What strangers name at a host leaves room for its honest clients."""

from __future__ import annotations

import json

import pytest
from endpoints.documents import KEY, door_and_host, proof, public, publish
from endpoints.test_metadata_documents import authorize
from fetching.hostile import Names, listening, local_fetcher, response
from world import REDIRECT_URI, VERIFIER, world


@pytest.mark.requirement("R-09")
async def test_links_to_nothing_do_not_shut_out_a_client_of_their_host_that_is_new(tmp_path):
    async with door_and_host(tmp_path) as (w, host):
        client_id = publish(host)
        for number in range(10):
            assert (await authorize(w, host.url(f"/{number}.json"))).status_code == 400
        assert (await authorize(w, client_id)).status_code == 303


@pytest.mark.requirement("R-09")
async def test_links_to_a_host_of_keys_do_not_keep_its_keys_from_a_client_of_another_host(tmp_path):
    fetcher = local_fetcher(resolver=Names(localhost=[["127.0.0.1"]] * 100))
    async with listening() as host, world(tmp_path, fetcher=fetcher, limit_authorizations_per_minute=0) as w:
        jwks_uri = host.url("/jwks.json", "localhost")
        client_id = publish(host, token_endpoint_auth_method="private_key_jwt", jwks_uri=jwks_uri)
        host.answers["/jwks.json"] = response(json.dumps(public(KEY)).encode())
        form = {"grant_type": "authorization_code", "code": await w.code(client_id), "redirect_uri": REDIRECT_URI}
        for number in range(40):
            assert (await authorize(w, host.url(f"/{number}.json", "localhost"))).status_code == 400
        answer = await w.token(**form, code_verifier=VERIFIER, **proof(w, client_id))
        assert answer.status_code == 200, answer.text
