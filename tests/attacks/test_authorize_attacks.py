"""Attacks on the authorization endpoint and on codes (A-01 to A-13), each also against a door that lacks the defence.

An attack tells whether the door withstood. Where a row is not here, the test that carries its id is elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from attacks import weak
from attacks.weak import Weaken
from oauth.clients.test_redirect_uris import GOOD, LOOK_ALIKES, NEVER
from world import ISSUER, PASSWORD, REDIRECT_URI, RESOURCE, VERIFIER, World, follow, form_of, query_of, world

from doorward.records.changes import Replace
from doorward.records.oauth import Client

Attack = Callable[[World], Awaitable[bool]]
FORM = {"content-type": "application/x-www-form-urlencoded"}
PAUSE_SECONDS = 30
"""Between two requests of a long attack, so that it is not the limits that stop it."""


def is_local_error(answer: Any) -> bool:
    return answer.status_code == 400 and "location" not in answer.headers


async def two_hundred_redirect_uris(w: World) -> bool:
    client_id = (await w.register(redirect_uris=[GOOD]))["client_id"]
    withstood = True
    async with w.browser() as browser:
        for uri in filter(None, LOOK_ALIKES):  # an empty one counts as absent, and the client has one
            w.clock.advance(PAUSE_SECONDS)
            parameters = w.authorize_parameters(client_id, redirect_uri=uri)
            withstood &= is_local_error(await browser.get("/authorize", params=parameters))
        honest = await browser.get("/authorize", params=w.authorize_parameters(client_id, redirect_uri=GOOD))
    return withstood and honest.status_code == 303


async def errors_before_the_client_is_known(w: World) -> bool:
    client_id = (await w.register())["client_id"]
    wrong = [
        {"code_challenge": "x"},
        {"scope": "unheard-of"},
        {"resource": "https://x.example"},
        {"response_type": "id"},
    ]
    untrusted = [{"client_id": "unknown"}, {"redirect_uri": "https://evil.example/cb"}]
    async with w.browser() as browser:
        answers = [
            await browser.get("/authorize", params=w.authorize_parameters(client_id) | bad | who)
            for bad in wrong
            for who in untrusted
        ]
    return all(map(is_local_error, answers))


async def dangerous_schemes(w: World) -> bool:
    client_id = (await w.register())["client_id"]
    withstood = True
    async with w.browser() as browser:
        for uri in NEVER:
            w.clock.advance(PAUSE_SECONDS)
            refused = await browser.post("/register", json={"redirect_uris": [uri]})
            withstood &= refused.status_code == 400
            stored = await w.door.store.get(Client, client_id)
            assert stored
            older = msgspec.structs.replace(stored.record, redirect_uris=(uri,), expires_at=None)
            await w.door.store.apply([Replace(older, stored.version)])
            parameters = w.authorize_parameters(client_id, redirect_uri=uri)
            withstood &= is_local_error(await browser.get("/authorize", params=parameters))
    return withstood


async def wrong_verifiers(w: World) -> bool:
    client_id = (await w.register())["client_id"]
    code = await w.code(client_id)
    tried = [await w.redeem(client_id, code, code_verifier=bad) for bad in ("", "w" * 42, "w" * 64, "w" * 129, "plain")]
    honest = await w.redeem(client_id, code)
    return all(answer.status_code == 400 for answer in tried) and honest.status_code == 200


async def a_replay(w: World) -> bool:
    client_id = (await w.register())["client_id"]
    code = await w.code(client_id)
    first = (await w.redeem(client_id, code)).json()
    w.clock.advance(11)
    again = await w.redeem(client_id, code)
    return again.status_code == 400 and (await w.call(first["access_token"])).status_code == 401


async def a_race(w: World) -> bool:
    client_id = (await w.register())["client_id"]
    code = await w.code(client_id)
    answers = await asyncio.gather(*(w.redeem(client_id, code) for _ in range(16)))
    return len({answer.json()["access_token"] for answer in answers if answer.status_code == 200}) == 1


async def a_stranger_ends_a_grant(w: World) -> bool:
    client_id, stranger = (await w.register())["client_id"], (await w.register(client_name="Other"))["client_id"]
    code = await w.code(client_id)
    tokens = (await w.redeem(client_id, code)).json()
    w.clock.advance(11)
    forged = await w.redeem(stranger, code[:-4] + "AAAA")
    foreign = await w.redeem(stranger, code)
    alive = (await w.call(tokens["access_token"])).status_code == 200
    return forged.status_code == foreign.status_code == 400 and alive


async def a_stolen_code(w: World) -> bool:
    client_id, stranger = (await w.register())["client_id"], (await w.register(client_name="Other"))["client_id"]
    code = await w.code(client_id)
    tried = [
        await w.redeem(stranger, code),
        await w.redeem(client_id, code, redirect_uri="https://client.example/other"),
        await w.redeem(client_id, code, resource="https://mcp.example.com/other"),
    ]
    errors = [answer.json().get("error") for answer in tried]
    honest = await w.redeem(client_id, code, resource=RESOURCE)
    return errors == ["invalid_grant", "invalid_grant", "invalid_target"] and honest.status_code == 200


async def a_mix_up(w: World) -> bool:
    client_id = (await w.register())["client_id"]
    async with w.browser() as browser:
        page = await w.sign_in(browser, client_id)
        granted = query_of(await w.submit(browser, page, decision="approve"))
        denied = query_of(await w.submit(browser, await w.sign_in(browser, client_id), decision="deny"))
        wrong = query_of(await browser.get("/authorize", params=w.authorize_parameters(client_id, scope="unheard-of")))
        published = (await browser.get("/.well-known/oauth-authorization-server")).json()["issuer"]
    return all(query.get("iss") == published == ISSUER for query in (granted, denied, wrong))


async def doubled_parameters(w: World) -> bool:
    client_id = (await w.register())["client_id"]
    good = {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "code": await w.code(client_id),
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
    }
    withstood = True
    async with w.browser() as http:
        for name, value in good.items():
            for more in ([(name, "x"), (name, value)], [(name, value), (name, "x")], [(name, value), (name, value)]):
                pairs = [pair for pair in good.items() if pair[0] != name] + more
                answer = await http.post("/token", content=urlencode(pairs), headers=FORM)
                withstood &= answer.status_code == 400 and answer.json()["error"] == "invalid_request"
    return withstood and (await w.redeem(client_id, good["code"])).status_code == 200


async def leaks(w: World) -> bool:
    client_id = (await w.register())["client_id"]
    async with w.browser() as browser:
        started = await browser.get("/authorize", params=w.authorize_parameters(client_id))
        sign_in = await browser.get(started.headers["location"])
        signed_in = await browser.post(
            form_of(sign_in)[0], data=form_of(sign_in)[1] | {"username": "owner", "password": PASSWORD}
        )
        page = await follow(browser, signed_in)
        back = await w.submit(browser, page, decision="approve")
    tokens = await w.redeem(client_id, query_of(back)["code"])
    answers = [started, sign_in, signed_in, page, back, tokens]
    hidden = all("no-store" in answer.headers.get("cache-control", "") for answer in answers)
    pages = all(answer.headers["referrer-policy"] == "no-referrer" for answer in (sign_in, page))
    return hidden and pages and {signed_in.status_code, back.status_code, started.status_code} == {303}


async def consent_before_sign_in(w: World) -> bool:
    client_id = (await w.register())["client_id"]
    async with w.browser() as browser:
        started = await browser.get("/authorize", params=w.authorize_parameters(client_id))
        fields = form_of(await browser.get(started.headers["location"]))[1]
        shown = await browser.get("/-/consent", params={"request": fields["request"]})
        sent = await browser.post("/-/consent", data=fields | {"decision": "approve"})
    return shown.status_code == 303 and "code=" not in sent.headers.get("location", "")


async def a_local_program(w: World) -> bool:
    ordinary = await w.register()
    local = await w.register(redirect_uris=["http://127.0.0.1:1234/cb"], application_type="native")
    pages = []
    for client, uri in ((ordinary, REDIRECT_URI), (local, "http://127.0.0.1:4321/cb")):
        async with w.browser() as browser:
            pages.append((await w.sign_in(browser, client["client_id"], redirect_uri=uri)).text)
    return "this computer" not in pages[0] and "this computer" in pages[1] and "127.0.0.1" in pages[1]


ROWS: dict[str, tuple[Attack, Weaken]] = {
    "A-01": (two_hundred_redirect_uris, weak.compares_the_beginning),
    "A-02": (errors_before_the_client_is_known, weak.redirects_before_it_knows_the_client),
    "A-03": (dangerous_schemes, weak.trusts_what_was_stored),
    "A-04": (wrong_verifiers, weak.takes_any_verifier),
    "A-05": (a_replay, weak.forgets_that_it_was_used),
    "A-05 raced": (a_race, weak.forgets_that_it_was_used),
    "A-06": (a_stranger_ends_a_grant, weak.takes_a_code_from_anybody),
    "A-07": (a_stolen_code, weak.takes_a_code_from_anybody),
    "A-09": (a_mix_up, weak.does_not_name_itself),
    "A-10": (doubled_parameters, weak.takes_the_last_of_two),
    "A-11": (leaks, weak.lets_answers_be_cached),
    "A-12": (consent_before_sign_in, weak.takes_anybody_for_the_owner),
    "A-13": (a_local_program, weak.does_not_know_loopback),
}


def rows(**twin: bool) -> list[Any]:
    marked = pytest.mark.requirement
    return [pytest.param(*row, marks=marked(name.split()[0], **twin), id=name) for name, row in ROWS.items()]


@pytest.mark.parametrize(("attack", "weaken"), rows())
async def test_the_door_withstands(tmp_path, attack, weaken):
    async with world(tmp_path) as w:
        assert await attack(w)


@pytest.mark.parametrize(("attack", "weaken"), rows(weak=True))
async def test_a_door_without_the_defence_is_caught(tmp_path, attack, weaken, monkeypatch):
    async with world(tmp_path) as w:
        weaken(monkeypatch)
        assert not await attack(w)
