from __future__ import annotations

from world import world


async def test_a_redeemed_code_ends_the_grant_that_its_client_had_before(tmp_path):
    async with world(tmp_path) as w:
        client_id = await w.known_client()
        first = (await w.redeem(client_id, await w.code(client_id))).json()["access_token"]
        w.clock.advance(w.door.policy.authorization_request_seconds)
        code = await w.code(client_id)
        assert (await w.call(first)).status_code == 200, "an approval alone ends nothing"
        second = (await w.redeem(client_id, code)).json()["access_token"]
        assert (await w.call(first)).status_code == 401
        assert (await w.call(second)).status_code == 200


async def test_a_code_that_is_not_known_is_refused(tmp_path):
    async with world(tmp_path) as w:
        refused = await w.redeem(await w.known_client(), "dwc_unknown")
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
