from __future__ import annotations

from world import world

from doorward.oauth.tokens.opaque import digest
from doorward.records.oauth import RefreshToken


async def test_using_the_successor_closes_the_window_of_the_token_before_it(tmp_path):
    async with world(tmp_path) as w:
        client_id = await w.known_client()

        async def refresh(token):
            return await w.token(grant_type="refresh_token", client_id=client_id, refresh_token=token)

        async def keeps_its_reply(token):
            return (await w.door.store.get(RefreshToken, digest(token))).record.sealed_reply is not None

        first = (await w.redeem(client_id, await w.code(client_id))).json()["refresh_token"]
        second = (await refresh(first)).json()["refresh_token"]
        assert await keeps_its_reply(first)
        await refresh(second)
        assert not await keeps_its_reply(first)
        assert await keeps_its_reply(second)


async def test_a_refresh_token_that_is_not_known_is_refused(tmp_path):
    async with world(tmp_path) as w:
        form = {"client_id": await w.known_client(), "refresh_token": "dwr_unknown"}
        refused = await w.token(grant_type="refresh_token", **form)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
