"""An operator gives a client a new secret while the old one is in use."""

import pytest
from endpoints.test_administration import call, make_token
from endpoints.test_audit import entries
from world import REDIRECT_URI, world

from doorward.administration.operation import CAPABILITIES
from doorward.records.changes import Insert
from doorward.records.oauth import Client

MINE = {"name": "Mine", "redirect_uris": ["https://client.example/callback"]}


@pytest.mark.requirement("F-08")
async def test_the_old_secret_works_until_the_overlap_ends(tmp_path):
    async with world(tmp_path) as w:
        token = await make_token(w, CAPABILITIES)
        made = (await call(w, "POST", "/clients", token, json=MINE)).json()
        client_id, old = made["client_id"], made["client_secret"]

        async def status(secret):
            return (await w.redeem(client_id, await w.code(client_id), client_secret=secret)).status_code

        answer = await call(w, "POST", "/clients/Mine/secret", token, json={"overlap_seconds": 3600})
        new = answer.json()
        assert (answer.status_code, new["client_id"]) == (200, client_id)
        assert new["earlier_secret_until"] == w.clock.now() + 3600
        shown = await call(w, "GET", f"/clients/{client_id}", token)
        assert shown.json()["earlier_secret_until"] == new["earlier_secret_until"]
        assert new["client_secret"] not in shown.text
        assert [await status(each) for each in (old, new["client_secret"])] == [200, 200]
        w.clock.advance(3600)
        assert [await status(each) for each in (old, new["client_secret"])] == [401, 200]
        written = await entries(w)
        (told,) = [each for each in written if each.event == "client_secret_rotated"]
        assert told.client_id == client_id
        assert not any(secret in repr(written) for secret in (old, new["client_secret"]))


async def test_a_rotation_without_overlap_ends_every_other_secret(tmp_path):
    async with world(tmp_path) as w:
        token = await make_token(w, CAPABILITIES)
        made = (await call(w, "POST", "/clients", token, json=MINE)).json()
        address = f"/clients/{made['client_id']}/secret"
        secrets = [made["client_secret"]]
        for body in ({}, {"overlap_seconds": 0}):
            secrets.append((await call(w, "POST", address, token, json=body)).json()["client_secret"])
        client_id = made["client_id"]
        tried = [await w.redeem(client_id, await w.code(client_id), client_secret=each) for each in secrets]
        assert [each.status_code for each in tried] == [401, 401, 200]


async def test_a_secret_that_a_program_declares_is_not_rotated_for_the_next_start_would_bring_it_back(tmp_path):
    declared = {
        "client_id": "notes",
        "client_name": "Notes",
        "redirect_uris": [REDIRECT_URI],
        "client_secret": "s" * 43,
    }
    async with world(tmp_path, clients=[declared]) as w:
        token = await make_token(w, CAPABILITIES)
        answer = await call(w, "POST", "/clients/notes/secret", token, json={"overlap_seconds": 0})
        assert (answer.status_code, "is declared by a program" in answer.text) == (400, True), answer.text
        assert (await w.redeem("notes", await w.code("notes"), client_secret="s" * 43)).status_code == 200


async def test_what_cannot_be_rotated_is_refused_with_the_reason(tmp_path):
    async with world(tmp_path) as w:
        token = await make_token(w, CAPABILITIES)
        public = (await call(w, "POST", "/clients", token, json=MINE | {"confidential": False})).json()["client_id"]
        await w.door.store.apply([Insert(Client(client_id="own", source="dynamic", created_at=1, secret_digest="d"))])
        await call(w, "POST", "/clients", token, json=MINE)
        cases = [
            (public, {}, 400, "has no secret"),
            ("own", {}, 400, "registered itself"),
            ("nobody", {}, 404, "there is no client"),
            ("Mine", {}, 400, "2 clients have the name"),
            (public, {"overlap_seconds": 90 * 86_400 + 1}, 400, "overlap_seconds"),
            (public, {"overlap_seconds": -1}, 400, "overlap_seconds"),
        ]
        for client, body, status, text in cases:
            answer = await call(w, "POST", f"/clients/{client}/secret", token, json=body)
            assert (answer.status_code, text in answer.text) == (status, True), answer.text
