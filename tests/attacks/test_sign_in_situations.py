"""The A rows in further situations: every wrong parameter with every untrusted target, and codes in the wrong hands.

The mutants of these rows (`mutants/sign_in.toml`) are what each test is for; its weak twin is in
`test_authorize_attacks`.
"""

from __future__ import annotations

import base64
import hashlib
from itertools import product
from typing import Any
from urllib.parse import urlencode

import pytest
from attacks.test_authorize_attacks import is_local_error
from attacks.test_consent_attacks import arrive
from endpoints.operator_clients import set_client
from world import ISSUER, PASSWORD, REDIRECT_URI, RESOURCE, World, form_of, query_of, world

from doorward.clock import FixedClock
from doorward.directory.accounts import disable_user
from doorward.records.oauth import Grant

EVIL = "https://evil.example/cb"
WRONG = (
    {"code_challenge": "x"},
    {"code_challenge": "-"},
    {"code_challenge_method": "plain"},
    {"code_challenge_method": "-"},
    {"scope": "unheard-of"},
    {"scope": '"'},
    {"resource": "https://x.example"},
    {"response_type": "id"},
    {"response_type": "-"},
    {"response_mode": "fragment"},
    {"state": "s" * 9000},
    {"prompt": "none"},
    {"request": "eyJhbGciOiJub25lIn0.e30."},
    {"request_uri": "https://a.example/r"},
    {"request": "x", "request_uri": "https://a.example/r"},
    {"dpop_jkt": "x"},
    {},
)
DOCUMENT = {"sec-fetch-dest": "document"}


def is_page(answer: Any) -> bool:
    """Return whether an answer is a page of ours that takes nobody anywhere."""
    return is_local_error(answer) and answer.headers["content-type"].startswith("text/html") and not refreshes(answer)


def refreshes(answer: Any) -> bool:
    return "refresh" in answer.headers or "http-equiv" in answer.text.lower()


@pytest.mark.requirement("A-02")
@pytest.mark.requirement("A-09")
async def test_whatever_else_is_wrong_nobody_is_sent_to_an_address_that_is_not_the_clients(tmp_path):
    async with world(tmp_path, limit_authorizations_per_minute=0) as w, w.browser() as browser:
        known, expired = await w.known_client(), (await w.register())["client_id"]
        await set_client(w, expired, expires_at=w.clock.now())
        published = (await browser.get("/.well-known/oauth-authorization-server")).json()
        assert published["authorization_response_iss_parameter_supported"] is True
        untrusted = (
            {"client_id": "unknown"},
            {"client_id": "unknown", "redirect_uri": EVIL},
            {"client_id": known, "redirect_uri": EVIL},
            {"client_id": known, "redirect_uri": f"{REDIRECT_URI}/x"},
            {"client_id": known, "redirect_uri": "javascript:alert(1)"},
            {"client_id": expired},
            {"client_id": expired, "redirect_uri": EVIL},
        )
        for wrong in WRONG:
            for who in untrusted:
                parameters = w.authorize_parameters(**{"client_id": known, **wrong, **who})
                assert is_page(await browser.get("/authorize", params=parameters)), (wrong, who)
            back = await browser.get("/authorize", params=w.authorize_parameters(known, **wrong))
            if wrong:
                assert back.headers["location"].startswith(f"{REDIRECT_URI}?"), wrong
                assert query_of(back)["iss"] == published["issuer"] == ISSUER, wrong
            else:
                assert back.headers["location"].startswith(f"{ISSUER}/-/login?")


@pytest.mark.requirement("A-02")
async def test_an_error_goes_to_a_stranger_only_if_the_person_goes_there(tmp_path):
    async with world(tmp_path, limit_authorizations_per_minute=0) as w, w.browser() as browser:
        stranger = (await w.register())["client_id"]
        for wrong in filter(None, WRONG):
            parameters = w.authorize_parameters(stranger, **wrong)
            assert is_page(await browser.get("/authorize", params=parameters, headers=DOCUMENT)), wrong
            if "prompt" not in wrong:
                assert is_page(await browser.get("/authorize", params=parameters)), wrong


