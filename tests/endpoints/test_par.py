"""Parameters that a client pushes, and the reference that a browser brings instead of them."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from oauth.proofs import Holder
from world import ISSUER, PASSWORD, REDIRECT_URI, World, follow, query_of, world

from doorward.records.oauth import PushedRequest

URN = "urn:ietf:params:oauth:request_uri:"


async def push(w: World, client_id: str, *proofs: str, **changes: str) -> httpx2.Response:
    async with w.browser() as http:
        headers = [("dpop", each) for each in proofs]
        return await http.post("/par", data=w.authorize_parameters(client_id, **changes), headers=headers)


async def visit(browser: httpx2.AsyncClient, client_id: str, request_uri: str, **more: str) -> httpx2.Response:
    return await browser.get("/authorize", params={"client_id": client_id, "request_uri": request_uri} | more)


@pytest.mark.requirement("RFC9126-2")
async def test_a_pushed_request_leads_through_sign_in_to_tokens(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        pushed = await push(w, client_id)
        assert pushed.status_code == 201
        assert pushed.headers["cache-control"] == "no-store"
        assert pushed.json()["expires_in"] == 60
        request_uri = pushed.json()["request_uri"]
        assert request_uri.startswith(URN)
        assert len(request_uri) >= len(URN) + 43
        async with w.browser() as browser:
            page = await follow(browser, await visit(browser, client_id, request_uri))
            page = await w.submit(browser, page, username="owner", password=PASSWORD)
            answer = query_of(await w.submit(browser, page, decision="approve"))
        assert (answer["state"], answer["iss"]) == ("opaque", ISSUER)
        tokens = (await w.redeem(client_id, answer["code"])).json()
        assert (await w.call(tokens["access_token"])).status_code == 200


@pytest.mark.requirement("RFC9126-4")
async def test_a_reference_is_good_for_one_visit(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        client_id = (await w.register())["client_id"]
        request_uri = (await push(w, client_id)).json()["request_uri"]
        assert (await visit(browser, client_id, request_uri)).status_code == 303
        again = await visit(browser, client_id, request_uri)
        assert again.status_code == 400
        assert "location" not in again.headers
        assert "used before" in again.text


@pytest.mark.requirement("RFC9126-4")
async def test_of_sixteen_visits_at_once_one_begins_a_sign_in(tmp_path):
    async with world(tmp_path) as one, world(tmp_path, clock=one.clock) as two:
        client_id = (await one.register())["client_id"]
        request_uri = (await push(one, client_id)).json()["request_uri"]
        browsers = [(one if number % 2 else two).browser() for number in range(16)]
        answers = await asyncio.gather(*(visit(each, client_id, request_uri) for each in browsers))
        assert sorted(answer.status_code for answer in answers) == [303] + [400] * 15
        for each in browsers:
            await each.aclose()


@pytest.mark.requirement("RFC9126-4")
async def test_a_reference_is_good_for_a_minute_and_for_its_client(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        client_id, other = (await w.register())["client_id"], (await w.register(client_name="Other"))["client_id"]
        request_uri = (await push(w, client_id)).json()["request_uri"]
        assert (await visit(browser, other, request_uri)).status_code == 400
        assert (await browser.get("/authorize", params={"request_uri": request_uri})).status_code == 400
        w.clock.advance(59)
        assert (await visit(browser, client_id, request_uri)).status_code == 303
        late = (await push(w, client_id)).json()["request_uri"]
        w.clock.advance(60)
        assert (await visit(browser, client_id, late)).status_code == 400
        assert (await visit(browser, client_id, URN + "made-up")).status_code == 400


async def test_whatever_the_browser_adds_to_a_reference_is_void(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        client_id = (await w.register())["client_id"]
        request_uri = (await push(w, client_id, scope="mcp", state="pushed")).json()["request_uri"]
        more = {"redirect_uri": "https://evil.example/cb", "state": "added", "scope": "other", "code_challenge": "x"}
        page = await follow(browser, await visit(browser, client_id, request_uri, **more))
        page = await w.submit(browser, page, username="owner", password=PASSWORD)
        answer = await w.submit(browser, page, decision="deny")
        assert answer.headers["location"].startswith(REDIRECT_URI)
        assert query_of(answer)["state"] == "pushed"


@pytest.mark.requirement("RFC9126-2")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uri": "https://evil.example/cb"}, "invalid_request"),
        ({"redirect_uri": "javascript:alert(1)"}, "invalid_request"),
        ({"code_challenge": "-"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"resource": "https://elsewhere.example/mcp"}, "invalid_target"),
        ({"scope": "unheard-of"}, "invalid_scope"),
        ({"request_uri": URN + "x"}, "invalid_request"),
        ({"request": "eyJ"}, "request_not_supported"),
        ({"dpop_jkt": "short"}, "invalid_request"),
    ],
)
async def test_what_the_authorization_endpoint_refuses_cannot_be_pushed(tmp_path, changes, error):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        answer = await push(w, client_id, **changes)
        assert answer.status_code == 400
        assert answer.json()["error"] == error
        assert await w.door.store.find(PushedRequest) == []


@pytest.mark.requirement("RFC9126-2")
async def test_a_client_authenticates_as_it_does_for_tokens(tmp_path):
    async with world(tmp_path) as w:
        client = await w.register(token_endpoint_auth_method="client_secret_post")
        assert (await push(w, client["client_id"])).status_code == 401
        assert (await push(w, client["client_id"], client_secret="wrong")).status_code == 401
        assert (await push(w, "unknown")).status_code == 401
        assert (await push(w, client["client_id"], client_secret=client["client_secret"])).status_code == 201
        (pushed,) = await w.door.store.find(PushedRequest)
        assert client["client_secret"] not in str(pushed.record)


async def test_parameters_must_be_pushed_where_the_operator_says_so(tmp_path):
    async with world(tmp_path, require_par=True) as w, w.browser() as browser:
        client_id = await w.known_client()
        refused = query_of(await browser.get("/authorize", params=w.authorize_parameters(client_id)))
        assert (refused["error"], refused["state"]) == ("invalid_request", "opaque")
        request_uri = (await push(w, client_id)).json()["request_uri"]
        assert (await visit(browser, client_id, request_uri)).status_code == 303
        metadata = (await browser.get("/.well-known/oauth-authorization-server")).json()
        assert metadata["require_pushed_authorization_requests"] is True


async def test_a_request_uri_of_another_kind_is_still_refused(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        client_id = await w.known_client()
        parameters = w.authorize_parameters(client_id, request_uri="https://client.example/request.jwt")
        assert query_of(await browser.get("/authorize", params=parameters))["error"] == "request_uri_not_supported"


@pytest.mark.requirement("RFC9449-5")
async def test_the_key_that_is_proved_while_pushing_is_the_one_for_the_code(tmp_path):
    async with world(tmp_path) as w:
        holder, thief = Holder(), Holder()
        client_id = (await w.register())["client_id"]
        proof = holder.proof(url=f"{ISSUER}/par", now=w.clock.now())
        assert (await push(w, client_id, proof, dpop_jkt=thief.jkt)).json()["error"] == "invalid_request"
        request_uri = (await push(w, client_id, proof)).json()["request_uri"]
        replayed = await push(w, client_id, proof)
        assert replayed.json()["error"] == "invalid_dpop_proof"
        async with w.browser() as browser:
            page = await follow(browser, await visit(browser, client_id, request_uri))
            page = await w.submit(browser, page, username="owner", password=PASSWORD)
            code = query_of(await w.submit(browser, page, decision="approve"))["code"]
        assert (await w.redeem(client_id, code)).json()["error"] == "invalid_grant"
