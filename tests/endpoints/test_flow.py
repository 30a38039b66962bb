"""One login through the code: register, authorize, sign in, consent, redeem, call, refresh, revoke."""

from __future__ import annotations

import asyncio

import pytest
from world import CALL, ISSUER, PASSWORD, REDIRECT_URI, RESOURCE, VERIFIER, query_of, world

from doorward.clock import FixedClock


@pytest.mark.requirement("A1")
@pytest.mark.requirement("A-11")
async def test_a_public_client_gets_from_registration_to_a_tool_call(tmp_path):
    async with world(tmp_path) as w:
        client = await w.register()
        assert "client_secret" not in client
        async with w.browser() as browser:
            page = await w.sign_in(browser, client["client_id"])
            assert "client.example" in page.text
            answer = await w.submit(browser, page, decision="approve")
        query = query_of(answer)
        assert answer.headers["location"].startswith(REDIRECT_URI + "?")
        assert query["state"] == "opaque"
        assert query["iss"] == ISSUER
        tokens = await w.redeem(client["client_id"], query["code"], resource=RESOURCE)
        assert tokens.status_code == 200
        assert tokens.headers["cache-control"] == "no-store"
        body = tokens.json()
        assert body["token_type"] == "Bearer"
        assert body["expires_in"] == 3600
        assert body["access_token"].startswith("dwa_")
        called = await w.call(body["access_token"])
        assert called.status_code == 200
        assert "authorization" not in called.json()["result"]["headers"].split(",")


async def test_a_confidential_client_authenticates_with_basic_and_with_post(tmp_path):
    async with world(tmp_path) as w:
        for method in ("client_secret_basic", "client_secret_post"):
            client = await w.register(token_endpoint_auth_method=method)
            code = await w.code(client["client_id"])
            form = {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": REDIRECT_URI,
                "code_verifier": VERIFIER,
            }
            secret = client["client_secret"]
            async with w.browser() as http:
                if method == "client_secret_basic":
                    answer = await http.post("/token", data=form, auth=(client["client_id"], secret))
                else:
                    form |= {"client_id": client["client_id"], "client_secret": secret}
                    answer = await http.post("/token", data=form)
            assert answer.status_code == 200, answer.text