@pytest.mark.requirement("A-03")
@pytest.mark.parametrize(
    "uri",
    [
        "evil:/cb",
        "ftp://client.example/cb",
        "http://client.example/cb",
        "http://192.168.0.1/cb",
        "https://a.example/%0d",
    ],
)
async def test_no_scheme_but_those_that_are_known_is_registered_or_used(tmp_path, uri):
    async with world(tmp_path) as w, w.browser() as http:
        body = {"redirect_uris": [uri], "token_endpoint_auth_method": "none"}
        refused = await http.post("/register", json=body)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_redirect_uri")
        client_id = (await w.register())["client_id"]
        await set_client(w, client_id, redirect_uris=(uri,))
        answer = await http.get("/authorize", params=w.authorize_parameters(client_id, redirect_uri=uri))
        assert is_local_error(answer)


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@pytest.mark.requirement("A-04")
@pytest.mark.parametrize("length", [0, 1, 42, 43, 128, 129, 200])
async def test_a_verifier_that_fits_has_the_right_length_too(tmp_path, length):
    async with world(tmp_path) as w:
        client_id, verifier = (await w.register())["client_id"], "v" * length
        code = await w.code(client_id, code_challenge=challenge_of(verifier))
        answer = await w.redeem(client_id, code, code_verifier=verifier)
        assert answer.status_code == (200 if 43 <= length <= 128 else 400)


@pytest.mark.requirement("A-04")
async def test_without_a_verifier_or_with_the_challenge_as_verifier_there_are_no_tokens(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        code = await w.code(client_id)
        form = {"grant_type": "authorization_code", "client_id": client_id, "code": code, "redirect_uri": REDIRECT_URI}
        assert (await w.token(**form)).status_code == 400
        assert (await w.redeem(client_id, code, code_verifier=challenge_of("v" * 64))).status_code == 400
        assert (await w.redeem(client_id, code)).status_code == 200


@pytest.mark.requirement("A-05")
@pytest.mark.parametrize(
    "changes", [{"code_verifier": "x" * 64}, {"code_verifier": ""}, {"redirect_uri": EVIL}, {"resource": EVIL}]
)
async def test_a_repeat_that_does_not_prove_the_same_gets_nothing_and_ends_the_grant(tmp_path, changes):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        code = await w.code(client_id)
        tokens = (await w.redeem(client_id, code)).json()
        assert (await w.redeem(client_id, code)).json() == tokens
        assert (await w.redeem(client_id, code, **changes)).status_code == 400
        assert (await w.call(tokens["access_token"])).status_code == 401


@pytest.mark.requirement("A-06")
async def test_no_part_of_a_code_or_of_a_refresh_token_ends_a_strangers_grant(tmp_path):
    async with world(tmp_path) as w:
        client_id, stranger = (await w.register())["client_id"], (await w.register(client_name="Other"))["client_id"]
        code = await w.code(client_id)
        first = (await w.redeem(client_id, code)).json()
        form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        second = (await w.token(client_id=client_id, **form)).json()
        w.clock.advance(31)
        for at in (5, 20, 41, 45, 50):
            forged = code[:at] + ("A" if code[at] != "A" else "B") + code[at + 1 :]
            for who in (client_id, stranger):
                assert (await w.redeem(who, forged)).json()["error"] == "invalid_grant"
        assert (await w.redeem(stranger, code)).json()["error"] == "invalid_grant"
        assert (await w.token(client_id=stranger, **form)).json()["error"] == "invalid_grant"
        assert (await w.call(second["access_token"])).status_code == 200


@pytest.mark.requirement("A-07")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uri": f"{REDIRECT_URI}/"}, "invalid_grant"),
        ({"redirect_uri": f"{REDIRECT_URI}?a=b"}, "invalid_grant"),
        ({"redirect_uri": EVIL}, "invalid_grant"),
        ({"resource": f"{RESOURCE}/below"}, "invalid_target"),
        ({"resource": f"{RESOURCE}-2"}, "invalid_target"),
        ({"resource": ISSUER}, "invalid_target"),
    ],
)
async def test_a_code_is_for_what_it_was_made_for_and_a_mistake_does_not_burn_it(tmp_path, changes, error):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        code = await w.code(client_id)
        assert (await w.redeem(client_id, code, **changes)).json()["error"] == error
        assert (await w.redeem(client_id, code, resource=RESOURCE)).status_code == 200


@pytest.mark.requirement("A-08")
async def test_a_code_that_another_process_has_redeemed_ends_its_grant_there(tmp_path):
    clock = FixedClock()
    async with world(tmp_path, clock=clock) as first, world(tmp_path, clock=clock) as second:
        client_id = (await first.register())["client_id"]
        code = await first.code(client_id)
        tokens = (await first.redeem(client_id, code)).json()
        assert (await second.redeem(client_id, code)).json() == tokens
        clock.advance(11)
        assert (await second.redeem(client_id, code)).json()["error"] == "invalid_grant"
        assert (await first.call(tokens["access_token"])).status_code == 401


