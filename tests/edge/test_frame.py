"""What the log says of a request that was refused."""

from __future__ import annotations

import logging

import pytest
from world import world

from doorward.logs import JsonFormatter
from doorward.oauth.tokens import opaque as tokens

PASTED = [*(tokens.mint(prefix, bytes(range(32))) for prefix in tokens.PREFIXES), "a-secret-of-their-own"]


@pytest.mark.parametrize("pasted", PASTED)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    ("before", "shown"), [("/register/", "/register/*"), ("/-/api/v1/tokens/", "/-/api/v1/tokens/*")]
)
async def test_what_a_stranger_puts_into_a_path_is_not_logged(tmp_path, caplog, pasted, method, before, shown):
    caplog.set_level(logging.DEBUG, "doorward")
    async with world(tmp_path) as w, w.browser() as http:
        answer = await http.request(method, before + pasted, headers={"authorization": "Bearer x"})
    assert answer.status_code in {401, 405}
    text = "\n".join(JsonFormatter().format(record) for record in caplog.records)
    assert pasted[4:] not in text
    assert all(record.fields["path"] == shown for record in caplog.records if record.message == "refused")


@pytest.mark.parametrize("pasted", PASTED[:-1])
async def test_the_operators_function_is_not_shown_a_secret_pasted_as_a_client_id(tmp_path, pasted):
    seen = []
    async with world(tmp_path, on_error=seen.append) as w, w.browser() as http:
        await http.post("/token", data={"grant_type": "refresh_token", "refresh_token": "x", "client_id": pasted})
        await http.get("/authorize", params={"client_id": pasted})
    assert len(seen) == 2
    assert pasted[12:] not in str(seen)
