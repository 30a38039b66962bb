"""`/-/connections`: who may see it, what it shows, and that disconnecting ends everything at once."""

from __future__ import annotations

import msgspec
import pytest
from world import ISSUER, PASSWORD, form_of, query_of, world

from doorward.directory.accounts import add_user, disable_user
from doorward.directory.clients import list_grants
from doorward.directory.connections import disconnect, list_connections
from doorward.records.changes import Insert
from doorward.records.oauth import Consent, Grant

PAGE = "/-/connections"
API = "/-/api/v1/connections"


async def connected(w, browser, name: str = "Notebook"):
    """Allow a client in this browser; return its id and tokens."""
    client_id = (await w.register(client_name=name))["client_id"]
    answer = await w.submit(browser, await w.sign_in(browser, client_id), decision="approve")
    return client_id, (await w.redeem(client_id, query_of(answer)["code"])).json()


async def disconnecting(browser, client_id: str, **changes: str):
    action, fields = form_of(await browser.get(PAGE))
    return await browser.post(action, data=fields | {"action": "disconnect", "client_id": client_id} | changes)


@pytest.mark.requirement("X1")
async def test_a_person_sees_what_is_connected_and_ends_it(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        client_id, tokens = await connected(w, browser)
        kept_id, kept = await connected(w, browser, "Keeper")
        page = await browser.get(PAGE)
        for told in (
            "Notebook",
            "Keeper",
            "client.example",
            client_id,
            "<code>mcp</code>",
            "unverified",
            "last active",
        ):
            assert told in page.text
        answer = await disconnecting(browser, client_id)
        assert answer.headers["location"] == f"{ISSUER}{PAGE}"
        assert (await w.call(tokens["access_token"])).status_code == 401
        assert (await w.call(kept["access_token"])).status_code == 200
        assert "Notebook" not in (await browser.get(PAGE)).text
        assert [each.record.client_id for each in await w.door.store.find(Consent)] == [kept_id]
        (ended,) = [grant for grant in await list_grants(w.door.store) if grant.revoked_at is not None]
        assert ended.revoked_reason == "disconnected_by_user"


async def test_a_client_at_two_doors_is_disconnected_from_one_or_from_both(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        client_id, tokens = await connected(w, browser)
        assert "Disconnect from" not in (await browser.get(PAGE)).text
        (grant,) = await w.door.store.find(Grant, client_id=client_id)
        elsewhere = msgspec.structs.replace(grant.record, grant_id="elsewhere", resource=f"{ISSUER}/other")
        await w.door.store.apply([Insert(elsewhere)])
        page = (await browser.get(PAGE)).text
        assert f"Disconnect from {ISSUER}/other</button>" in page
        assert "Disconnect everywhere</button>" in page
        await disconnecting(browser, client_id, resource=f"{ISSUER}/other")
        assert (await w.call(tokens["access_token"])).status_code == 200
        assert (await w.door.store.get(Grant, "elsewhere")).record.revoked_at is not None
        for resource, status in ((f"{ISSUER}/other", 200), (grant.record.resource, 401)):
            same_origin = {"sec-fetch-site": "same-origin"}
            await browser.delete(API, params={"client_id": client_id, "resource": resource}, headers=same_origin)
            assert (await w.call(tokens["access_token"])).status_code == status


async def test_nobody_sees_or_ends_the_connections_of_another(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser, w.browser() as other:
        client_id, tokens = await connected(w, browser)
        await add_user(w.door.store, w.clock, "ann", kind="person", password="another horse")
        page = await other.get("/-/login", params={"next": PAGE})
        seen = await w.submit(other, page, username="ann", password="another horse")
        assert "Nothing is connected" in seen.text
        action, fields = form_of(seen)
        await other.post(action, data=fields | {"action": "disconnect", "client_id": client_id})
        assert (await w.call(tokens["access_token"])).status_code == 200


async def test_a_sign_in_for_the_page_replaces_the_cookie_and_leads_back(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        asked = await browser.get(PAGE)
        assert asked.headers["location"] == f"{ISSUER}/-/login?next=%2F-%2Fconnections"
        page = await browser.get(asked.headers["location"])
        before = browser.cookies["__Host-doorward"]
        assert page.headers["set-cookie"].endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
        wrong = await w.submit(browser, page, username="owner", password="wrong")
        assert wrong.status_code == 400
        shown = await w.submit(browser, wrong, username="owner", password=PASSWORD)
        assert "<h1>Connections</h1>" in shown.text
        assert browser.cookies["__Host-doorward"] != before


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/-/connections/../../evil",
        "/-/connections?x=1",
        "/-/login",
        "/mcp",
        "javascript:alert(1)",
    ],
)
async def test_a_sign_in_leads_to_no_other_place(tmp_path, target):
    async with world(tmp_path) as w, w.browser() as browser:
        refused = await browser.get("/-/login", params={"next": target})
        assert refused.status_code == 400
        assert "evil" not in refused.text
        action, fields = form_of(await browser.get("/-/login", params={"next": PAGE}))
        changed = fields | {"next": target, "username": "owner", "password": PASSWORD}
        answer = await browser.post(action, data=changed)
        assert answer.status_code == 400
        assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "changes"),
    [
        ({}, {"form_token": ""}),
        ({}, {"form_token": "0" * 64}),
        ({"origin": "https://evil.example"}, {}),
        ({"sec-fetch-site": "cross-site"}, {}),
        ({"sec-fetch-site": "same-site"}, {}),
    ],
)
async def test_forged_forms_end_nothing_and_sign_nobody_in(tmp_path, headers, changes):
    async with world(tmp_path) as w, w.browser() as browser, w.browser() as fresh:
        client_id, tokens = await connected(w, browser)
        action, fields = form_of(await browser.get(PAGE))
        fields |= {"action": "disconnect", "client_id": client_id}
        assert (await browser.post(action, data=fields | changes, headers=headers)).status_code == 403
        assert (await w.call(tokens["access_token"])).status_code == 200
        action, fields = form_of(await fresh.get("/-/login", params={"next": PAGE}))
        fields |= {"username": "owner", "password": PASSWORD}
        refused = await fresh.post(action, data=fields | changes, headers=headers)
        assert refused.status_code == 403
        assert "set-cookie" not in refused.headers