@pytest.mark.requirement("A-10")
async def test_a_parameter_of_the_query_that_comes_twice_is_refused_in_either_order(tmp_path):
    names = ("client_id", "redirect_uri", "scope", "state", "code_challenge", "resource", "prompt")
    async with world(tmp_path, limit_authorizations_per_minute=0) as w, w.browser() as browser:
        good = w.authorize_parameters(await w.known_client(), scope="mcp")
        for name, other, order in product(names, ("the same", "x", EVIL), (1, -1)):
            first = good.get(name, "login")
            twice = [(name, first), (name, first if other == "the same" else other)][::order]
            query = urlencode([pair for pair in good.items() if pair[0] != name] + twice)
            answer = await browser.get(f"/authorize?{query}")
            if name in {"client_id", "redirect_uri"}:
                assert is_page(answer), twice
            else:
                assert query_of(answer)["error"] == "invalid_request", twice


@pytest.mark.requirement("A-11")
async def test_every_redirect_of_a_sign_in_drops_the_form_and_is_kept_nowhere(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        client_id = (await w.register())["client_id"]
        answers = [await browser.get("/authorize", params=w.authorize_parameters(client_id))]
        answers.append(await browser.get(answers[-1].headers["location"]))
        action, fields = form_of(answers[-1])
        answers.append(await browser.post(action, data=fields | {"username": "owner", "password": PASSWORD}))
        while answers[-1].status_code != 200:
            answers.append(await browser.get(answers[-1].headers["location"]))
        action, fields = form_of(answers[-1])
        answers.append(await browser.post(action, data=fields | {"decision": "approve"}))
        tokens = await w.redeem(client_id, query_of(answers[-1])["code"])
    assert {answer.status_code for answer in answers} == {200, 303}
    assert {answer.headers["cache-control"] for answer in [*answers, tokens]} == {"no-store"}
    pages = [answer for answer in answers if answer.status_code == 200]
    # The redirect to the client has the code in it, and the pages before it the request in their own address.
    assert {answer.headers["referrer-policy"] for answer in [*pages, answers[-1]]} == {"no-referrer"}


@pytest.mark.requirement("A-12")
async def test_nobody_gets_a_code_who_did_not_finish_the_sign_in(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        async with w.browser() as browser:
            started = await browser.get("/authorize", params=w.authorize_parameters(client_id))
            action, fields = form_of(await browser.get(started.headers["location"]))
            wrong = await browser.post(action, data=fields | {"username": "owner", "password": "wrong"})
            assert wrong.status_code == 400
            for decision in ("approve", "deny"):
                request = {"request": fields["request"], "form_token": fields["form_token"], "decision": decision}
                assert "location" not in (await browser.post("/-/consent", data=request)).headers
            shown = await browser.get("/-/consent", params={"request": fields["request"]})
            assert shown.headers["location"].startswith(f"{ISSUER}/authorize?continue=")
        async with w.browser() as browser:
            page = await w.sign_in(browser, client_id)
            await disable_user(w.door.store, w.clock, "owner")
            assert "code=" not in (await w.submit(browser, page, decision="approve")).headers.get("location", "")
        assert await w.door.store.find(Grant, client_id=client_id) == []


LOCAL = ("http://127.0.0.1:1234/cb", "http://localhost/cb", "http://[::1]:9/cb", "com.example.app:/cb")


async def asked_again(w: World, client_id: str, redirect_uri: str) -> list[Any]:
    """Sign in and allow, open the same address again as the same person, and return both answers."""
    answers = []
    async with w.browser() as browser:
        for _ in range(2):
            arrive(browser, "none")
            answers.append(await w.sign_in(browser, client_id, redirect_uri=redirect_uri))
            if len(answers) == 1:
                await w.submit(browser, answers[0], decision="approve")
    return answers


@pytest.mark.requirement("A-13")
@pytest.mark.parametrize("uri", LOCAL)
async def test_a_program_on_this_computer_is_named_and_asked_about_each_time(tmp_path, uri):
    async with world(tmp_path, remember_consent=True) as w:
        client_id = await w.known_client()
        await set_client(w, client_id, redirect_uris=(uri,))
        first, second = await asked_again(w, client_id, uri)
        for page in (first, second):
            assert "Allow access?" in page.text
            assert "on this computer" in page.text


@pytest.mark.requirement("A-13")
async def test_a_client_of_the_web_is_not_asked_about_twice(tmp_path):
    async with world(tmp_path, remember_consent=True) as w:
        first, second = await asked_again(w, await w.known_client(), REDIRECT_URI)
        assert "Allow access?" in first.text
        assert "on this computer" not in first.text
        assert "code" in query_of(second)
