"""Where an issuer shares its host with other ports, what a browser sends there by itself opens nothing (cookies).

The thief of these tests is a program at another port: it has every cookie of the browser, and is an HTTP client that
writes whatever headers it likes. What it never has is an address or a page of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from attacks.test_consent_attacks import FOREIGN, OWN, arrive
from pages.test_tabs import opened, sent, signed_in
from world import PASSWORD, World, follow, form_of, query_of, world

from doorward.directory.accounts import add_user
from doorward.login import browser_sessions
from doorward.login.browser_sessions import BrowserCookie, signed_in_session
from doorward.records.accounts import BrowserSession
from doorward.records.changes import Insert
from doorward.records.oauth import AuthorizationRequest, Grant

SHARED = ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:8000", "https://mcp.example.com:8443"]
ISSUER = SHARED[0]
PAGE = "/-/connections"
API = "/-/api/v1/connections"
FORGED = [
    {"sec-fetch-site": "same-origin", "sec-fetch-dest": "document", "sec-fetch-mode": "navigate", "origin": ISSUER},
    {"sec-fetch-site": "none"},
    {},
]


def with_cookies_of(w: World, browser: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """Return the program at the other port: it was sent all the cookies."""
    thief = w.browser()
    for cookie in browser.cookies.jar:
        thief.cookies.set(cookie.name, cookie.value, domain=urlsplit(w.door.policy.issuer).hostname, path="/")
    return thief


async def what_it_opens(w: World, thief: httpx2.AsyncClient, client_id: str) -> list[str]:
    """Try every page with whatever can be forged; return what was open."""
    found = []
    for headers in FORGED:
        thief.headers.update(headers)
        for path in (PAGE, "/-/device", API):
            answer = await follow(thief, await thief.get(path))
            if answer.status_code != 401 and 'name="password"' not in answer.text:
                found.append(path)
        if (await thief.delete(API, params={"client_id": client_id})).status_code != 401:
            found.append(f"DELETE {API}")
        page = await opened(w, thief, client_id)
        if 'name="password"' not in page.text:
            found.append("/authorize")
        action, fields = form_of(page)
        answer = await thief.post("/-/consent", data=fields | {"decision": "approve"})
        if "location" in answer.headers:
            found.append("/-/consent")
        assert action == "/-/login"
    return found


@pytest.mark.requirement("B-02")
@pytest.mark.parametrize("issuer", SHARED)
async def test_the_cookies_of_an_answered_sign_in_open_nothing(tmp_path, issuer):
    async with world(tmp_path, public_url=issuer, device_grant=True) as w, w.browser() as browser:
        client_id = (await w.register())["client_id"]
        answer = await w.submit(browser, await w.sign_in(browser, client_id), decision="approve")
        assert "code" in query_of(answer)
        assert all(each.record.user_id is None for each in await w.door.store.find(BrowserSession))
        async with with_cookies_of(w, browser) as thief:
            assert await what_it_opens(w, thief, client_id) == []
        assert len(await w.door.store.find(Grant)) == 1


@pytest.mark.requirement("B-02")
@pytest.mark.parametrize("issuer", SHARED)
async def test_the_cookies_of_a_live_session_open_nothing(tmp_path, issuer):
    """A consent page and the page of connections are open, and a page of the thief's has the browser come by."""
    async with world(tmp_path, public_url=issuer, device_grant=True) as w, w.browser() as browser:
        client_id = (await w.register())["client_id"]
        consent = await w.sign_in(browser, client_id)
        page = await signed_in(browser, await follow(browser, await browser.get(PAGE)))
        assert "<h1>Connections</h1>" in page.text
        async with with_cookies_of(w, browser) as thief:
            assert await what_it_opens(w, thief, client_id) == []
            action, fields = form_of(consent)
            bare = {"request": fields["request"], "decision": "approve"}
            for token in ("", "0" * 64, fields["form_token"].rpartition(".")[2], f"x.{fields['form_token']}"):
                assert (await thief.post(action, data=bare | {"form_token": token})).status_code in {400, 403}
        assert not await w.door.store.find(Grant)
        assert "code" in query_of(await sent(browser, consent, decision="approve"))


