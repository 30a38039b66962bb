"""Clients that describe themselves at a URL are in the audit log like those that register."""

from __future__ import annotations

import pytest
from endpoints.documents import door_and_host, publish
from endpoints.test_audit import entries, told
from world import REDIRECT_URI, World

OTHER = "https://client.example/other"


async def visited(w: World, client_id: str) -> None:
    async with w.browser() as browser:
        assert (await browser.get("/authorize", params=w.authorize_parameters(client_id))).status_code == 303


@pytest.mark.requirement("AUD-02")
async def test_a_client_that_describes_itself_is_told_once_and_again_when_its_answers_go_elsewhere(tmp_path):
    async with door_and_host(tmp_path) as (w, host):
        client_id = publish(host, headers={"cache_control": "no-store"})
        await visited(w, client_id)
        w.clock.advance(31)
        await visited(w, client_id)
        publish(host, headers={"cache_control": "no-store"}, redirect_uris=[REDIRECT_URI, OTHER])
        w.clock.advance(31)
        await visited(w, client_id)
        found = await entries(w)
    assert told(found) == ["client_registered ok", "client_changed ok"]
    assert {each.client_id for each in found} == {client_id}
    assert found[0].detail["source"] == "metadata_document"
    assert found[1].detail["redirect_uris"] == f"{REDIRECT_URI} {OTHER}"
