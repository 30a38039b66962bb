"""The R rows in further situations: what a registration may cost, say and hand out, and what a document is bound to.

The mutants of these rows (`mutants/registration.toml`) are what each test is for; its weak twin is in
`test_registration_attacks`.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from attacks.test_registration_attacks import JSON, clients, door_and_patient_host
from endpoints.documents import document, publish
from endpoints.registering import CONFIDENTIAL, post
from fetching.hostile import Names, Switchboard, listening, response
from world import REDIRECT_URI, world

from doorward.fetching.fetcher import Fetcher
from doorward.oauth.clients.id_metadata import is_document_url

UNLIMITED = {"limit_registrations_per_minute": 0, "limit_authorizations_per_minute": 0}
PUBLIC = {"token_endpoint_auth_method": "none", "redirect_uris": [REDIRECT_URI]}


@pytest.mark.requirement("R-01")
async def test_registrations_take_the_places_of_those_that_nobody_uses_and_of_no_other(tmp_path):
    async with world(tmp_path, unused_clients_limit=100, **UNLIMITED) as w:
        used = (await w.register(client_name="used"))["client_id"]
        await w.code(used)
        for number in range(250):
            await post(w, PUBLIC | {"client_name": f"{number}"})
        left = await clients(w)
        assert len(left) <= 101
        assert used in {client.client_id for client in left}
        same = [(await post(w, PUBLIC | {"client_name": "same"})).json()["client_id"] for _ in range(3)]
        assert len(set(same)) == 1


LIMITS = (
    ({"redirect_uris": [f"https://client.example/{number}" for number in range(20)]}, 201),
    ({"redirect_uris": [f"https://client.example/{number}" for number in range(21)]}, 400),
    ({"redirect_uris": ["https://client.example/" + "x" * 1900]}, 201),
    ({"redirect_uris": ["https://client.example/" + "x" * 2100]}, 400),
    ({f"client_name#{tag}": "x" for tag in ("de", "fr", "it")}, 201),
    ({f"client_name#x-{number}": "x" for number in range(100)}, 400),
)


@pytest.mark.requirement("R-02")
async def test_each_part_of_a_registration_has_a_limit_of_its_own(tmp_path):
    async with world(tmp_path, **UNLIMITED) as w, w.browser() as http:
        for said, status in LIMITS:
            assert (await post(w, CONFIDENTIAL | {"redirect_uris": [REDIRECT_URI]} | said)).status_code == status, said
        body = json.dumps(PUBLIC | {"contacts": ["x"]})
        for size, fits in ((65_536, True), (65_537, False), (1_000_000, False)):
            padded = body[:-1] + " " * (size - len(body)) + "}"
            answer = await http.post("/register", content=padded, headers=JSON)
            assert (answer.status_code == 201) == fits, size


@pytest.mark.requirement("R-03")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
async def test_the_same_words_get_no_secret_of_another(tmp_path, method):
    async with world(tmp_path, **UNLIMITED) as w:
        body = PUBLIC | {"token_endpoint_auth_method": method}
        answers = [(await post(w, body)).json() for _ in range(4)]
        held = [answer.get(name) for answer in answers for name in ("client_secret", "registration_access_token")]
        if method == "none":
            assert set(held) == {None}
        else:
            assert len(set(held)) == len(held) == 8
            assert len({answer["client_id"] for answer in answers}) == 4


@pytest.mark.requirement("R-04")
async def test_no_word_of_a_registration_becomes_its_id(tmp_path):
    async with world(tmp_path, **UNLIMITED) as w, w.browser() as http:
        for wish in ("owner", "https://claude.ai/client.json", "claude", "../x"):
            names = ("client_id", "client_name", "software_id", "id", "clientId")
            said = dict.fromkeys(names, wish)
            client = (await post(w, CONFIDENTIAL | said)).json()
            assert client["client_id"] != wish
            assert not is_document_url(client["client_id"])
            assert ":" not in client["client_id"]
            own = {"authorization": f"Bearer {client['registration_access_token']}"}
            body = CONFIDENTIAL | {"client_id": wish}
            renamed = await http.put(client["registration_client_uri"], headers=own, json=body)
            assert renamed.status_code == 400
            assert (await http.get(client["registration_client_uri"], headers=own)).status_code == 200


@pytest.mark.requirement("R-05")
async def test_keys_at_a_url_are_no_way_to_prove_who_registered(tmp_path):
    async with listening() as canary:
        names = Names()
        fetcher = Fetcher(resolver=names, dialer=Switchboard(canary.port), allow_loopback=True)
        async with world(tmp_path, fetcher=fetcher, **UNLIMITED) as w:
            signs = PUBLIC | {"token_endpoint_auth_method": "private_key_jwt"}
            for said in ({}, {"jwks_uri": canary.url("/k")}, {"jwks_uri": "https://client.example/k"}):
                assert (await post(w, signs | said)).status_code == 400, said
            for name in ("client_uri", "logo_uri", "tos_uri", "policy_uri", "jwks_uri"):
                assert (await post(w, PUBLIC | {name: canary.url("/x")})).status_code == 201
    assert names.lookups == []
    assert canary.connections == 0


INNER = (
    "127.0.0.1",
    "10.0.0.1",
    "169.254.169.254",
    "192.168.1.1",
    "100.64.0.1",
    "172.16.0.1",
    "::1",
    "fd00::1",
    "0.0.0.0",
)


@pytest.mark.requirement("R-06")
async def test_no_client_id_leads_inside_whatever_its_name_resolves_to(tmp_path):
    async with listening() as canary:
        for inner in INNER:
            names = Names(client_example=[[inner]])
            fetcher = Fetcher(resolver=names, dialer=Switchboard(canary.port))
            async with world(tmp_path, fetcher=fetcher, **UNLIMITED) as w, w.browser() as browser:
                client_id = "https://client.example/client.json"
                answer = await browser.get("/authorize", params=w.authorize_parameters(client_id))
                assert answer.status_code == 400
            assert names.lookups == ["client.example"]
    assert canary.connections == 0


@pytest.mark.requirement("R-06")
@pytest.mark.requirement("R-07")
@pytest.mark.parametrize("status", [201, 203, 204, 206, 301, 302, 307, 308, 404, 410, 500])
async def test_a_document_is_what_is_answered_with_200_and_no_redirect_is_followed(tmp_path, status):
    async with door_and_patient_host(tmp_path) as (w, host), w.browser() as browser:
        url = host.url("/client.json")
        body = b"" if status == 204 else json.dumps(document(url)).encode()
        host.answers["/client.json"] = response(body, status, location=host.url("/inside"))
        host.answers["/inside"] = response(json.dumps(document(url)).encode())
        answer = await browser.get("/authorize", params=w.authorize_parameters(url))
        assert answer.status_code == 400
        assert "location" not in answer.headers
        assert host.asked("/inside") == 0
        assert await clients(w) == []


@pytest.mark.requirement("R-08")
async def test_a_document_that_names_another_way_to_prove_itself_voids_the_codes_of_before(tmp_path):
    async with door_and_patient_host(tmp_path) as (w, host):
        client_id = publish(host, headers={"cache_control": "no-store"})
        code = await w.code(client_id)
        publish(host, headers={"cache_control": "no-store"}, client_name="Another name")
        w.clock.advance(31)
        assert (await w.redeem(client_id, code)).status_code == 200
        code = await w.code(client_id)
        publish(host, headers={"cache_control": "no-store"}, redirect_uris=[REDIRECT_URI, "https://client.example/2"])
        w.clock.advance(31)
        assert (await w.redeem(client_id, code)).json()["error"] == "invalid_grant"


@pytest.mark.requirement("R-10")
async def test_a_registration_is_managed_with_its_own_token_while_it_lasts(tmp_path):
    async with world(tmp_path, **UNLIMITED) as w, w.browser() as http:
        client, public = (await post(w, CONFIDENTIAL)).json(), (await post(w, PUBLIC)).json()
        own = f"Bearer {client['registration_access_token']}"
        uri = client["registration_client_uri"]
        assert (await http.get(uri, headers={"authorization": own})).status_code == 200
        wrong: tuple[Any, ...] = (None, "", "Bearer", "Bearer x", own[:-1] + "A", f"Basic {own[7:]}")
        for address in (uri, f"/register/{public['client_id']}"):
            for each in wrong:
                headers = {} if each is None else {"authorization": each}
                assert (await http.get(address, headers=headers)).status_code == 401, each
                assert (await http.delete(address, headers=headers)).status_code == 401, each
        assert (await http.get(f"/register/{public['client_id']}", headers={"authorization": own})).status_code == 401
        w.clock.advance(366 * 86_400)
        assert (await http.get(uri, headers={"authorization": own})).status_code == 401
