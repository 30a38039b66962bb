"""What a sign-in leaves in the log: people type their password into the field for the name."""

from __future__ import annotations

import logging

import pytest
from world import PASSWORD, World, follow, form_of, world

from doorward.logs import JsonFormatter

TYPED = "hunter2-my-real-password"


def logged(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(JsonFormatter().format(record) for record in caplog.records)


async def tried(w: World, page: str, name: str, times: int) -> None:
    async with w.browser() as browser:
        client = (await w.register())["client_id"]
        where = await browser.get("/authorize", params=w.authorize_parameters(client)) if page == "authorize" else None
        shown = await follow(browser, where or await browser.get("/-/connections"))
        action, fields = form_of(shown)
        for _ in range(times):
            await browser.post(action, data=fields | {"username": name, "password": "wrong"})


@pytest.mark.parametrize("page", ["authorize", "connections"])
async def test_a_name_that_nobody_has_is_never_logged(tmp_path, caplog, page):
    caplog.set_level(logging.DEBUG, "doorward")
    async with world(tmp_path) as w:
        await tried(w, page, TYPED, 7)
        events = [record.message for record in caplog.records]
        assert TYPED not in logged(caplog)
    assert "sign_in_failed" in events
    assert "sign_in_slowed" in events


async def test_a_name_that_somebody_has_is_logged(tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "doorward")
    async with world(tmp_path) as w:
        await tried(w, "connections", "owner", 7)
    said = [(each.message, each.fields.get("user")) for each in caplog.records if each.message.startswith("sign_in_")]
    assert set(said) == {("sign_in_failed", "owner"), ("sign_in_slowed", "owner")}


async def test_what_a_person_asks_to_disconnect_is_logged_only_if_it_is_connected(tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "doorward")
    async with world(tmp_path) as w, w.browser() as browser:
        page = await follow(browser, await browser.get("/-/connections"))
        page = await w.submit(browser, page, username="owner", password=PASSWORD)
        action, fields = form_of(page)
        await browser.post(action, data=fields | {"client_id": TYPED})
    assert TYPED not in logged(caplog)