@pytest.mark.requirement("A-05")
@pytest.mark.requirement("A8")
async def test_a_code_is_redeemed_once_and_its_replay_ends_what_it_gave(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        code = await w.code(client_id)
        tokens = (await w.redeem(client_id, code)).json()
        w.clock.advance(11)
        replay = await w.redeem(client_id, code)
        assert replay.status_code == 400
        assert replay.json()["error"] == "invalid_grant"
        assert (await w.call(tokens["access_token"])).status_code == 401


@pytest.mark.requirement("A-05")
async def test_sixteen_racers_redeem_a_code_for_one_pair_of_tokens(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        code = await w.code(client_id)
        answers = await asyncio.gather(*(w.redeem(client_id, code) for _ in range(16)))
        pairs = {answer.json()["access_token"] for answer in answers if answer.status_code == 200}
        assert len(pairs) == 1


@pytest.mark.requirement("T-02")
@pytest.mark.requirement("T-01")
async def test_a_refresh_that_is_repeated_within_the_window_gets_the_same_successor(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        first = (await w.redeem(client_id, await w.code(client_id))).json()
        form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": first["refresh_token"]}
        answers = await asyncio.gather(*(w.token(**form) for _ in range(16)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["refresh_token"] for answer in answers}) == 1
        w.clock.advance(31)
        assert (await w.token(**form)).json()["error"] == "invalid_grant"
        newest = answers[0].json()
        assert (await w.call(newest["access_token"])).status_code == 401


@pytest.mark.requirement("A17")
async def test_revoking_acts_on_the_next_request(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        tokens = (await w.redeem(client_id, await w.code(client_id))).json()
        assert (await w.call(tokens["access_token"])).status_code == 200
        async with w.browser() as http:
            answer = await http.post("/revoke", data={"client_id": client_id, "token": tokens["refresh_token"]})
        assert answer.status_code == 200
        assert (await w.call(tokens["access_token"])).status_code == 401


@pytest.mark.requirement("P-24")
async def test_a_scope_beside_the_code_narrows_until_a_refresh_asks_for_all(tmp_path):
    async with world(tmp_path, scopes=("read", "write")) as w:
        client_id = (await w.register())["client_id"]
        code = await w.code(client_id)
        refused = await w.redeem(client_id, code, scope="unheard-of")
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")
        tokens = await w.redeem(client_id, code, scope="write unheard-of")
        assert tokens.json()["scope"] == "write"
        assert (await w.redeem(client_id, code, scope="write unheard-of")).json() == tokens.json()
        refresh = {"grant_type": "refresh_token", "client_id": client_id}
        answer = await w.token(**refresh, refresh_token=tokens.json()["refresh_token"])
        assert answer.json()["scope"] == "read write"


async def test_a_restart_in_the_middle_of_a_sign_in_loses_nothing(tmp_path):
    clock = FixedClock()
    async with world(tmp_path, clock=clock) as w:
        client_id = (await w.register())["client_id"]
        async with w.browser() as browser:
            page = await w.sign_in(browser, client_id)
            cookies = dict(browser.cookies)
    async with world(tmp_path, clock=clock) as w, w.browser() as browser:
        browser.cookies.update(cookies)
        answer = await w.submit(browser, page, decision="approve")
        tokens = (await w.redeem(client_id, query_of(answer)["code"])).json()
    async with world(tmp_path, clock=clock) as w:
        assert (await w.call(tokens["access_token"])).status_code == 200


@pytest.mark.requirement("R3")
@pytest.mark.requirement("R6")
async def test_a_missing_token_and_a_bad_one_get_different_challenges(tmp_path):
    async with world(tmp_path) as w:
        missing, bad = await w.call(None), await w.call("dwa_wrong")
        assert missing.status_code == bad.status_code == 401
        challenge = missing.headers["www-authenticate"]
        assert f'resource_metadata="{ISSUER}/.well-known/oauth-protected-resource/mcp"' in challenge
        assert 'scope="mcp"' in challenge
        assert "error=" not in challenge
        assert 'error="invalid_token"' in bad.headers["www-authenticate"]


async def test_an_expired_token_is_refused(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        tokens = (await w.redeem(client_id, await w.code(client_id))).json()
        w.clock.advance(3601)
        assert (await w.call(tokens["access_token"])).status_code == 401


@pytest.mark.requirement("R5")
@pytest.mark.requirement("U-04")
async def test_a_token_in_the_query_is_ignored(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        tokens = (await w.redeem(client_id, await w.code(client_id))).json()
        async with w.browser() as http:
            answer = await http.post("/mcp", params={"access_token": tokens["access_token"]}, json=CALL)
        assert answer.status_code == 401


@pytest.mark.requirement("A11")
async def test_denying_tells_the_client_so(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        async with w.browser() as browser:
            page = await w.sign_in(browser, client_id)
            query = query_of(await w.submit(browser, page, decision="deny"))
        assert query["error"] == "access_denied"
        assert query["iss"] == ISSUER
        assert query["state"] == "opaque"


@pytest.mark.requirement("A11")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": "-"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "-"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"resource": "https://elsewhere.example/mcp"}, "invalid_target"),
        ({"scope": "unheard-of"}, "invalid_scope"),
    ],
)
async def test_a_fault_of_a_trusted_client_goes_back_to_it_with_state_and_issuer(tmp_path, changes, error):
    async with world(tmp_path) as w:
        client_id = await w.known_client()
        async with w.browser() as browser:
            answer = await browser.get("/authorize", params=w.authorize_parameters(client_id, **changes))
        query = query_of(answer)
        assert query["error"] == error
        assert query["state"] == "opaque"
        assert query["iss"] == ISSUER


@pytest.mark.requirement("A7")
@pytest.mark.requirement("A-01")
@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "unknown"},
        {"client_id": "-"},
        {"redirect_uri": "https://client.example/callback/"},
        {"redirect_uri": "https://client.example.evil.example/callback"},
        {"redirect_uri": "https://CLIENT.example/callback"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "https://client.example/callback#x"},
    ],
)
async def test_without_a_trusted_target_the_fault_is_a_page_and_never_a_redirect(tmp_path, changes):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        parameters = w.authorize_parameters(client_id) | changes
        parameters = {name: value for name, value in parameters.items() if value != "-"}
        async with w.browser() as browser:
            answer = await browser.get("/authorize", params=parameters)
        assert answer.status_code == 400
        assert "location" not in answer.headers
        assert answer.headers["content-type"].startswith("text/html")


async def test_the_password_is_checked(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        async with w.browser() as browser:
            answer = await browser.get("/authorize", params=w.authorize_parameters(client_id))
            page = await browser.get(answer.headers["location"])
            refused = await w.submit(browser, page, username="owner", password="wrong")
            assert refused.status_code == 400
            assert "wrong" in refused.text
            again = await w.submit(browser, refused, username="owner", password=PASSWORD)
            assert "Allow access" in again.text
