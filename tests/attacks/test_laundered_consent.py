"""A remembered consent that somebody else sets off by way of this server's own pages (B-03, B-12)."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from attacks.test_consent_attacks import (
    FOREIGN,
    OWN,
    Attack,
    Weaken,
    arrive,
    has_no_pages_of_its_own,
    opened,
    registered,
    rows,
)
from world import ISSUER, World, world

from doorward.login.browser_sessions import is_own_step
from doorward.records.changes import Insert
from doorward.records.oauth import Client


async def a_client_leads_back_to_our_own_beginning(w: World) -> bool:
    """Another site begins, a form of ours is answered, and the browser follows to a sign-in of the trusted client."""
    trusted = await registered(w)
    own = f"{ISSUER}/authorize?{urlencode(w.authorize_parameters(trusted, state='-', code_challenge='x' * 43))}"
    evil = await stored_stranger(w, own)
    async with w.browser() as browser:
        arrive(browser, OWN)
        await w.submit(browser, await w.sign_in(browser, trusted), decision="approve")
        arrive(browser, FOREIGN)
        page = await opened(w, browser, evil, redirect_uri=own)
        if page.status_code == 200:
            page = await w.submit(browser, page, decision="deny")
        return "code=" not in page.headers.get("location", "")


async def stored_stranger(w: World, redirect_uri: str) -> str:
    """Store a client as an older release would have taken it."""
    stranger = Client(
        client_id="stranger",
        source="dynamic",
        created_at=w.clock.now(),
        expires_at=w.clock.now() + 600,
        redirect_uris=(redirect_uri,),
    )
    await w.door.store.apply([Insert(stranger)])
    return stranger.client_id


async def a_page_of_ours_begins_a_remembered_sign_in(w: World) -> bool:
    """No page of ours leads there, so whatever comes from one was sent on by somebody else."""
    client_id = await registered(w)
    async with w.browser() as browser:
        arrive(browser, OWN)
        await w.submit(browser, await w.sign_in(browser, client_id), decision="approve")
        pages = []
        for site, more in (
            ("same-origin", {}),
            ("same-site", {}),
            ("", {}),
            (OWN, {"sec-purpose": "prefetch;prerender"}),
        ):
            arrive(browser, site)
            browser.headers.update(more)
            pages.append(await opened(w, browser, client_id))
        return all(page.status_code == 200 and "Allow access?" in page.text for page in pages)


def believes_its_own_pages(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("doorward.endpoints.authorize.is_own_start", is_own_step)


def trusts_itself_throughout(patch: pytest.MonkeyPatch) -> None:
    has_no_pages_of_its_own(patch)
    believes_its_own_pages(patch)


ROWS: dict[str, tuple[Attack, Weaken]] = {
    "B-03 sent on by us": (a_page_of_ours_begins_a_remembered_sign_in, believes_its_own_pages),
    "B-12 laundered": (a_client_leads_back_to_our_own_beginning, trusts_itself_throughout),
}


@pytest.mark.parametrize(("attack", "weaken"), rows(ROWS))
async def test_the_door_withstands(tmp_path, attack, weaken):
    async with world(tmp_path, remember_consent=True) as w:
        assert await attack(w)


@pytest.mark.parametrize(("attack", "weaken"), rows(ROWS, weak=True))
async def test_a_door_without_the_defence_is_caught(tmp_path, attack, weaken, monkeypatch):
    async with world(tmp_path, remember_consent=True) as w:
        weaken(monkeypatch)
        assert not await attack(w)
