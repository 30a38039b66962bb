"""Sign-ins begun in several tabs of one browser: signing in replaces the cookie, and must end none of the others."""

from __future__ import annotations

from typing import Any

import httpx2
from world import PASSWORD, World, follow, form_of, query_of, world

from doorward.directory.accounts import add_user
from doorward.login.browser_sessions import cookie_digest
from doorward.records.accounts import BrowserSession
from doorward.records.oauth import Grant

COOKIE = "__Host-doorward"


async def opened(w: World, browser: httpx2.AsyncClient, client_id: str, **changes: str) -> httpx2.Response:
    """Open a sign-in in a tab of this browser, as far as its first page."""
    return await follow(browser, await browser.get("/authorize", params=w.authorize_parameters(client_id, **changes)))


async def sent(browser: httpx2.AsyncClient, page: httpx2.Response, **values: str) -> httpx2.Response:
    """Send the form of a page that a tab shows, and follow to what the tab shows then."""
    action, fields = form_of(page)
    return await follow(browser, await browser.post(action, data=fields | values))


async def signed_in(browser: httpx2.AsyncClient, page: httpx2.Response, user: str = "owner") -> httpx2.Response:
    return await sent(browser, page, username=user, password=PASSWORD)


async def test_a_second_tab_goes_on_after_the_first_has_signed_in(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        first, second = [(await w.register(client_name=name))["client_id"] for name in ("First", "Second")]
        tabs = [await opened(w, browser, client_id) for client_id in (first, second)]
        done = await sent(browser, await signed_in(browser, tabs[0]), decision="approve")
        assert "code" in query_of(done)
        # The form in the other tab was made for the cookie that is gone: it leads on, whatever is typed there.
        consent = await sent(browser, tabs[1], username="owner", password="whatever stands there")
        assert "Second" in consent.text
        assert "code" in query_of(await sent(browser, consent, decision="approve"))
        assert len(await w.door.store.find(Grant)) == 2


async def test_a_second_tab_may_also_be_loaded_anew(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        first, second = [(await w.register(client_name=name))["client_id"] for name in ("First", "Second")]
        tabs = [await opened(w, browser, client_id) for client_id in (first, second)]
        await signed_in(browser, tabs[0])
        request_id = form_of(tabs[1])[1]["request"]
        consent = await follow(browser, await browser.get("/authorize", params={"continue": request_id}))
        assert "code" in query_of(await sent(browser, consent, decision="approve"))


async def test_signing_in_again_as_the_same_person_keeps_the_tabs_too(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        client_id = (await w.register())["client_id"]
        late, early = await opened(w, browser, client_id), await opened(w, browser, client_id)
        await signed_in(browser, early)
        await signed_in(browser, await browser.get("/-/login", params={"next": "/-/connections"}))
        consent = await follow(
            browser, await browser.get("/authorize", params={"continue": form_of(late)[1]["request"]})
        )
        assert "code" in query_of(await sent(browser, consent, decision="approve"))


async def test_what_one_person_began_is_not_finished_by_the_next_one_at_the_same_browser(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        ann = await add_user(w.door.store, w.clock, "ann", kind="person", password=PASSWORD)
        client_id = (await w.register())["client_id"]
        await signed_in(browser, await opened(w, browser, client_id))
        consent_of_the_owner = await opened(w, browser, client_id)
        await signed_in(browser, await browser.get("/-/login", params={"next": "/-/connections"}), ann.user_id)
        fields = form_of(consent_of_the_owner)[1]
        again = await browser.get("/authorize", params={"continue": fields["request"]})
        answer = await browser.post("/-/consent", data=fields | {"decision": "approve"})
        assert again.status_code == answer.status_code == 400
        assert await w.door.store.find(Grant) == []


async def test_whoever_knows_the_cookie_of_before_the_sign_in_has_nothing(tmp_path):
    """A cookie can be planted before the sign-in: it opens neither the account nor what was begun with it."""
    async with world(tmp_path) as w, w.browser() as browser, w.browser() as thief:
        client_id = (await w.register())["client_id"]
        pages = [await opened(w, browser, client_id) for _ in range(2)]
        planted = browser.cookies[COOKIE]
        await signed_in(browser, pages[0])
        assert browser.cookies[COOKIE] != planted
        thief.cookies.set(COOKIE, planted, domain="mcp.example.com", path="/")
        for page in pages:
            fields: dict[str, Any] = form_of(page)[1]
            seen = await thief.get("/authorize", params={"continue": fields["request"]})
            sign_in = await thief.post("/-/login", data=fields | {"username": "owner", "password": PASSWORD})
            consent = await thief.post("/-/consent", data=fields | {"decision": "approve"})
            assert {seen.status_code, sign_in.status_code, consent.status_code} == {400}
        assert await w.door.store.get(BrowserSession, cookie_digest(planted)) is None


async def test_a_form_of_another_site_still_goes_nowhere(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        client_id = (await w.register())["client_id"]
        tabs = [await opened(w, browser, client_id) for _ in range(2)]
        await signed_in(browser, tabs[0])
        action, fields = form_of(tabs[1])
        forged = await browser.post(action, data=fields, headers={"sec-fetch-site": "cross-site"})
        assert forged.status_code == 403
