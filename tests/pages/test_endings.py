"""What an administrator ends while somebody is between two steps of a sign-in: the later step must not undo it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import pytest
from world import PASSWORD, World, form_of, query_of, world

from doorward.directory.accounts import disable_user, set_password
from doorward.directory.clients import remove_client
from doorward.records.accounts import BrowserSession
from doorward.records.changes import Change, Insert
from doorward.records.oauth import Grant
from doorward.records.record import Record
from doorward.storage.port import Store

Ending = Callable[[Store], Awaitable[object]]


def just_before(w: World, inserting: type[Record], ending: Ending) -> None:
    """Let `ending` happen after the decision was made and before its changes are applied."""
    store, apply, done = w.door.store, w.door.store.apply, []

    async def interrupted(changes: Sequence[Change]) -> None:
        if not done and any(isinstance(each, Insert) and isinstance(each.record, inserting) for each in changes):
            done.append(True)
            await ending(store)
        await apply(changes)

    store.apply = interrupted


async def disabled(store: Store, w: World) -> None:
    await disable_user(store, w.clock, "owner")


async def new_password(store: Store, w: World) -> None:
    await set_password(store, "owner", "another password")


@pytest.mark.parametrize("ending", [disabled, new_password])
async def test_a_sign_in_under_way_does_not_outlive_what_it_was_checked_against(tmp_path, ending):
    async with world(tmp_path) as w, w.browser() as browser:
        client_id = (await w.register())["client_id"]
        page = await browser.get("/authorize", params=w.authorize_parameters(client_id))
        page = await browser.get(page.headers["location"])
        just_before(w, BrowserSession, lambda store: ending(store, w))
        action, fields = form_of(page)
        await browser.post(action, data=fields | {"username": "owner", "password": PASSWORD})
        assert await w.door.store.find(BrowserSession, user_id="owner") == []


@pytest.mark.parametrize("ending", [disabled, new_password])
async def test_a_consent_under_way_does_not_outlive_the_account(tmp_path, ending):
    async with world(tmp_path) as w, w.browser() as browser:
        page = await w.sign_in(browser, (await w.register())["client_id"])
        just_before(w, Grant, lambda store: ending(store, w))
        answer = await w.submit(browser, page, decision="approve")
        assert answer.status_code == 400
        assert await w.door.store.find(Grant) == []


async def test_a_browser_that_is_still_signed_in_allows_nothing_for_a_disabled_account(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        page = await w.sign_in(browser, (await w.register())["client_id"])
        (session,) = await w.door.store.find(BrowserSession, user_id="owner")
        await disable_user(w.door.store, w.clock, "owner")
        await w.door.store.apply([Insert(session.record)])
        answer = await w.submit(browser, page, decision="approve")
        assert answer.status_code == 400
        assert await w.door.store.find(Grant) == []


async def test_a_consent_under_way_does_not_outlive_the_client(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        client_id = (await w.register())["client_id"]
        assert "code" in query_of(await w.submit(browser, await w.sign_in(browser, client_id), decision="approve"))
        page = await w.sign_in(browser, client_id)
        just_before(w, Grant, lambda store: remove_client(store, w.clock, client_id))
        answer = await w.submit(browser, page, decision="approve")
        assert answer.status_code == 400
        assert all(grant.record.revoked_at is not None for grant in await w.door.store.find(Grant))
