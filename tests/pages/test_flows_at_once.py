"""Each sign-in stands for itself: begun at the same moment as others, or after an answer that never arrived."""

from __future__ import annotations

import pytest
from pages.test_tabs import COOKIE, opened, sent, signed_in
from world import PASSWORD, follow, form_of, query_of, world

from doorward.login.browser_sessions import FLOWS_LIMIT
from doorward.records.oauth import Grant


async def begun_at_the_same_moment(w, browser, *client_ids):
    """Open tabs whose requests all left before the first answer came: none of them had a cookie to send."""
    answers = []
    for client_id in client_ids:
        async with w.browser() as nobody:
            answers.append(await nobody.get("/authorize", params=w.authorize_parameters(client_id)))
            for cookie in nobody.cookies.jar:
                browser.cookies.set(cookie.name, cookie.value, domain="mcp.example.com", path="/")
    return [await follow(browser, answer) for answer in answers]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["the first one first", "the second one first"])
async def test_sign_ins_begun_at_the_same_moment_both_go_on(tmp_path, order):
    async with world(tmp_path) as w, w.browser() as browser:
        client_ids = [(await w.register(client_name=name))["client_id"] for name in ("First", "Second")]
        tabs = await begun_at_the_same_moment(w, browser, *client_ids)
        assert ["username" in tab.text for tab in tabs] == [True, True]
        done = await sent(browser, await signed_in(browser, tabs[order[0]]), decision="approve")
        assert "code" in query_of(done)
        # Who has signed in for one is signed in for the other.
        consent = await sent(browser, tabs[order[1]], username="owner", password="whatever stands there")
        assert ("First", "Second")[order[1]] in consent.text
        assert "code" in query_of(await sent(browser, consent, decision="approve"))
        assert {each.record.client_id for each in await w.door.store.find(Grant)} == set(client_ids)


@pytest.mark.parametrize("how", ["the form is sent again", "the page is loaded again", "the flow is opened again"])
async def test_a_sign_in_whose_answer_is_lost_can_be_made_again(tmp_path, how):
    async with world(tmp_path) as w, w.browser() as browser:
        page = await opened(w, browser, (await w.register())["client_id"])
        before = {cookie.name: cookie.value for cookie in browser.cookies.jar}
        action, fields = form_of(page)
        filled = fields | {"username": "owner", "password": PASSWORD}
        assert (await browser.post(action, data=filled)).status_code == 303
        # The answer with the new cookie has never arrived.
        browser.cookies.clear()
        for name, value in before.items():
            browser.cookies.set(name, value, domain="mcp.example.com", path="/")
        if how == "the page is loaded again":
            page = await browser.get(f"/-/login?request={fields['request']}")
        elif how == "the flow is opened again":
            page = await follow(browser, await browser.get("/authorize", params={"continue": fields["request"]}))
        consent = await signed_in(browser, page)
        assert "Allow access?" in consent.text
        assert "code" in query_of(await sent(browser, consent, decision="approve"))


async def test_a_consent_page_may_be_loaded_twice_and_the_first_one_be_answered(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        first = await signed_in(browser, await opened(w, browser, (await w.register())["client_id"]))
        await browser.get(f"/-/consent?request={form_of(first)[1]['request']}")
        assert "code" in query_of(await sent(browser, first, decision="approve"))


async def test_the_cookie_of_a_flow_opens_nothing_but_the_way_to_sign_in(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser, w.browser() as thief:
        consent = await signed_in(browser, await opened(w, browser, (await w.register())["client_id"]))
        action, fields = form_of(consent)
        for cookie in browser.cookies.jar:
            if cookie.name != COOKIE:
                thief.cookies.set(cookie.name, cookie.value, domain="mcp.example.com", path="/")
        seen = await follow(thief, await thief.get("/authorize", params={"continue": fields["request"]}))
        assert "username" in seen.text
        for decision in ("approve", "deny"):
            refused = await thief.post(action, data=fields | {"decision": decision})
            assert refused.status_code == 400
            assert "location" not in refused.headers
        assert (await thief.get("/-/connections")).status_code == 303
        assert await w.door.store.find(Grant) == []
        assert "code" in query_of(await sent(browser, consent, decision="approve"))


async def test_the_cookie_of_one_flow_opens_no_other(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser, w.browser() as thief:
        client_id = (await w.register())["client_id"]
        theirs = form_of(await opened(w, browser, client_id))[1]["request"]
        own = form_of(await opened(w, thief, client_id))[1]["request"]
        value = thief.cookies[f"{COOKIE}-{own[:16]}"]
        thief.cookies.set(f"{COOKIE}-{theirs[:16]}", value, domain="mcp.example.com", path="/")
        assert (await thief.get("/authorize", params={"continue": theirs})).status_code == 400
        assert (await thief.get(f"/-/login?request={theirs}")).status_code == 400


async def test_cookies_of_flows_are_strict_short_lived_and_few(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        client_id = (await w.register())["client_id"]
        answer = await browser.get("/authorize", params=w.authorize_parameters(client_id))
        flow = answer.headers.get_list("set-cookie")[-1]
        assert flow.startswith(f"{COOKIE}-")
        for attribute in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age=600"):
            assert attribute in flow
        for _ in range(FLOWS_LIMIT + 5):
            page = await opened(w, browser, client_id)
        assert len([name for name in browser.cookies if name.startswith(f"{COOKIE}-")]) <= FLOWS_LIMIT
        assert "Allow access?" in (await signed_in(browser, page)).text
