"""The operator's list of hosts to which clients that describe themselves may redirect."""

import pytest
from endpoints.documents import door_and_host, publish
from endpoints.registering import CONFIDENTIAL, post
from endpoints.test_administration import call, make_token
from endpoints.test_register import clients
from world import world

ELSEWHERE = {"redirect_uris": ["https://evil.example/cb"]}
HERE = {"redirect_uris": ["https://client.example/callback", "http://localhost/cb", "com.example.app:/cb"]}


@pytest.mark.requirement("F-07")
async def test_a_registration_for_another_host_is_refused_and_so_is_a_later_change(tmp_path):
    async with world(tmp_path, registration_redirect_hosts=["client.example"]) as w, w.browser() as http:
        refused = await post(w, CONFIDENTIAL | ELSEWHERE)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_redirect_uri")
        assert "evil.example" in refused.json()["error_description"]
        client = (await post(w, CONFIDENTIAL | HERE)).json()
        headers = {"authorization": f"Bearer {client['registration_access_token']}"}
        body = CONFIDENTIAL | {"client_id": client["client_id"]}
        changed = await http.put(client["registration_client_uri"], json=body | ELSEWHERE, headers=headers)
        assert (changed.status_code, changed.json()["error"]) == (400, "invalid_redirect_uri")
        assert (await http.put(client["registration_client_uri"], json=body | HERE, headers=headers)).status_code == 200
        assert [list(each.redirect_uris) for each in await clients(w)] == [HERE["redirect_uris"]]


async def test_the_users_machine_and_apps_are_refused_by_their_words(tmp_path):
    async with world(tmp_path, registration_redirect_hosts=["*", "!loopback", "!app"]) as w:
        for uri in HERE["redirect_uris"][1:]:
            refused = await post(w, CONFIDENTIAL | {"redirect_uris": [uri]})
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_redirect_uri")
        assert (await post(w, CONFIDENTIAL | {"redirect_uris": HERE["redirect_uris"][:1]})).status_code == 201


@pytest.mark.requirement("F-07")
async def test_the_users_machine_is_refused_in_every_spelling(tmp_path):
    async with world(tmp_path, registration_redirect_hosts=["*", "!loopback"]) as w:
        for host in ("127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "[::]", "app.localhost"):
            refused = await post(w, CONFIDENTIAL | {"redirect_uris": [f"https://{host}/cb"]})
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_redirect_uri"), host


async def test_a_client_that_the_operator_adds_may_redirect_anywhere(tmp_path):
    async with world(tmp_path, registration_redirect_hosts=["client.example"]) as w:
        token = await make_token(w, ("admin:clients",))
        assert (await call(w, "POST", "/clients", token, json={"name": "Mine", **ELSEWHERE})).status_code == 201


@pytest.mark.parametrize(("hosts", "status"), [(["*.example"], 303), (["elsewhere.example"], 400)])
async def test_a_document_cannot_lead_where_a_registration_may_not(tmp_path, hosts, status):
    async with door_and_host(tmp_path, registration_redirect_hosts=hosts) as (w, host), w.browser() as browser:
        answer = await browser.get("/authorize", params=w.authorize_parameters(publish(host)))
        assert answer.status_code == status