@pytest.mark.requirement("B-02")
async def test_a_planted_flow_gives_nothing_to_the_program_that_planted_it(tmp_path):
    """It began the request itself, so it knows the request's id and cookie, and the person signs in for it."""
    async with world(tmp_path, public_url=ISSUER) as w, w.browser() as browser, w.browser() as thief:
        client_id = (await w.register())["client_id"]
        page = await opened(w, thief, client_id)
        for cookie in thief.cookies.jar:
            browser.cookies.set(cookie.name, cookie.value, domain="127.0.0.1", path="/")
        await signed_in(browser, await browser.get(str(page.url)))
        request_id = form_of(page)[1]["request"]
        async with with_cookies_of(w, browser) as again:
            seen = await follow(again, await again.get("/authorize", params={"continue": request_id}))
            assert 'name="password"' in seen.text
            fields = form_of(seen)[1] | {"decision": "approve"}
            assert "location" not in (await again.post("/-/consent", data=fields)).headers
        assert not await w.door.store.find(Grant)


async def test_the_half_in_an_address_opens_nothing_without_the_cookie(tmp_path):
    async with world(tmp_path, public_url=ISSUER) as w, w.browser() as browser, w.browser() as other:
        page = await signed_in(browser, await follow(browser, await browser.get(PAGE)))
        assert parse_qs(urlsplit(str(page.url)).query)["page_key"]
        assert (await other.get(str(page.url))).headers["location"].startswith(f"{ISSUER}/-/login")
        action, fields = form_of(page)
        sent_elsewhere = await other.post(action, data=fields | {"action": "disconnect", "client_id": "x"})
        assert sent_elsewhere.headers["location"].startswith(f"{ISSUER}/-/login")


async def test_one_sign_in_is_enough_for_pages_that_lead_to_each_other(tmp_path):
    async with world(tmp_path, public_url=ISSUER) as w, w.browser() as browser:
        client_id = (await w.register(client_name="Notebook"))["client_id"]
        await w.submit(browser, await w.sign_in(browser, client_id), decision="approve")
        page = await signed_in(browser, await follow(browser, await browser.get(PAGE)))
        assert "Notebook" in page.text
        assert "Notebook" in (await browser.get(str(page.url))).text
        key = parse_qs(urlsplit(str(page.url)).query)["page_key"][0]
        assert (await browser.get(API, params={"page_key": key})).json()["user"] == "owner"
        page = await sent(browser, page, action="disconnect", client_id=client_id)
        assert "Nothing is connected" in page.text
        assert "password" in (await sent(browser, page, action="sign_out")).text
        assert (await browser.get(PAGE, params={"page_key": key})).status_code == 303
        assert not [name for name in browser.cookies if name.endswith(key[:16])]


async def test_each_sign_in_has_halves_of_its_own_and_none_disturbs_another(tmp_path):
    async with world(tmp_path, public_url=ISSUER) as w, w.browser() as browser:
        client_ids = [(await w.register(client_name=name))["client_id"] for name in ("First", "Second")]
        tabs = [await opened(w, browser, client_id) for client_id in client_ids]
        connections = await signed_in(browser, await follow(browser, await browser.get(PAGE)))
        consents = [await signed_in(browser, tab) for tab in tabs]
        for consent in reversed(consents):
            assert "code" in query_of(await sent(browser, consent, decision="approve"))
        assert "First" in (await browser.get(str(connections.url))).text
        assert len(await w.door.store.find(Grant)) == 2


async def test_another_account_may_be_used_for_a_sign_in(tmp_path):
    async with world(tmp_path, public_url=ISSUER) as w, w.browser() as browser:
        ann = await add_user(w.door.store, w.clock, "ann", kind="person", password=PASSWORD)
        consent = await w.sign_in(browser, (await w.register())["client_id"])
        (link,) = re.findall(r'<a href="(/-/login[^"]+)">', consent.text)
        page = await signed_in(browser, await browser.get(link.replace("&amp;", "&")), ann.user_id)
        assert "<strong>ann</strong>" in page.text
        assert "code" in query_of(await sent(browser, page, decision="approve"))
        assert "location" not in (await browser.post("/-/consent", data=form_of(consent)[1])).headers


