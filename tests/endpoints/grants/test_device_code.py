from __future__ import annotations

from endpoints.operator_clients import operator_client
from world import world

from doorward.oauth.grant_types import DEVICE_CODE


async def test_a_device_learns_that_nobody_has_decided_or_that_its_code_is_not_known(tmp_path):
    async with world(tmp_path, device_grant=True) as w, w.browser() as http:
        client = await operator_client(w, DEVICE_CODE, confidential=False)
        begun = (await http.post("/device_authorization", data=client)).json()
        for code, error in ((begun["device_code"], "authorization_pending"), ("dwd_unknown", "invalid_grant")):
            refused = await w.token(grant_type=DEVICE_CODE, device_code=code, **client)
            assert (refused.status_code, refused.json()["error"]) == (400, error)
