"""Attacks on consent, browser and sign-in (B-01 to B-14), each with a door weakened on purpose that the test catches.

An attack is a function that tells whether the door withstood. It must be True at a door as it is, and False at one
whose defence was taken out: otherwise the test would prove nothing.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx2
import msgspec
import pytest
from jinja2 import Environment, PackageLoader
from world import ISSUER, PASSWORD, REDIRECT_URI, World, follow, form_of, query_of, world

from doorward.directory import accounts
from doorward.directory.accounts import disable_user
from doorward.directory.clients import add_client
from doorward.oauth.authorization import consent
from doorward.oauth.authorization.request import validate
from doorward.oauth.clients import metadata as client_metadata
from doorward.oauth.clients import redirect_uris
from doorward.oauth.clients.new_client import NewClient
from doorward.oauth.parameters import parse_form
from doorward.pages import consent as consent_page
from doorward.pages import rendering, sign_in, steps
from doorward.records.accounts import BrowserSession
from doorward.records.changes import Stored
from doorward.records.oauth import AuthorizationRequest, Client, Grant

OWN = "none"
FOREIGN = "cross-site"
Attack = Callable[[World], Awaitable[bool]]
Weaken = Callable[[pytest.MonkeyPatch], None]


async def registered(w: World, name: str = "Known") -> str:
    made = await add_client(
        w.door.store,
        w.clock,
        w.door.entropy,
        NewClient(client_name=name, redirect_uris=(REDIRECT_URI,), confidential=False),
        policy=w.door.policy,
    )
    return made.client.client_id


def arrive(browser: Any, site: str) -> None:
    """Let a browser say how it came here; what follows a form of ours comes from us, redirects included."""
    came_from = [site]

    async def mark(request: Any) -> None:
        if request.method == "POST":
            came_from[0] = "same-origin"
        if came_from[0]:
            request.headers["sec-fetch-site"] = came_from[0]

    browser.event_hooks = {"request": [mark]}


async def opened(w: World, browser: Any, client_id: str, **changes: str) -> Any:
    """Open `/authorize` and go on for as long as it stays at the door."""
    return await follow(browser, await browser.get("/authorize", params=w.authorize_parameters(client_id, **changes)))


async def a_stranger_rides_on_an_earlier_consent(w: World) -> bool:
    async with w.browser() as browser:
        arrive(browser, OWN)
        await w.submit(browser, await w.sign_in(browser, await registered(w)), decision="approve")
        page = await opened(w, browser, (await w.register())["client_id"])
        return page.status_code == 200 and "Allow access?" in page.text


async def a_sign_in_is_sent_to_another_browser(w: World) -> bool:
    async with w.browser() as attacker, w.browser() as victim:
        page = await w.sign_in(attacker, (await w.register())["client_id"])
        await w.sign_in(victim, (await w.register())["client_id"])
        seen = await victim.get(str(page.url))
        return seen.status_code == 400 and "Allow access?" not in seen.text


async def another_site_opens_a_remembered_sign_in(w: World) -> bool:
    client_id = await registered(w)
    async with w.browser() as browser:
        arrive(browser, OWN)
        await w.submit(browser, await w.sign_in(browser, client_id), decision="approve")
        arrive(browser, OWN)
        skipped = await opened(w, browser, client_id)
        assert "code" in query_of(skipped), "a remembered consent is asked for again, so the attack proves nothing"
        arrive(browser, FOREIGN)
        page = await opened(w, browser, client_id)
        return page.status_code == 200 and "Allow access?" in page.text


async def another_site_begins_and_a_sign_in_hides_it(w: World) -> bool:
    """The password form makes the next step come from our own page; how the request began still counts."""
    client_id = await registered(w)
    async with w.browser() as browser:
        arrive(browser, OWN)
        await w.submit(browser, await w.sign_in(browser, client_id), decision="approve")
    async with w.browser() as browser:
        arrive(browser, FOREIGN)
        page = await opened(w, browser, client_id)
        page = await w.submit(browser, page, username="owner", password=PASSWORD)
        return page.status_code == 200 and "Allow access?" in page.text


async def a_consent_is_forged(w: World) -> bool:
    async with w.browser() as victim, w.browser() as other:
        client_id = (await w.register())["client_id"]
        _, old = form_of(await w.sign_in(victim, client_id))
        _, foreign = form_of(await w.sign_in(other, client_id))
        action, fields = form_of(await opened(w, victim, client_id))
        evil = {"origin": "https://evil.example"}
        forgeries: list[tuple[dict[str, str], dict[str, str]]] = [
            ({"form_token": ""}, {}),
            ({"form_token": old["form_token"]}, {}),
            ({"form_token": foreign["form_token"]}, {}),
            ({}, evil),
            ({}, {"origin": ISSUER, "sec-fetch-site": FOREIGN}),
        ]
        answers = [
            await victim.post(action, data=fields | changes | {"decision": "approve"}, headers=headers)
            for changes, headers in forgeries
        ]
        answers.append(await victim.get(action, params=fields | {"decision": "approve"}))
        nothing_granted = not await w.door.store.find(Grant, client_id=client_id)
        return nothing_granted and [answer.status_code for answer in answers[:-1]] == [403] * len(forgeries)


async def markup_is_sent_in_every_field(w: World) -> bool:
    async with w.browser() as browser:
        for number, payload in enumerate(PAYLOADS):
            link = f"https://evil.example/{number}"
            texts = {"client_name": payload, "software_id": payload, "client_name#de": payload}
            links = dict.fromkeys(("client_uri", "logo_uri", "tos_uri", "policy_uri"), link)
            client_id = (await w.register(**texts, **links))["client_id"]
            asked = {"scope": f"mcp {payload}".replace(" ", "_"), "state": payload}
            pages = [await opened(w, browser, client_id, **asked), await w.sign_in(browser, client_id, state=payload)]
            if pages[1].status_code == 200 and "Allow access?" in pages[1].text:
                await w.submit(browser, pages[1], decision="approve")
            pages.append(await browser.get("/-/connections"))
            if not all(map(is_harmless, pages)):
                return False
        return True


PAYLOADS = (
    "<script>canary()</script>",
    "'><img src=x onerror=canary()>",
    '"><svg/onload=canary()>',
    "<base href=https://evil.example/>",
    "</title><style>@import 'https://evil.example'</style>",
    "<meta http-equiv=refresh content=0;url=https://evil.example>",
    "{{7*7}}<a href=javascript:canary()>x</a>",
)


def is_harmless(page: httpx2.Response) -> bool:
    """Return whether a page has no markup but ours, and would neither run nor load anything else."""
    policy = page.headers.get("content-security-policy", "default-src 'none'")
    tags = set(re.findall(r"<([a-z!/][a-z0-9]*)", page.text.lower()))
    # A link back to the client carries its state, whatever that is; where it leads is what counts.
    foreign = tags & {"script", "img", "base", "iframe", "style"} or re.search(r'\s(src|href)="[^"?]*evil', page.text)
    return not foreign and "default-src 'none'" in policy and "unsafe" not in policy and page.text.count("<svg") <= 1


async def a_name_imitates_another(w: World) -> bool:
    async with w.browser() as browser:
        name = "\u202eClaude\u202c\u200b\u2800" + "x" * 10_000
        client = await w.register(client_name=name)
        page = await w.sign_in(browser, client["client_id"])
        clean = not any(c in page.text for c in "\u202e\u202c\u200b\u2800") and "x" * 101 not in page.text
        return (
            clean and "unverified" in page.text and "client.example" in page.text and client["client_id"] in page.text
        )


async def a_page_is_framed(w: World) -> bool:
    async with w.browser() as browser:
        pages = [await browser.get("/-/login", params={"next": "/-/connections"})]
        pages.append(await w.sign_in(browser, (await w.register())["client_id"]))
        pages.append(await browser.get("/-/connections"))
        assert [page.status_code for page in pages] == [200, 200, 200]
        return all(
            "frame-ancestors 'none'" in page.headers["content-security-policy"]
            and page.headers.get("x-frame-options") == "DENY"
            for page in pages
        )


async def a_cookie_is_planted_before_the_sign_in(w: World) -> bool:
    async with w.browser() as victim, w.browser() as attacker:
        for browser in (victim, attacker):
            browser.cookies.set("__Host-doorward", "planted")
        page = await victim.get("/-/login", params={"next": "/-/connections"})
        shown = await w.submit(victim, page, username="owner", password=PASSWORD)
        assert "Connections" in shown.text
        return (await attacker.get("/-/connections")).status_code == 303


async def a_request_is_answered_late(w: World) -> bool:
    async with w.browser() as browser:
        action, fields = form_of(await w.sign_in(browser, (await w.register())["client_id"]))
        assert len(fields["request"]) >= 22, "fewer than 128 bits"
        w.clock.advance(11 * 60)
        answer = await browser.post(action, data=fields | {"decision": "approve"})
        return answer.status_code == 400


async def a_client_names_our_own_pages(w: World) -> bool:
    async with w.browser() as http:
        answers = []
        for path in ("/-/callback/google", "/authorize?client_id=x", "//authorize", "/token", "/mcp", "/app/cb"):
            body = {"redirect_uris": [ISSUER + path], "token_endpoint_auth_method": "none"}
            answers.append(await http.post("/register", json=body))
    return all(each.status_code == 400 and each.json()["error"] == "invalid_redirect_uri" for each in answers)


async def a_user_is_switched_off(w: World) -> bool:
    client_id = (await w.register())["client_id"]
    async with w.browser() as browser:
        page = await w.sign_in(browser, client_id)
        code = query_of(await w.submit(browser, page, decision="approve"))["code"]
        tokens = (await w.redeem(client_id, code)).json()
        await disable_user(w.door.store, w.clock, "owner")
        refreshed = await w.token(
            grant_type="refresh_token", client_id=client_id, refresh_token=tokens["refresh_token"]
        )
        called = await w.call(tokens["access_token"])
        seen = await browser.get("/-/connections")
    return (refreshed.status_code, called.status_code, seen.status_code) == (400, 401, 303)


async def hidden_fields_are_changed(w: World) -> bool:
    client_id = (await w.register())["client_id"]
    other = (await w.register(redirect_uris=["https://evil.example/callback"]))["client_id"]
    async with w.browser() as browser:
        action, fields = form_of(await w.sign_in(browser, client_id, scope="mcp"))
        tab = form_of(await opened(w, browser, client_id, state="tab two"))[1]
        changed = {"scope": "mcp files:write", "client_id": other, "redirect_uri": "https://evil.example/callback"}
        answer = await browser.post(action, data=fields | changed | {"decision": "approve"})
        back = await browser.post(action, data=fields | changed | {"decision": "approve"})
        second = await browser.post(action, data=tab | {"decision": "deny"})
    (grant,) = await w.door.store.find(Grant, client_id=client_id)
    return (
        answer.headers["location"].startswith(f"{REDIRECT_URI}?")
        and query_of(answer)["state"] == "opaque"
        and grant.record.scopes == ("mcp",)
        and back.status_code == 400
        and query_of(second)["state"] == "tab two"
    )


def remembers_everybody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(consent, "is_remembered", lambda request, client, *_, **__: client.source == "dynamic")


def does_not_bind_the_browser(patch: pytest.MonkeyPatch) -> None:
    async def load(authority: Any, _cookie: Any, _request: Any, request_id: Any) -> Any:
        pending = await authority.store.get(AuthorizationRequest, request_id)
        session = await authority.store.get(BrowserSession, pending.record.browser_digest)
        return steps.Step("", session, pending, await authority.store.get(Client, pending.record.client_id))

    patch.setattr(consent_page, "load_step", load)


def believes_every_navigation(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(consent_page, "is_own_step", lambda headers: True)
    patch.setattr("doorward.endpoints.authorize.is_own_start", lambda headers: True)


def forgets_how_it_began(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("doorward.endpoints.authorize.is_own_start", lambda headers: True)


def believes_every_form(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(steps, "came_from_our_page", lambda *_, **__: True)


def escapes_nothing(patch: pytest.MonkeyPatch) -> None:
    environment = Environment(loader=PackageLoader("doorward.pages"), autoescape=False, trim_blocks=True)
    patch.setattr(rendering, "_environment", lambda: environment)


def keeps_names_as_they_are(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(client_metadata, "clean_text", lambda text, limit_chars: text)
    patch.setattr("doorward.oauth.clients.new_client.clean_text", lambda text, limit_chars: text)


def may_be_framed(patch: pytest.MonkeyPatch) -> None:
    patch.delitem(rendering.HEADERS, "x-frame-options")


def keeps_the_cookie(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sign_in, "new_session_value", lambda cookie, entropy: "planted")


def never_expires(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("doorward.endpoints.authorize.authorization.validate", _long_lived)


def _long_lived(*arguments: Any, **values: Any) -> Any:
    policy = replace(values.pop("policy"), authorization_request_seconds=86_400)
    return validate(*arguments, **values, policy=policy)


def has_no_pages_of_its_own(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(redirect_uris, "_check_foreign", lambda *_: None)


def ends_nothing(patch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> list[Any]:
        return []

    patch.setattr(accounts, "_ended", nothing)


def reads_the_form(patch: pytest.MonkeyPatch) -> None:
    async def load(authority: Any, cookie: Any, request: Any, request_id: Any) -> Any:
        step = await steps.load_step(authority, cookie, request, request_id)
        scope = parse_form(await request.body()).get("scope")
        if scope is None:
            return step
        pending = step.pending
        return replace(
            step, pending=Stored(msgspec.structs.replace(pending.record, scopes=scope.split()), pending.version)
        )

    patch.setattr(consent_page, "load_step", load)


ROWS: dict[str, tuple[Attack, Weaken]] = {
    "B-01": (a_stranger_rides_on_an_earlier_consent, remembers_everybody),
    "B-02": (a_sign_in_is_sent_to_another_browser, does_not_bind_the_browser),
    "B-03": (another_site_opens_a_remembered_sign_in, believes_every_navigation),
    "B-03 laundered": (another_site_begins_and_a_sign_in_hides_it, forgets_how_it_began),
    "B-04": (a_consent_is_forged, believes_every_form),
    "B-05": (markup_is_sent_in_every_field, escapes_nothing),
    "B-06": (a_name_imitates_another, keeps_names_as_they_are),
    "B-07": (a_page_is_framed, may_be_framed),
    "B-08": (a_cookie_is_planted_before_the_sign_in, keeps_the_cookie),
    "B-09": (a_request_is_answered_late, never_expires),
    "B-12": (a_client_names_our_own_pages, has_no_pages_of_its_own),
    "B-13": (a_user_is_switched_off, ends_nothing),
    "B-14": (hidden_fields_are_changed, reads_the_form),
}


def rows(table: dict[str, tuple[Attack, Weaken]], **twin: bool) -> list[Any]:
    marked = pytest.mark.requirement
    return [pytest.param(*row, marks=marked(name.split()[0], **twin), id=name) for name, row in table.items()]


@pytest.mark.parametrize(("attack", "weaken"), rows(ROWS))
async def test_the_door_withstands(tmp_path, attack, weaken):
    async with world(tmp_path, remember_consent=True, tool_scopes={"write": ("files:write",)}) as w:
        assert await attack(w)


@pytest.mark.parametrize(("attack", "weaken"), rows(ROWS, weak=True))
async def test_a_door_without_the_defence_is_caught(tmp_path, attack, weaken, monkeypatch):
    async with world(tmp_path, remember_consent=True, tool_scopes={"write": ("files:write",)}) as w:
        weaken(monkeypatch)
        assert not await attack(w)
