"""The B rows in further situations: what a remembered consent is for, whose a sign-in is, and what a form decides.

The mutants of these rows (`mutants/consent.toml`) are what each test is for; its weak twin is in
`pages/test_consent_attacks`.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from attacks.test_consent_attacks import arrive, opened, registered
from endpoints.operator_clients import TRUSTED, asserted, assertion, operator_client, set_client
from world import ISSUER, PASSWORD, REDIRECT_URI, World, form_of, query_of, world

from doorward.directory.accounts import add_user, disable_user, enable_user, set_password
from doorward.directory.header_tokens import NewHeaderToken, create_header_token
from doorward.oauth.grant_types import JWT_BEARER
from doorward.records.oauth import Grant

SECOND = "https://client.example/second"
REMEMBERS: dict[str, Any] = {"remember_consent": True, "tool_scopes": {"write": ("files:write",)}}


async def ann(w: World) -> None:
    await add_user(w.door.store, w.clock, "ann", kind="person", password=PASSWORD)


async def sign_in_as(w: World, browser: Any, name: str) -> None:
    """Sign in to a page of ours; it replaces the user who was signed in before."""
    page = await browser.get("/-/login", params={"next": "/-/connections"})
    await w.submit(browser, page, username=name, password=PASSWORD)


def asks(answer: Any) -> bool:
    return answer.status_code == 200 and "Allow access?" in answer.text


async def allowed(w: World, browser: Any, client_id: str) -> None:
    """Allow a client, and see that it would now be spared the question."""
    arrive(browser, "none")
    await w.submit(browser, await w.sign_in(browser, client_id), decision="approve")
    arrive(browser, "none")


@pytest.mark.requirement("B-01")
async def test_a_remembered_consent_is_for_one_person_client_place_and_set_of_scopes(tmp_path):
    async with world(tmp_path, **REMEMBERS) as w, w.browser() as browser, w.browser() as anns:
        client_id, other = await registered(w), await registered(w, "Other")
        await set_client(w, client_id, redirect_uris=(REDIRECT_URI, SECOND))
        await allowed(w, browser, client_id)
        assert "code" in query_of(await opened(w, browser, client_id))
        assert asks(await opened(w, browser, other))
        assert asks(await opened(w, browser, client_id, redirect_uri=SECOND))
        assert asks(await opened(w, browser, client_id, scope="mcp files:write"))
        await ann(w)
        arrive(anns, "none")
        await sign_in_as(w, anns, "ann")
        arrive(anns, "none")
        assert asks(await opened(w, anns, client_id))
        await set_client(w, client_id, client_name="Somebody else")
        assert asks(await opened(w, browser, client_id))


@pytest.mark.requirement("B-01")
async def test_who_registered_itself_is_asked_about_each_time(tmp_path):
    async with world(tmp_path, **REMEMBERS) as w, w.browser() as browser:
        client_id = (await w.register())["client_id"]
        for _ in range(3):
            await allowed(w, browser, client_id)
            assert asks(await opened(w, browser, client_id))


@pytest.mark.requirement("B-02")
async def test_no_step_of_a_sign_in_goes_on_in_another_browser(tmp_path):
    async with world(tmp_path) as w, w.browser() as attacker, w.browser() as victim:
        page = await w.sign_in(attacker, (await w.register())["client_id"])
        action, fields = form_of(page)
        await sign_in_as(w, victim, "owner")
        for path in (
            f"/authorize?continue={fields['request']}",
            f"/-/login?request={fields['request']}",
            str(page.url),
        ):
            answer = await victim.get(path)
            assert answer.status_code == 400, path
            assert "another browser" in answer.text
        sent = await victim.post(action, data=fields | {"decision": "approve"})
        assert sent.status_code == 400
        assert "code" in query_of(await w.submit(attacker, page, decision="approve"))


@pytest.mark.requirement("B-02")
async def test_what_one_person_began_is_not_for_the_next_one_at_the_same_browser(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        await ann(w)
        client_id = (await w.register())["client_id"]
        page = await w.sign_in(browser, client_id)
        action, fields = form_of(page)
        await sign_in_as(w, browser, "ann")
        assert (await browser.get(str(page.url))).status_code == 400
        assert (await browser.get(f"/authorize?continue={fields['request']}")).status_code == 400
        assert "code=" not in (await browser.post(action, data=fields | {"decision": "approve"})).headers.get(
            "location", ""
        )
        assert await w.door.store.find(Grant, client_id=client_id) == []


@pytest.mark.requirement("B-03")
@pytest.mark.parametrize("site", ["cross-site", "same-site", "", None])
async def test_only_a_person_or_a_page_of_ours_is_spared_the_question(tmp_path, site):
    async with world(tmp_path, **REMEMBERS) as w, w.browser() as browser:
        client_id = await registered(w)
        await allowed(w, browser, client_id)
        assert "code" in query_of(await opened(w, browser, client_id))
        assert asks(await opened(w, browser, client_id, prompt="consent"))
        browser.event_hooks = {}
        headers = {} if site is None else {"sec-fetch-site": site}
        started = await browser.get("/authorize", params=w.authorize_parameters(client_id), headers=headers)
        again = await browser.get(started.headers["location"], headers={"sec-fetch-site": "none"})
        assert asks(again), "how it began was forgotten"
        arrive(browser, "none")
        own = await browser.get("/authorize", params=w.authorize_parameters(client_id))
        browser.event_hooks = {}
        assert asks(await browser.get(own.headers["location"], headers=headers)), "how it goes on does not count"


@pytest.mark.requirement("B-04")
@pytest.mark.requirement("B-14")
async def test_a_form_is_for_its_own_request_and_person_and_silence_is_no(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        client_id = (await w.register())["client_id"]
        action, first = form_of(await w.sign_in(browser, client_id))
        _, second = form_of(await opened(w, browser, client_id, state="two"))
        crossed = second | {"form_token": first["form_token"]}
        for decision in ("approve", "deny"):
            assert (await browser.post(action, data=crossed | {"decision": decision})).status_code == 403
        for decision in ({}, {"decision": ""}, {"decision": "Approve"}, {"decision": "yes"}):
            _, fields = form_of(await opened(w, browser, client_id))
            answer = await browser.post(action, data=fields | decision)
            assert query_of(answer)["error"] == "access_denied"
        assert await w.door.store.find(Grant, client_id=client_id) == []
        answer = await browser.post(action, data=first | {"decision": "deny"})
        assert query_of(answer)["error"] == "access_denied"
        assert query_of(await browser.post(action, data=second | {"decision": "approve"}))["state"] == "two"


@pytest.mark.requirement("B-04")
@pytest.mark.requirement("B-14")
async def test_a_form_is_for_its_own_request_although_the_cookie_of_the_request_is_gone(tmp_path):
    """A browser keeps the cookies of twenty requests; beyond, a form is bound to the browser's own."""
    async with world(tmp_path) as w, w.browser() as browser:
        client_id = (await w.register())["client_id"]
        pages = [await w.sign_in(browser, client_id), await opened(w, browser, client_id, state="two")]
        for name in [name for name in browser.cookies if name.startswith("__Host-doorward-")]:
            browser.cookies.delete(name)
        (action, first), (_, second) = [form_of(await browser.get(str(page.url))) for page in pages]
        crossed = second | {"form_token": first["form_token"], "decision": "approve"}
        assert (await browser.post(action, data=crossed)).status_code == 403
        assert query_of(await browser.post(action, data=second | {"decision": "approve"}))["state"] == "two"


