"""`/register/{client_id}`: a client and its own registration."""

from __future__ import annotations

import pytest
from endpoints.registering import CONFIDENTIAL, post
from world import ISSUER, REDIRECT_URI, VERIFIER, world

from doorward.records.oauth import Client, Consent, Grant
from doorward.storage.sqlite import SqliteStore


async def test_a_public_client_gets_no_token_to_manage_what_it_may_share(tmp_path):
    async with world(tmp_path) as w:
        assert not {"registration_access_token", "registration_client_uri"} & (await w.register()).keys()


def managing(client) -> dict[str, str]:
    return {"authorization": f"Bearer {client['registration_access_token']}"}


@pytest.mark.requirement("RFC7592-2.1")
async def test_a_client_reads_replaces_and_deletes_its_registration(tmp_path):
    async with world(tmp_path) as w, w.browser() as http:
        client = (await post(w, CONFIDENTIAL | {"client_name": "Old"})).json()
        uri = client["registration_client_uri"]
        assert uri == f"{ISSUER}/register/{client['client_id']}"
        assert client["registration_access_token"].startswith("dwm_")
        shown = await http.get(uri, headers=managing(client))
        assert (shown.status_code, shown.json()["client_name"]) == (200, "Old")
        assert shown.headers["cache-control"] == "no-store"
        assert "client_secret" not in shown.json()
        auth = (client["client_id"], client["client_secret"])
        form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER}
        good, void = [await w.code(client["client_id"]) for _ in range(2)]
        tokens = (await http.post("/token", data=form | {"code": good}, auth=auth)).json()
        other = "https://client.example/other"
        body = CONFIDENTIAL | {"client_id": client["client_id"], "redirect_uris": [REDIRECT_URI, other]}
        replaced = await http.put(uri, json=body, headers=managing(client))
        assert (replaced.status_code, replaced.json()["redirect_uris"]) == (200, [REDIRECT_URI, other])
        refused = await http.post("/token", data=form | {"code": void}, auth=auth)
        assert refused.json()["error"] == "invalid_grant"
        assert (await w.call(tokens["access_token"])).status_code == 200
        assert (await http.delete(uri, headers=managing(client))).status_code == 204
        assert (await w.call(tokens["access_token"])).status_code == 401
        assert (await http.get(uri, headers=managing(client))).status_code == 401
        refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert (await http.post("/token", data=refresh, auth=auth)).status_code == 401
        assert all(grant.record.revoked_at for grant in await w.door.store.find(Grant))


@pytest.mark.requirement("RFC7592-2.3")
async def test_a_grant_that_is_given_while_its_client_is_deleted_ends_with_it(tmp_path, monkeypatch):
    async with world(tmp_path) as w, w.browser() as http:
        client = (await post(w, CONFIDENTIAL)).json()
        auth = (client["client_id"], client["client_secret"])
        form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER}

        async def connect() -> str:
            code = await w.code(client["client_id"])
            tokens = await http.post("/token", data=form | {"code": code}, auth=auth)
            return tokens.json()["access_token"]

        await connect()  # so that the client is in use, and a further grant does not change its record
        whole, meanwhile = SqliteStore.find, []

        async def find(self, record_type, **index):
            found = await whole(self, record_type, **index)
            if record_type is Grant and index == {"client_id": client["client_id"]} and not meanwhile:
                meanwhile.append("")
                meanwhile[0] = await connect()
            return found

        monkeypatch.setattr(SqliteStore, "find", find)
        assert (await http.delete(client["registration_client_uri"], headers=managing(client))).status_code == 204
        assert (await w.call(meanwhile[0])).status_code == 401
        assert all(grant.record.revoked_at for grant in await w.door.store.find(Grant))
        assert not await w.door.store.find(Client, source="dynamic")
        assert not await w.door.store.find(Consent)


@pytest.mark.requirement("R-10")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_nobody_manages_another_clients_registration(tmp_path, method):
    async with world(tmp_path) as w, w.browser() as http:
        victim, attacker = [(await post(w, CONFIDENTIAL)).json() for _ in range(2)]
        public_client = await w.register()
        body = CONFIDENTIAL | {"client_id": victim["client_id"], "redirect_uris": ["https://evil.example/"]}
        uri = victim["registration_client_uri"]
        tries = [
            (uri, {}),
            (uri, managing(attacker)),
            (uri, {"authorization": "Bearer "}),
            (uri, {"authorization": "Bearer dwm_guess"}),
            (uri, {"authorization": f"Basic {victim['registration_access_token']}"}),
            (f"{ISSUER}/register/{public_client['client_id']}", managing(attacker)),
            (f"{ISSUER}/register/unknown", managing(attacker)),
            (f"{ISSUER}/register/..%2f{victim['client_id']}", managing(attacker)),
        ]
        for address, headers in tries:
            json_body = {"json": body} if method == "PUT" else {}
            answer = await http.request(method, address, headers=headers, **json_body)
            assert answer.status_code in {401, 404}
            assert victim["client_id"] not in answer.text
        answer = await http.request(method, uri, headers={}, **({"json": body} if method == "PUT" else {}))
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
        assert (await http.get(uri, headers=managing(victim))).json()["redirect_uris"] == [REDIRECT_URI]


@pytest.mark.parametrize("path", ["/register/", "/register/a/b", "/register//", "/registerx/a"])
async def test_only_one_segment_is_a_client(tmp_path, path):
    async with world(tmp_path) as w, w.browser() as http:
        assert (await http.get(f"{ISSUER}{path}")).status_code == 404