async def test_a_remembered_consent_takes_a_sign_in_and_no_question(tmp_path):
    async with (
        world(tmp_path, public_url=ISSUER, remember_consent=True, device_grant=True) as w,
        w.browser() as browser,
    ):
        client_id = await w.known_client()
        arrive(browser, OWN)
        await w.submit(browser, await w.sign_in(browser, client_id), decision="approve")
        arrive(browser, OWN)
        assert "code" in query_of(await signed_in(browser, await opened(w, browser, client_id)))
        arrive(browser, FOREIGN)
        assert "Allow access?" in (await signed_in(browser, await opened(w, browser, client_id))).text
        async with with_cookies_of(w, browser) as thief:
            assert await what_it_opens(w, thief, client_id) == []


@pytest.mark.requirement("B-02")
async def test_a_session_that_an_older_release_kept_in_the_cookie_is_over(tmp_path):
    async with world(tmp_path, public_url=ISSUER) as w, w.browser() as browser:
        value = "kept-before-cookies-had-halves"
        await w.door.store.apply([Insert(signed_in_session(value, "owner", w.clock.now(), before=None))])
        browser.cookies.set(BrowserCookie.for_issuer(ISSUER).name, value, domain="127.0.0.1", path="/")
        assert (await browser.get(PAGE)).status_code == 303
        assert (await browser.get(API)).status_code == 401
        assert 'name="password"' in (await opened(w, browser, (await w.register())["client_id"])).text


@pytest.mark.requirement("B-02")
async def test_a_client_cannot_bring_a_page_key_into_a_request(tmp_path):
    async with world(tmp_path, public_url=ISSUER) as w, w.browser() as browser:
        page = await signed_in(browser, await follow(browser, await browser.get(PAGE)))
        key = parse_qs(urlsplit(str(page.url)).query)["page_key"][0]
        client_id = (await w.register())["client_id"]
        assert 'name="password"' in (await opened(w, browser, client_id, page_key=key)).text
        assert [each.record.user_id for each in await w.door.store.find(AuthorizationRequest)] == [None]


@pytest.mark.parametrize(
    ("issuer", "name", "is_shared"),
    [
        ("https://mcp.example.com", "__Host-doorward", False),
        ("https://mcp.example.com:8443", "__Host-doorward_8443", True),
        ("http://127.0.0.1:8000", "doorward_8000", True),
        ("http://127.0.0.1:8001", "doorward_8001", True),
        ("http://localhost", "doorward", True),
    ],
)
def test_doors_of_one_host_do_not_overwrite_each_other_s_cookies(issuer, name, is_shared):
    cookie = BrowserCookie.for_issuer(issuer)
    assert (cookie.name, cookie.is_shared) == (name, is_shared)
    assert cookie.surplus(["doorward_9-x"] * 50) == []


async def test_a_door_with_a_host_of_its_own_keeps_one_sign_in_in_its_cookie(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        page = await signed_in(browser, await follow(browser, await browser.get(PAGE)))
        assert "page_key" not in str(page.url)
        assert (await browser.get(PAGE)).status_code == 200


def knows_no_ports(patch: pytest.MonkeyPatch) -> None:
    whole = BrowserCookie.for_issuer

    def for_issuer(issuer: str) -> BrowserCookie:
        cookie = whole(issuer)
        return BrowserCookie(cookie.name, cookie.secure, is_shared=False)

    patch.setattr(BrowserCookie, "for_issuer", for_issuer)


def keeps_both_halves_in_the_cookie(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(browser_sessions, "_JOINT", "-")
    patch.setattr(BrowserCookie, "presented", lambda self, cookies, key: cookies.get(self.name, ""))
    patch.setattr(BrowserCookie, "sign_in_header", BrowserCookie.header)
    patch.setattr(browser_sessions, "page_key_in", lambda value: value)


@pytest.mark.requirement("B-02", weak=True)
@pytest.mark.parametrize("weaken", [knows_no_ports, keeps_both_halves_in_the_cookie])
async def test_a_door_whose_cookie_is_enough_is_caught(
    tmp_path, monkeypatch, weaken: Callable[[pytest.MonkeyPatch], Any]
):
    weaken(monkeypatch)
    async with world(tmp_path, public_url=ISSUER) as w, w.browser() as browser:
        await signed_in(browser, await follow(browser, await browser.get(PAGE)))
        async with with_cookies_of(w, browser) as thief:
            assert (await thief.get(PAGE)).status_code == 200
