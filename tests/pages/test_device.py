"""A person allows a device: the page, the pace of the device, and how far guessing gets."""

from __future__ import annotations

import asyncio

import pytest
from endpoints.operator_clients import operator_client
from world import ISSUER, PASSWORD, follow, form_of, world

from doorward.directory.accounts import add_user, disable_user
from doorward.directory.clients import list_grants, remove_client
from doorward.oauth.grant_types import DEVICE_CODE


async def begun(w, client, **form):
    async with w.browser() as http:
        answer = await http.post("/device_authorization", data=client | form)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def polled(w, client, device_code):
    return await w.token(grant_type=DEVICE_CODE, device_code=device_code, **client)


async def a_device(w, *, confidential=False):
    client = await operator_client(w, DEVICE_CODE, confidential=confidential)
    return client, await begun(w, client)


async def signed_in(w, browser, username="owner"):
    page = await follow(browser, await browser.get("/-/device"))
    assert "Connect a device" in page.text
    return await w.submit(browser, page, username=username, password=PASSWORD)


@pytest.mark.requirement("RFC8628-3.5")
@pytest.mark.parametrize("confidential", [False, True])
async def test_a_device_gets_in_once_a_person_has_typed_its_code(tmp_path, confidential):
    async with world(tmp_path, device_grant=True) as w, w.browser() as browser:
        client, device = await a_device(w, confidential=confidential)
        assert device["verification_uri"] == f"{ISSUER}/-/device"
        assert "verification_uri_complete" not in device
        assert (await polled(w, client, device["device_code"])).json()["error"] == "authorization_pending"
        page = await signed_in(w, browser)
        page = await w.submit(browser, page, user_code=device["user_code"].lower())
        assert "Allow this device?" in page.text
        assert "Robot" in page.text
        assert "<code>mcp</code>" in page.text
        done = await w.submit(browser, page, decision="approve")
        assert "Device connected" in done.text
        w.clock.advance(5)
        tokens = (await polled(w, client, device["device_code"])).json()
        assert (await w.call(tokens["access_token"])).status_code == 200
        refreshed = await w.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"], **client)
        assert refreshed.status_code == 200
        (grant,) = await list_grants(w.door.store, user_id="owner")
        assert (grant.client_id, grant.grant_type) == (client["client_id"], DEVICE_CODE)
        assert client["client_id"] in (await browser.get("/-/connections")).text


async def test_a_person_may_say_no_and_only_once(tmp_path):
    async with world(tmp_path, device_grant=True) as w, w.browser() as browser:
        client, device = await a_device(w)
        page = await signed_in(w, browser)
        page = await w.submit(browser, page, user_code=device["user_code"])
        done = await w.submit(browser, page, decision="deny")
        assert "Nothing was allowed" in done.text
        assert (await polled(w, client, device["device_code"])).json()["error"] == "access_denied"
        again = await w.submit(browser, page, decision="approve")
        assert (again.status_code, "Codes expire after" in again.text) == (400, True)
        assert await list_grants(w.door.store, user_id="owner") == []


async def test_a_yes_whose_answer_was_lost_can_be_sent_again_and_is_no_guess(tmp_path):
    async with world(tmp_path, device_grant=True) as w, w.browser() as browser:
        client, device = await a_device(w)
        page = await signed_in(w, browser)
        page = await w.submit(browser, page, user_code=device["user_code"])
        answers = [await w.submit(browser, page, decision="approve") for _ in range(8)]
        assert all("Device connected" in answer.text for answer in answers)
        assert len(await list_grants(w.door.store, user_id="owner")) == 1
        late = await w.submit(browser, page, decision="deny")
        assert "Device connected" in late.text
        w.clock.advance(600)
        assert (await w.submit(browser, page, decision="approve")).status_code == 400
        assert client["client_id"]


async def test_what_somebody_else_allowed_is_nobody_s_to_see(tmp_path):
    async with world(tmp_path, device_grant=True) as w, w.browser() as browser, w.browser() as other:
        _, device = await a_device(w)
        await add_user(w.door.store, w.clock, "mallory", kind="person", password=PASSWORD)
        page = await w.submit(browser, await signed_in(w, browser), user_code=device["user_code"])
        await w.submit(browser, page, decision="approve")
        theirs = await signed_in(w, other, "mallory")
        assert (await w.submit(other, theirs, user_code=device["user_code"])).status_code == 400


async def test_sixteen_polls_at_one_moment_get_one_pair_of_tokens(tmp_path):
    async with world(tmp_path, device_grant=True) as w, w.browser() as browser:
        client, device = await a_device(w)
        page = await w.submit(browser, await signed_in(w, browser), user_code=device["user_code"])
        await w.submit(browser, page, decision="approve")
        answers = await asyncio.gather(*(polled(w, client, device["device_code"]) for _ in range(16)))
        pairs = {answer.json()["access_token"] for answer in answers if answer.status_code == 200}
        assert len(pairs) == 1
        w.clock.advance(11)
        assert (await polled(w, client, device["device_code"])).json()["error"] == "invalid_grant"


async def test_a_device_that_hurries_is_slowed_down_on_the_next_node_too(tmp_path):
    async with world(tmp_path, device_grant=True) as w, world(tmp_path, device_grant=True, clock=w.clock) as other:
        client, device = await a_device(w)
        assert (await polled(w, client, device["device_code"])).json()["error"] == "authorization_pending"
        assert (await polled(other, client, device["device_code"])).json()["error"] == "slow_down"
        w.clock.advance(9)
        assert (await polled(w, client, device["device_code"])).json()["error"] == "slow_down"
        w.clock.advance(15)
        assert (await polled(w, client, device["device_code"])).json()["error"] == "authorization_pending"