async def test_a_browser_without_a_cookie_cannot_send_the_form(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser, w.browser() as bare:
        action, fields = form_of(await browser.get("/-/login", params={"next": PAGE}))
        fields |= {"username": "owner", "password": PASSWORD}
        assert (await bare.post(action, data=fields)).status_code == 403
        sent = await bare.post(PAGE, data={"action": "disconnect"})
        assert sent.headers["location"].startswith(f"{ISSUER}/-/login")


async def test_signing_out_ends_the_browser_and_an_odd_action_does_nothing(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        _, tokens = await connected(w, browser)
        action, fields = form_of(await browser.get(PAGE))
        assert (await browser.post(action, data=fields | {"action": "explode"})).status_code == 400
        await browser.post(action, data=fields | {"action": "sign_out"})
        assert (await browser.get(PAGE)).status_code == 303
        assert (await w.call(tokens["access_token"])).status_code == 200


async def test_a_page_belongs_to_a_live_account_and_a_live_session(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        await connected(w, browser)
        w.clock.advance(12 * 3600 + 1)
        assert (await browser.get(PAGE)).status_code == 303
        await connected(w, browser)
        assert (await browser.get(PAGE)).status_code == 200
        await disable_user(w.door.store, w.clock, "owner")
        assert (await browser.get(PAGE)).status_code == 303


async def test_the_json_twin_says_and_does_the_same(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser, w.browser() as stranger:
        client_id, tokens = await connected(w, browser)
        w.clock.advance(100)
        answer = await browser.get(API)
        assert answer.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in answer.headers
        (listed,) = answer.json()["connections"]
        assert listed["client_id"] == client_id
        assert listed["scopes"] == ["mcp"]
        assert listed["verified"] is False
        assert listed["last_used_at"] == w.clock.now() - 100
        assert (await stranger.get(API)).status_code == 401
        assert (await stranger.delete(API, params={"client_id": client_id})).status_code == 401
        for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
            refused = await browser.delete(API, params={"client_id": client_id}, headers=headers)
            assert refused.status_code == 403
        assert (await browser.delete(API)).status_code == 400
        assert (await w.call(tokens["access_token"])).status_code == 200
        done = await browser.delete(API, params={"client_id": client_id}, headers={"origin": ISSUER})
        assert done.json() == {"disconnected": True}
        assert (await w.call(tokens["access_token"])).status_code == 401
        again = await browser.delete(API, params={"client_id": client_id}, headers={"sec-fetch-site": "same-origin"})
        assert again.json() == {"disconnected": False}


async def test_last_use_follows_the_newest_token(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        client_id, tokens = await connected(w, browser)
        w.clock.advance(5000)
        form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": tokens["refresh_token"]}
        assert (await w.token(**form)).status_code == 200
        (connection,) = await list_connections(w.door.store, w.clock, "owner")
        assert connection.last_used_at == w.clock.now()
        assert connection.connected_at == w.clock.now() - 5000


async def test_a_consent_without_a_grant_is_shown_and_can_be_withdrawn(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        client_id, tokens = await connected(w, browser)
        async with w.browser() as http:
            await http.post("/revoke", data={"client_id": client_id, "token": tokens["refresh_token"]})
        assert "allowed, not in use" in (await browser.get(PAGE)).text
        assert await disconnect(w.door.store, w.clock, "owner", client_id)
        assert not await disconnect(w.door.store, w.clock, "owner", client_id)
        assert "Nothing is connected" in (await browser.get(PAGE)).text
