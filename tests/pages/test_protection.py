"""What protects the pages: the browser they belong to, the form they came from, and what a name may do to them."""

from __future__ import annotations

import pytest
from world import ISSUER, PASSWORD, form_of, world

NAMES = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}",
    "Claude\u202eedualC",
    "x" * 10_000,
]


async def consent_page(w, browser, **metadata):
    client = await w.register(**metadata)
    return await w.sign_in(browser, client["client_id"])


@pytest.mark.parametrize("name", NAMES)
async def test_a_client_name_is_text_and_nothing_else(tmp_path, name):
    async with world(tmp_path) as w, w.browser() as browser:
        page = await consent_page(w, browser, client_name=name)
        assert page.status_code == 200
        assert "<script" not in page.text
        assert "<img" not in page.text
        assert "\u202e" not in page.text
        assert "x" * 101 not in page.text


@pytest.mark.requirement("A19")
@pytest.mark.requirement("A-11")
async def test_pages_cannot_be_framed_cached_or_scripted(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        page = await consent_page(w, browser)
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "form-action" not in policy
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in page.headers


async def test_the_cookie_is_bound_to_the_host_and_replaced_at_sign_in(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        client_id = (await w.register())["client_id"]
        answer = await browser.get("/authorize", params=w.authorize_parameters(client_id))
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-doorward=")
        for attribute in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/"):
            assert attribute in cookie
        before = browser.cookies["__Host-doorward"]
        page = await browser.get(answer.headers["location"])
        await w.submit(browser, page, username="owner", password=PASSWORD)
        assert browser.cookies["__Host-doorward"] != before


async def test_another_browser_cannot_continue_a_sign_in(tmp_path):
    async with world(tmp_path) as w, w.browser() as attacker, w.browser() as victim:
        page = await consent_page(w, attacker)
        action, fields = form_of(page)
        await consent_page(w, victim)
        for browser in (victim, w.browser()):
            refused = await browser.post(action, data=fields | {"decision": "approve"})
            assert refused.status_code == 400
            assert "location" not in refused.headers
            assert (await browser.get(f"/-/login?request={fields['request']}")).status_code == 400


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({}, ""),
        ({}, "0" * 64),
        ({"origin": "https://evil.example"}, None),
        ({"origin": "null"}, None),
        ({"sec-fetch-site": "cross-site"}, None),
        ({"sec-fetch-site": "same-site"}, None),
    ],
)
async def test_a_forged_consent_grants_nothing(tmp_path, headers, token):
    async with world(tmp_path) as w, w.browser() as browser:
        action, fields = form_of(await consent_page(w, browser))
        if token is not None:
            fields["form_token"] = token
        refused = await browser.post(action, data=fields | {"decision": "approve"}, headers=headers)
        assert refused.status_code == 403
        assert "location" not in refused.headers


async def test_an_honest_form_passes_with_the_headers_that_browsers_send(tmp_path):
    for headers in ({"origin": ISSUER}, {"origin": "null", "sec-fetch-site": "same-origin"}):
        async with world(tmp_path) as w, w.browser() as browser:
            action, fields = form_of(await consent_page(w, browser))
            answer = await browser.post(action, data=fields | {"decision": "approve"}, headers=headers)
            assert answer.status_code == 303


@pytest.mark.requirement("B-09")
async def test_a_decision_is_taken_once(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        action, fields = form_of(await consent_page(w, browser))
        assert (await browser.post(action, data=fields | {"decision": "deny"})).status_code == 303
        again = await browser.post(action, data=fields | {"decision": "approve"})
        assert again.status_code == 400
        assert "location" not in again.headers


async def test_a_sign_in_expires_after_ten_minutes(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        action, fields = form_of(await consent_page(w, browser))
        w.clock.advance(601)
        assert (await browser.post(action, data=fields | {"decision": "approve"})).status_code == 400


async def test_get_never_decides(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        action, fields = form_of(await consent_page(w, browser))
        answer = await browser.get(action, params=fields | {"decision": "approve"})
        assert "location" not in answer.headers


LOCAL = "http://127.0.0.1/callback"
WEB = "https://vscode.dev/redirect"


@pytest.mark.requirement("A-13")
@pytest.mark.parametrize(
    ("uris", "presented", "is_local"),
    [
        ([LOCAL, WEB], "http://127.0.0.1:4711/callback", True),
        ([LOCAL, WEB], WEB, False),
        (["https://[::ffff:127.0.0.1]:4711/cb"], "https://[::ffff:127.0.0.1]:4711/cb", True),
        (["https://[::ffff:7f00:1]/cb"], "https://[::ffff:7f00:1]/cb", True),
        (["https://0.0.0.0:4711/cb"], "https://0.0.0.0:4711/cb", True),
        (["https://[::]/cb"], "https://[::]/cb", True),
        (["https://app.localhost/cb"], "https://app.localhost/cb", True),
        (["https://192.168.0.9/cb"], "https://192.168.0.9/cb", False),
        (["com.example.app:/cb", WEB], "com.example.app:/cb", True),
    ],
)
async def test_the_address_of_this_answer_decides_about_the_warning(tmp_path, uris, presented, is_local):
    async with world(tmp_path) as w, w.browser() as browser:
        client = await w.register(redirect_uris=uris)
        page = await w.sign_in(browser, client["client_id"], redirect_uri=presented)
        assert "Allow access?" in page.text
        assert ("program on this computer" in page.text) == is_local


@pytest.mark.requirement("A-13")
@pytest.mark.requirement("X7")
async def test_a_client_on_this_computer_is_named_as_such(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        client = await w.register(redirect_uris=["http://127.0.0.1/callback"])
        page = await w.sign_in(browser, client["client_id"], redirect_uri="http://127.0.0.1:43210/callback")
        assert "program on this computer" in page.text
        assert "127.0.0.1:43210" in page.text