@pytest.mark.requirement("B-14")
async def test_a_form_that_was_made_for_one_person_says_nothing_for_another(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        await ann(w)
        client_id = (await w.register())["client_id"]
        started = await browser.get("/authorize", params=w.authorize_parameters(client_id))
        sign_in = await browser.get(started.headers["location"])
        anonymous = form_of(sign_in)[1]["form_token"]
        page = await w.submit(browser, sign_in, username="owner", password=PASSWORD)
        action, fields = form_of(page)
        assert fields["form_token"] != anonymous
        answer = await browser.post(action, data=fields | {"form_token": anonymous, "decision": "approve"})
        assert answer.status_code == 403


@pytest.mark.requirement("B-05")
async def test_an_address_that_a_client_gives_is_one_of_the_web(tmp_path):
    fields = ("client_uri", "logo_uri", "tos_uri", "policy_uri", "client_uri#de")
    uris = ("javascript:canary()", "data:text/html,x", "JaVaScRiPt:x", "vbscript:x", "//evil", "x", "https://a b/")
    async with world(tmp_path, limit_registrations_per_minute=0) as w, w.browser() as http:
        for field, uri in product(fields, uris):
            body = {"redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none", field: uri}
            assert (await http.post("/register", json=body)).status_code == 400, (field, uri)


@pytest.mark.requirement("B-06")
async def test_no_mark_that_is_not_seen_is_left_in_a_name(tmp_path):
    async with world(tmp_path, limit_registrations_per_minute=0) as w, w.browser() as browser:
        for mark in ("\u202e", "\u200b", "\u2066", "\u00ad", "\u2800", "\u3164", "\u115f", "\x07", "\ufeff"):
            client = await w.register(client_name=f"Cla{mark}ude{'x' * 300}")
            assert client["client_name"] == ("Claude" + "x" * 300)[:100]
        page = await w.sign_in(browser, client["client_id"])
        assert mark not in page.text
        assert "unverified" in page.text


@pytest.mark.requirement("B-07")
async def test_no_page_of_a_sign_in_can_be_framed_its_errors_included(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        client_id = (await w.register())["client_id"]
        pages = [
            await opened(w, browser, client_id),
            await w.sign_in(browser, client_id),
            await browser.get("/authorize", params={"client_id": "unknown"}),
            await browser.get("/-/consent", params={"request": "unknown"}),
        ]
        assert {page.headers["x-frame-options"] for page in pages} == {"DENY"}
        assert all("frame-ancestors 'none'" in page.headers["content-security-policy"] for page in pages)


@pytest.mark.requirement("B-08")
async def test_every_cookie_is_for_this_host_alone_and_is_new_after_the_sign_in(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        started = await browser.get("/authorize", params=w.authorize_parameters((await w.register())["client_id"]))
        planted = browser.cookies["__Host-doorward"]
        action, fields = form_of(await browser.get(started.headers["location"]))
        signed_in = await browser.post(action, data=fields | {"username": "owner", "password": PASSWORD})
        cookies = [*started.headers.get_list("set-cookie"), *signed_in.headers.get_list("set-cookie")]
        assert len(cookies) >= 3
        for cookie in cookies:
            name, *attributes = (part.strip() for part in cookie.split(";"))
            assert name.startswith("__Host-")
            assert {"Path=/", "HttpOnly", "Secure", "SameSite=Lax"} <= set(attributes)
        assert browser.cookies["__Host-doorward"] != planted
        async with w.browser() as stranger:
            stranger.cookies.set("__Host-doorward", planted)
            answer = await stranger.get("/-/connections")
        assert answer.status_code == 303, "the cookie of before the sign-in is good after it"


@pytest.mark.requirement("B-09")
@pytest.mark.parametrize("first", ["approve", "deny"])
@pytest.mark.parametrize("second", ["approve", "deny"])
async def test_a_sign_in_is_answered_once_whatever_the_answer_was(tmp_path, first, second):
    async with world(tmp_path) as w, w.browser() as browser:
        client_id = (await w.register())["client_id"]
        page = await w.sign_in(browser, client_id)
        action, fields = form_of(page)
        # 22 letters are 128 bits; more than that is what a request and its cookies have.
        assert len(fields["request"]) >= 43
        assert all(len(value) >= 43 for value in browser.cookies.values())
        query_of(await browser.post(action, data=fields | {"decision": first}))
        again = await browser.post(action, data=fields | {"decision": second})
        assert again.status_code == 400
        assert "location" not in again.headers
        assert len(await w.door.store.find(Grant, client_id=client_id)) == (first == "approve")


@pytest.mark.requirement("B-09")
@pytest.mark.parametrize("minutes", [9, 10, 600])
async def test_a_sign_in_is_good_for_ten_minutes(tmp_path, minutes):
    async with world(tmp_path) as w, w.browser() as browser:
        page = await w.sign_in(browser, (await w.register())["client_id"])
        w.clock.advance(minutes * 60)
        action, fields = form_of(page)
        answer = await browser.post(action, data=fields | {"decision": "approve"})
        assert answer.status_code == (303 if minutes < 10 else 400)


@pytest.mark.requirement("B-11")
async def test_an_issuer_names_people_for_its_own_clients_only(tmp_path):
    async with world(tmp_path) as probe:
        client = await operator_client(probe, JWT_BEARER)
    issuer = replace(TRUSTED, clients=(client["client_id"],))
    async with world(tmp_path, trusted_issuers=(issuer,)) as w:
        other = await operator_client(w, JWT_BEARER)
        assert (await asserted(w, client, assertion(w, client))).status_code == 200
        assert (await asserted(w, other, assertion(w, other, jti="another"))).json()["error"] == "invalid_grant"


OWN_PAGES = ("/-/callback/google", "/-/consent", "/-/login", "/-", "/%2d/callback/x", "/%2D/consent", "/-/x/y?a=b")


@pytest.mark.requirement("B-12")
@pytest.mark.parametrize("origin", [ISSUER, ISSUER.replace("mcp.", "MCP."), f"{ISSUER}:443"])
async def test_no_spelling_of_our_own_pages_is_a_redirect_uri_for_anybody(tmp_path, origin):
    async with world(tmp_path) as w, w.browser() as http:
        client_id = (await w.register())["client_id"]
        for path in OWN_PAGES:
            body = {"redirect_uris": [origin + path], "token_endpoint_auth_method": "none"}
            answer = await http.post("/register", json=body)
            assert answer.json()["error"] == "invalid_redirect_uri", path
            await set_client(w, client_id, redirect_uris=(origin + path,))
            used = await http.get("/authorize", params=w.authorize_parameters(client_id, redirect_uri=origin + path))
            assert used.status_code == 400, path
            assert "location" not in used.headers


@pytest.mark.requirement("B-13")
async def test_an_account_that_was_switched_off_is_off_everywhere_and_stays_so(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        store, clock = w.door.store, w.clock
        client_id = (await w.register())["client_id"]
        page = await w.sign_in(browser, client_id)
        code = query_of(await w.submit(browser, page, decision="approve"))["code"]
        tokens = (await w.redeem(client_id, code)).json()
        header_token, _ = await create_header_token(
            *(store, clock, w.door.entropy),
            NewHeaderToken(name="h", user_id="owner", scopes=["mcp"], lifetime_seconds=None),
        )
        assert (await w.call(header_token)).status_code == 200
        await disable_user(store, clock, "owner")
        login = await browser.get("/-/login", params={"next": "/-/connections"})
        action, fields = form_of(login)
        answer = await browser.post(action, data=fields | {"username": "owner", "password": PASSWORD})
        assert answer.status_code == 400
        await enable_user(store, "owner")
        assert (await w.call(header_token)).status_code == 401
        assert (await w.call(tokens["access_token"])).status_code == 401
        form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": tokens["refresh_token"]}
        assert (await w.token(**form)).json()["error"] == "invalid_grant"
        assert (await browser.get("/-/connections")).status_code == 303


@pytest.mark.requirement("B-13")
async def test_a_new_password_signs_every_browser_out(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        await sign_in_as(w, browser, "owner")
        assert (await browser.get("/-/connections")).status_code == 200
        await set_password(w.door.store, "owner", "another horse")
        assert (await browser.get("/-/connections")).status_code == 303
        page = await browser.get("/-/login", params={"next": "/-/connections"})
        assert (await w.submit(browser, page, username="owner", password=PASSWORD)).status_code == 400
        page = await browser.get("/-/login", params={"next": "/-/connections"})
        shown = await w.submit(browser, page, username="owner", password="another horse")
        assert "Connections" in shown.text
