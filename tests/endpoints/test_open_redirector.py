"""Nobody can make of this server a link that leads to a web address of theirs. Spec: RFC 9700 s4.11.2."""

from __future__ import annotations

import html
import re

import pytest
from world import ISSUER, REDIRECT_URI, query_of, world

from doorward.directory.clients import add_client
from doorward.oauth.clients.new_client import NewClient
from doorward.oauth.clients.presets import CLIENT_PRESETS
from doorward.records.oauth import Client

EVIL = "https://evil.example/phish"
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


async def test_a_client_that_somebody_has_used_gets_its_errors_where_it_was_used(tmp_path):
    async with world(tmp_path) as w:
        other = "https://other.example/callback"
        client_id = (await w.register(redirect_uris=[REDIRECT_URI, other]))["client_id"]
        await w.code(client_id)
        assert query_of(await refused(w, client_id, scope="nothing"))["error"] == "invalid_scope"
        assert (await refused(w, client_id, redirect_uri=other, scope="nothing")).status_code == 400
        await w.code(client_id, redirect_uri=other)
        for used in (REDIRECT_URI, other):
            assert (await refused(w, client_id, redirect_uri=used, scope="nothing")).status_code == 303


@pytest.mark.parametrize("new", [EVIL, [REDIRECT_URI, EVIL], REDIRECT_URI], ids=["another", "one more", "the same"])
async def test_a_used_client_takes_no_trust_along_to_another_address(tmp_path, new):
    async with world(tmp_path) as w, w.browser() as http:
        made = await w.register(token_endpoint_auth_method="client_secret_post")
        await w.code(made["client_id"])
        uris = [new] if isinstance(new, str) else new
        body = {"client_id": made["client_id"], "redirect_uris": uris, "client_name": "Test"}
        changed = await http.put(
            made["registration_client_uri"],
            json=body | {"token_endpoint_auth_method": "client_secret_post"},
            headers={"authorization": f"Bearer {made['registration_access_token']}"},
        )
        assert changed.status_code == 200, changed.text
        answers = [await refused(w, made["client_id"], redirect_uri=uri, scope="nothing") for uri in uris]
        assert [answer.status_code for answer in answers] == [303 if new == REDIRECT_URI else 400] * len(uris)
        # It was used and is not pushed out by clients that nobody has used.
        (stored,) = await w.door.store.find(Client)
        assert stored.record.used_at is not None


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "http://127.0.0.1:9/callback",
        "http://localhost/callback",
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "http://127.0.0.1:33418/",
        *CLIENT_PRESETS["claude"].redirect_uris,
        *CLIENT_PRESETS["chatgpt"].redirect_uris,
    ],
)
async def test_well_known_clients_and_the_person_s_own_machine_get_their_errors(tmp_path, redirect_uri):
    async with world(tmp_path) as w:
        client_id = (await w.register(redirect_uris=[redirect_uri]))["client_id"]
        answer = await refused(w, client_id, redirect_uri=redirect_uri, scope="nothing")
        assert query_of(answer)["error"] == "invalid_scope"


APPS = [
    "com.example.app:/callback",
    "com.example.app:/callback?tenant=1",
    "x-apple.systempreferences:/com.apple.preference.security",
    "cursor://anysphere.cursor-mcp/oauth",
    "cursor://anysphere.cursor-retrieval/oauth/user-notes/callback",
    "vscode://publisher.extension/callback",
    "goose://oauth/callback",
]


@pytest.mark.parametrize("redirect_uri", APPS)
@pytest.mark.parametrize(
    ("headers", "fault"),
    [
        ({"sec-fetch-dest": "document"}, {"scope": "nothing"}),
        ({}, {"response_type": "token"}),
        ({}, {"prompt": "none"}),
        ({"sec-fetch-dest": "iframe"}, {"prompt": "none"}),
    ],
)
async def test_no_link_to_this_server_starts_an_app_of_a_stranger_s_choice(tmp_path, redirect_uri, headers, fault):
    async with world(tmp_path) as w:
        client_id = (await w.register(redirect_uris=[redirect_uri]))["client_id"]
        answer = await refused(w, client_id, headers, redirect_uri=redirect_uri, **fault)
        assert answer.status_code == 400
        assert "location" not in answer.headers
        assert redirect_uri.partition("?")[0] in answer.text
        (target,) = LINK.findall(answer.text)
        assert html.unescape(target).startswith(redirect_uri)


@pytest.mark.parametrize("decision", ["approve", "deny"])
@pytest.mark.parametrize("redirect_uri", APPS)
async def test_after_the_question_an_unknown_app_is_started_by_a_click(tmp_path, redirect_uri, decision):
    async with world(tmp_path) as w, w.browser() as browser:
        client_id = (await w.register(redirect_uris=[redirect_uri]))["client_id"]
        page = await w.sign_in(browser, client_id, redirect_uri=redirect_uri)
        assert redirect_uri.partition("?")[0] in page.text
        answer = await w.submit(browser, page, decision=decision)
        if redirect_uri.partition(":")[0] in {"cursor", "vscode", "goose"}:
            assert answer.status_code == 303
            target = answer.headers["location"]
        else:
            assert answer.status_code == 200
            target = html.unescape(LINK.findall(answer.text)[0])
        assert target.startswith(redirect_uri)
        assert ("code=dwc_" in target) == (decision == "approve")


async def test_an_app_that_an_operator_added_is_started_at_once(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        made = await add_client(
            *(w.door.store, w.clock, w.door.entropy),
            NewClient(client_name="Known", redirect_uris=(APPS[0],), confidential=False),
            policy=w.door.policy,
        )
        client_id = made.client.client_id
        assert (await refused(w, client_id, redirect_uri=APPS[0], scope="nothing")).status_code == 303
        page = await w.sign_in(browser, client_id, redirect_uri=APPS[0])
        assert (await w.submit(browser, page, decision="deny")).status_code == 303


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