async def test_after_ten_minutes_both_codes_are_dead(tmp_path):
    async with world(tmp_path, device_grant=True) as w, w.browser() as browser:
        client, device = await a_device(w)
        page = await signed_in(w, browser)
        w.clock.advance(600)
        assert (await polled(w, client, device["device_code"])).json()["error"] == "expired_token"
        answer = await w.submit(browser, page, user_code=device["user_code"])
        assert "Codes expire after" in answer.text


async def test_a_page_of_somebody_else_cannot_allow_a_device(tmp_path):
    async with world(tmp_path, device_grant=True) as w, w.browser() as browser:
        _, device = await a_device(w)
        page = await signed_in(w, browser)
        action, fields = form_of(page)
        forged = {"user_code": device["user_code"], "decision": "approve"}
        for data, headers in (
            (forged, {}),
            (forged | {"form_token": "0" * 64}, {}),
            (forged | fields, {"sec-fetch-site": "cross-site"}),
            (forged | fields, {"origin": "https://evil.example"}),
        ):
            refused = await browser.post(action, data=data, headers=headers)
            assert refused.status_code == 403
        async with w.browser() as stranger:
            unknown = await stranger.post(action, data=forged | fields)
            assert unknown.headers["location"].startswith(f"{ISSUER}/-/login")
        assert await list_grants(w.door.store, user_id="owner") == []


async def test_the_code_is_in_no_link_and_no_get_allows_anything(tmp_path):
    async with world(tmp_path, device_grant=True) as w, w.browser() as browser:
        _, device = await a_device(w)
        await signed_in(w, browser)
        page = await browser.get("/-/device", params={"user_code": device["user_code"], "decision": "approve"})
        assert device["user_code"] not in page.text
        assert "Robot" not in page.text


async def guesses(w, browser, page, number):
    """Send wrong codes in a row; return how many of them were looked at."""
    looked_at = 0
    for count in range(number):
        answer = await w.submit(browser, page, user_code=f"XXXX-{'BCDFGHJKLMNPQRSTVWXZ'[count % 20] * 4}")
        looked_at += answer.status_code == 400
        assert answer.status_code in {400, 429}
    return looked_at


async def test_guessing_is_slowed_down_for_the_person_and_not_by_what_they_own(tmp_path):
    async with world(tmp_path, device_grant=True, limit_sign_ins_per_minute=0) as w, w.browser() as browser:
        client, device = await a_device(w)
        await add_user(w.door.store, w.clock, "mallory", kind="person", password=PASSWORD)
        page = await signed_in(w, browser, "mallory")
        assert await guesses(w, browser, page, 4) == 4
        own = await w.submit(browser, page, user_code=device["user_code"])
        assert "Allow this device?" in own.text
        assert await guesses(w, browser, page, 40) == 1
        blocked = await w.submit(browser, page, user_code=device["user_code"])
        assert (blocked.status_code, int(blocked.headers["retry-after"])) == (429, 30)
        looked_at = 0
        for _ in range(20):
            w.clock.advance(30)
            looked_at += await guesses(w, browser, page, 2)
        assert looked_at < 10
        assert client["client_id"]


async def test_whoever_is_switched_off_is_asked_to_sign_in_and_their_devices_end(tmp_path):
    async with world(tmp_path, device_grant=True) as w, w.browser() as browser:
        await add_user(w.door.store, w.clock, "anna", kind="person", password=PASSWORD)
        client, device = await a_device(w)
        page = await w.submit(browser, await signed_in(w, browser, "anna"), user_code=device["user_code"])
        await w.submit(browser, page, decision="approve")
        tokens = (await polled(w, client, device["device_code"])).json()
        await disable_user(w.door.store, w.clock, "anna")
        assert (await w.call(tokens["access_token"])).status_code == 401
        assert "Sign in" in (await follow(browser, await browser.get("/-/device"))).text


async def test_the_device_of_a_removed_client_waits_for_nothing(tmp_path):
    async with world(tmp_path, device_grant=True) as w, w.browser() as browser:
        client, device = await a_device(w)
        page = await w.submit(browser, await signed_in(w, browser), user_code=device["user_code"])
        await remove_client(w.door.store, w.clock, client["client_id"])
        assert "Codes expire after" in (await w.submit(browser, page, decision="approve")).text
        assert (await polled(w, client, device["device_code"])).status_code == 401


@pytest.mark.requirement("T-11")
async def test_unless_it_is_opened_there_is_no_device_grant(tmp_path):
    async with world(tmp_path) as w, w.browser() as http:
        client = await operator_client(w, DEVICE_CODE, confidential=False)
        assert (await http.post("/device_authorization", data=client)).status_code == 404
        assert (await http.get("/-/device")).status_code == 404
        metadata = (await http.get("/.well-known/oauth-authorization-server")).json()
        assert "device_authorization_endpoint" not in metadata
        assert DEVICE_CODE not in metadata["grant_types_supported"]
        refused = await polled(w, client, "dwd_x")
        assert refused.json()["error"] == "unsupported_grant_type"


async def test_whoever_registered_themselves_cannot_begin(tmp_path):
    async with world(tmp_path, device_grant=True) as w, w.browser() as http:
        metadata = (await http.get("/.well-known/oauth-authorization-server")).json()
        assert metadata["device_authorization_endpoint"] == f"{ISSUER}/device_authorization"
        client = await w.register(grant_types=["authorization_code", DEVICE_CODE])
        refused = await http.post("/device_authorization", data={"client_id": client["client_id"]})
        assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")
