"""Nobody can make of this server a link that leads to a web address of theirs. Spec: RFC 9700 s4.11.2."""

from __future__ import annotations

import html
import re

import pytest
from world import ISSUER, REDIRECT_URI, query_of, world

from doorward.oauth.client_presets import CLIENT_PRESETS

FAULTS = [{"response_type": "token"}, {"scope": "nothing"}, {"code_challenge": "-"}, {"resource": "https://a.example"}]
LINK = re.compile(r'<a href="([^"]+)" rel="noreferrer">')


async def refused(w, client_id: str, headers: dict[str, str] | None = None, **changes: str):
    async with w.browser() as http:
        return await http.get("/authorize", params=w.authorize_parameters(client_id, **changes), headers=headers or {})


@pytest.mark.parametrize("fault", FAULTS, ids=lambda each: next(iter(each)))
async def test_a_client_that_nobody_has_used_is_not_redirected_to_unasked(tmp_path, fault):
    async with world(tmp_path) as w:
        answer = await refused(w, (await w.register())["client_id"], **fault)
        assert answer.status_code == 400
        assert "location" not in answer.headers
        assert "refresh" not in answer.text.lower()
        assert "<strong>client.example</strong>" in answer.text
        # Whoever goes there brings the client all that a redirect would have.
        (target,) = LINK.findall(answer.text)
        target = html.unescape(target)
        assert target.startswith(f"{REDIRECT_URI}?error=")
        assert "state=opaque" in target
        assert f"iss={ISSUER.replace(':', '%3A').replace('/', '%2F')}" in target


async def test_a_client_that_somebody_has_used_gets_its_errors(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        await w.code(client_id)
        assert query_of(await refused(w, client_id, scope="nothing"))["error"] == "invalid_scope"


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "http://127.0.0.1:9/callback",
        "http://localhost/callback",
        "cursor://anysphere.cursor-mcp/oauth",
        "com.example.app:/callback",
        *CLIENT_PRESETS["claude"].redirect_uris,
        *CLIENT_PRESETS["chatgpt"].redirect_uris,
    ],
)
async def test_well_known_clients_and_the_person_s_own_machine_get_their_errors(tmp_path, redirect_uri):
    async with world(tmp_path) as w:
        client_id = (await w.register(redirect_uris=[redirect_uri]))["client_id"]
        answer = await refused(w, client_id, redirect_uri=redirect_uri, scope="nothing")
        assert query_of(answer)["error"] == "invalid_scope"


async def test_a_client_that_an_operator_added_gets_its_errors(tmp_path):
    async with world(tmp_path) as w:
        assert query_of(await refused(w, await w.known_client(), scope="nothing"))["state"] == "opaque"


@pytest.mark.parametrize("headers", [{}, {"sec-fetch-dest": "iframe"}, {"sec-fetch-dest": "empty"}])
async def test_who_asks_for_no_page_gets_none_where_nobody_would_see_it(tmp_path, headers):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        answer = await refused(w, client_id, headers, prompt="none")
        assert query_of(answer)["error"] == "interaction_required"


async def test_asking_for_no_page_does_not_make_a_link_of_it(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        answer = await refused(w, client_id, {"sec-fetch-dest": "document"}, prompt="none")
        assert answer.status_code == 400
        assert "location" not in answer.headers
        await w.code(client_id)
        answer = await refused(w, client_id, {"sec-fetch-dest": "document"}, prompt="none")
        assert query_of(answer)["error"] == "interaction_required"
