"""Attacks on registration and metadata documents (R rows), each also against a door that lacks the defence.

Each attack opens its own door and tells whether the door withstood. Floods (R-01) are in `flood.py`; R-06 and R-09
are with the other tests of metadata documents.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from attacks import weak_registration as weak
from attacks.lies import LIES
from attacks.weak import Weaken
from endpoints.documents import KEY, proof, publish
from endpoints.registering import CONFIDENTIAL, post
from fetching.hostile import Names, Switchboard, listening, local_fetcher, response
from world import PASSWORD, REDIRECT_URI, World, world

from doorward.fetching.budget import HostBudget
from doorward.fetching.fetcher import Fetcher
from doorward.records.oauth import Client

Attack = Callable[[Path], Awaitable[bool]]
EVIL = "https://evil.example/"
JSON = {"content-type": "application/json"}
UNLIMITED = {"limit_registrations_per_minute": 0, "limit_authorizations_per_minute": 0}


async def clients(w: World) -> list[Client]:
    return [stored.record for stored in await w.door.store.find(Client)]


async def costly_registrations(tmp_path: Path) -> bool:
    many = [f"https://client.example/{number}" for number in range(10_000)]
    costly = [
        {"redirect_uris": many},
        {"redirect_uris": many[:21]},
        {"redirect_uris": ["https://client.example/" + "x" * 4000]},
        {"client_name": "x" * 1_000_000},
        {f"client_name#{number}": "x" for number in range(3000)},
    ]
    bodies = [b'{"redirect_uris":' + b"[" * 30_000, b"[" * 65_000, b'{"a":' * 10_000, b"1" * 60_000]
    async with world(tmp_path, **UNLIMITED) as w, w.browser() as http:
        answers = [await post(w, CONFIDENTIAL | {"redirect_uris": [REDIRECT_URI]} | each) for each in costly]
        answers += [await http.post("/register", content=body, headers=JSON) for body in bodies]
        honest = await post(w, CONFIDENTIAL | {"redirect_uris": many[:20]})
        stored = len(await clients(w))
    refused = all(answer.status_code in {400, 413} for answer in answers)
    return refused and (honest.status_code, stored) == (201, 1)


async def secrets_of_others(tmp_path: Path) -> bool:
    held = ("client_secret", "registration_access_token")
    token = "an-initial-access-token"
    async with world(tmp_path, registration="token", registration_token=token) as w:
        answers = [await post(w, CONFIDENTIAL, token) for _ in range(6)]
    secrets = [[answer.json()[name] for name in held] for answer in answers]
    own = len({secret for each in secrets for secret in each}) == 2 * len(answers)
    return own and not any(known in answer.text for answer in answers for known in (PASSWORD, token))


async def ids_of_ones_own_choice(tmp_path: Path) -> bool:
    async with world(tmp_path) as w:
        victim = (await w.register())["client_id"]
        wishes = [victim, "https://claude.ai/oauth/client.json", "owner", "../admin", "client_0000000000000000"]
        got = [(await post(w, CONFIDENTIAL | {"client_id": wish})).json().get("client_id", "") for wish in wishes]
    return not set(got) & set(wishes) and not any(each.startswith("http") for each in got)


async def urls_to_be_asked_for(tmp_path: Path) -> bool:
    fields = ("logo_uri", "client_uri", "tos_uri", "policy_uri", "jwks_uri", "sector_identifier_uri")
    async with listening() as canary:
        names = Names()
        fetcher = Fetcher(resolver=names, dialer=Switchboard(canary.port), allow_loopback=True)
        async with world(tmp_path, fetcher=fetcher) as w:
            url = canary.url("/x")
            client = (await post(w, CONFIDENTIAL | dict.fromkeys(fields, url) | {"request_uris": [url]})).json()
            await w.code(client["client_id"])
            await w.token(grant_type="refresh_token", refresh_token="x", **proof(w, client["client_id"], KEY))
    return names.lookups == [] and canary.connections == 0


@asynccontextmanager
async def door_and_patient_host(tmp_path: Path) -> Any:
    """Run a door beside a host that may be asked as often as an attack needs."""
    fetcher = local_fetcher(budget=HostBudget(10_000))
    async with listening() as host, world(tmp_path, fetcher=fetcher, **UNLIMITED) as w:
        yield w, host


async def documents_that_lie(tmp_path: Path) -> bool:
    withstood = True
    async with door_and_patient_host(tmp_path) as (w, host), w.browser() as browser:
        for number, lie in enumerate(LIES):
            url = host.url(f"/{number}.json")
            host.answers[f"/{number}.json"] = response(lie(url))
            answer = await browser.get("/authorize", params=w.authorize_parameters(url))
            withstood &= answer.status_code == 400 and "location" not in answer.headers
        withstood &= await clients(w) == []
        honest = await browser.get("/authorize", params=w.authorize_parameters(publish(host)))
    return withstood and honest.status_code == 303


async def a_change_after_the_consent(tmp_path: Path) -> bool:
    async with door_and_patient_host(tmp_path) as (w, host):
        client_id = publish(host, headers={"cache_control": "no-store"})
        code = await w.code(client_id)
        async with w.browser() as browser:
            page = await w.sign_in(browser, client_id)
            publish(host, headers={"cache_control": "no-store"}, redirect_uris=[REDIRECT_URI, EVIL])
            w.clock.advance(31)
            redeemed = await w.redeem(client_id, code)
            approved = await w.submit(browser, page, decision="approve")
    return redeemed.status_code == 400 and "location" not in approved.headers


async def anothers_registration(tmp_path: Path) -> bool:
    async with world(tmp_path) as w, w.browser() as http:
        victim, attacker = [(await post(w, CONFIDENTIAL)).json() for _ in range(2)]
        uri, body = victim["registration_client_uri"], CONFIDENTIAL | {"client_id": victim["client_id"]}
        stolen = {"authorization": f"Bearer {attacker['registration_access_token']}"}
        own = {"authorization": f"Bearer {victim['registration_access_token']}"}
        tries = [
            await http.get(uri, headers=stolen),
            await http.put(uri, headers=stolen, json=body | {"redirect_uris": [EVIL]}),
            await http.delete(uri, headers=stolen),
        ]
        left = await http.get(uri, headers=own)
    return {answer.status_code for answer in tries} == {401} and left.json().get("redirect_uris") == [REDIRECT_URI]


def look_alikes(name: str) -> list[str]:
    """Return names that some decoder takes for this one, and not one that equals it."""
    odd = {"s": "\u017f", "k": "\u212a"}
    single = [name[:at] + name[at].upper() + name[at + 1 :] for at in range(len(name))]
    wide = ["".join(chr(ord(c) + 0xFEE0) if c.isalpha() else c for c in name)]
    folded = [name[:at] + odd[c] + name[at + 1 :] for at, c in enumerate(name) if c in odd]
    padded = [f"{name} ", f" {name}", f"{name}\\t", f"{name}\\u200b", f"{name}\\u0000", f"\\ufeff{name}"]
    written = [name[:at] + f"\\u{ord(c):04x}" + name[at + 1 :] for at, c in enumerate(name)]
    return sorted({*single, name.upper(), name.title(), *wide, *folded, *padded, *written, name} - {""})


async def names_that_look_alike(tmp_path: Path) -> bool:
    withstood = True
    async with world(tmp_path, **UNLIMITED) as w, w.browser() as http:
        for member in ("redirect_uris", "token_endpoint_auth_method", "client_name"):
            value = '["https://evil.example/"]' if member == "redirect_uris" else '"none"'
            for name in look_alikes(member):
                for pair in ((REDIRECT, f'"{name}":{value}'), (f'"{name}":{value}', REDIRECT)):
                    body = ",".join((*pair, '"client_name":"A","token_endpoint_auth_method":"client_secret_post"'))
                    answer = await http.post("/register", content=f"{{{body}}}".encode(), headers=JSON)
                    said = answer.json() if answer.status_code == 201 else {}
                    as_meant = said.get("redirect_uris") == [REDIRECT_URI] and said.get("client_name") == "A"
                    as_meant &= said.get("token_endpoint_auth_method") == "client_secret_post"
                    withstood &= as_meant if said else answer.status_code == 400
    return withstood


REDIRECT = f'"redirect_uris":["{REDIRECT_URI}"]'

ROWS: dict[str, tuple[Attack, Weaken]] = {
    "R-02": (costly_registrations, weak.takes_any_number_of_redirect_uris),
    "R-03": (secrets_of_others, weak.shares_confidential_clients),
    "R-04": (ids_of_ones_own_choice, weak.lets_clients_name_themselves),
    "R-05": (urls_to_be_asked_for, weak.looks_at_the_logo),
    "R-07": (documents_that_lie, weak.believes_documents),
    "R-08": (a_change_after_the_consent, weak.does_not_notice_a_change),
    "R-10": (anothers_registration, weak.lets_anybody_manage),
    "R-11": (names_that_look_alike, weak.folds_names),
}


def rows(**twin: bool) -> list[Any]:
    marked = pytest.mark.requirement
    return [pytest.param(*row, marks=marked(name.split()[0], **twin), id=name) for name, row in ROWS.items()]


@pytest.mark.parametrize(("attack", "weaken"), rows())
async def test_the_door_withstands(tmp_path, attack, weaken):
    assert await attack(tmp_path)


@pytest.mark.parametrize(("attack", "weaken"), rows(weak=True))
async def test_a_door_without_the_defence_is_caught(tmp_path, attack, weaken, monkeypatch):
    weaken(monkeypatch)
    assert not await attack(tmp_path)
