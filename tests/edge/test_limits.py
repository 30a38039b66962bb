"""Too much of anything is 429 with `Retry-After`; honest clients never see one. The clock stands still."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from argon2 import PasswordHasher
from world import CALL, ISSUER, PASSWORD, REDIRECT_URI, World, form_of, query_of, world

from doorward.oauth.clients.presets import CLIENT_PRESETS
from doorward.records.accounts import FailedSignIns


def caller(w: World, address: str = "198.51.100.1", **headers: str) -> httpx2.AsyncClient:
    """A caller from an address, which need not be that of anybody else."""
    transport = httpx2.ASGITransport(w.door, client=(address, 4711))
    return httpx2.AsyncClient(transport=transport, base_url=ISSUER, headers=headers)


async def statuses(w: World, times: int, send: Any, address: str = "198.51.100.1") -> list[int]:
    async with caller(w, address) as http:
        return [(await send(http, number)).status_code for number in range(times)]


def registering(content: str = ""):
    async def send(http, number):
        body = {"redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none"}
        return await http.post("/register", json=body | {"client_name": content or f"Client {number}"})

    return send


async def test_a_client_that_registers_in_a_loop_is_stopped_and_others_are_not(tmp_path):
    async with world(tmp_path, limit_registrations_per_minute=10) as w:
        looping = await statuses(w, 12, registering("Loop"))
        assert looping == [201] * 10 + [429] * 2
        assert await statuses(w, 3, registering("Other")) == [201] * 3
        assert await statuses(w, 3, registering("Loop"), "198.51.100.2") == [201] * 3
        w.clock.advance(6)
        assert await statuses(w, 2, registering("Loop")) == [201, 429]


async def test_an_address_has_a_bound_whatever_the_content(tmp_path):
    async with world(tmp_path, limit_registrations_per_minute=4) as w:
        assert (await statuses(w, 25, registering())).count(201) == 20


async def test_the_answer_is_one_that_a_client_can_read(tmp_path):
    async with world(tmp_path, limit_registrations_per_minute=1) as w:
        async with caller(w) as http:
            await registering("x")(http, 0)
            refused = await registering("x")(http, 0)
        assert refused.status_code == 429
        assert refused.json()["error"] == "too_many_requests"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["access-control-allow-origin"] == "*"
        assert refused.headers["cache-control"] == "no-store"


async def test_authorization_requests_are_limited_by_client_and_shown_as_a_page(tmp_path):
    async with world(tmp_path, limit_authorizations_per_minute=5) as w:
        first, second = [(await w.register(client_name=name))["client_id"] for name in "ab"]

        def asking(client_id):
            return lambda http, _: http.get("/authorize", params=w.authorize_parameters(client_id))

        assert await statuses(w, 6, asking(first)) == [303] * 5 + [429]
        assert await statuses(w, 5, asking(second)) == [303] * 5
        async with caller(w) as http:
            page = await asking(first)(http, 0)
        assert page.headers["content-type"].startswith("text/html")
        assert int(page.headers["retry-after"]) >= 1
        assert "location" not in page.headers


async def test_pushed_requests_are_limited_like_the_requests_they_stand_for(tmp_path):
    async with world(tmp_path, limit_authorizations_per_minute=3) as w:
        client_id = (await w.register())["client_id"]
        pushed = await statuses(w, 4, lambda http, _: http.post("/par", data=w.authorize_parameters(client_id)))
        assert pushed == [201] * 3 + [429]


def wrong_tokens(client_id: str):
    def send(http, number):
        form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": f"dwr_{number}"}
        return http.post("/token", data=form)

    return send


@pytest.mark.requirement("T-09")
async def test_wrong_tries_slow_the_client_that_makes_them_and_nobody_else_at_its_address(tmp_path):
    async with world(tmp_path, limit_token_calls_per_minute=20) as w:
        guesser, honest = [(await w.register(client_name=name))["client_id"] for name in "ab"]
        tokens = (await w.redeem(honest, await w.code(honest))).json()
        answers = await statuses(w, 110, wrong_tokens(guesser), "127.0.0.1")
        assert answers == [400] * 100 + [429] * 10
        form = {"grant_type": "refresh_token", "client_id": honest, "refresh_token": tokens["refresh_token"]}
        assert (await w.token(**form)).status_code == 200
        assert await statuses(w, 1, wrong_tokens(guesser), "203.0.113.9") == [400]


async def test_ten_thousand_guesses_are_slowed_to_the_limit(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        answers = await statuses(w, 2_000, wrong_tokens(client_id))
        assert answers.count(400) == 600


async def test_one_credential_is_not_presented_without_end(tmp_path):
    async with world(tmp_path, limit_token_calls_per_minute=20) as w:
        client_id = (await w.register())["client_id"]
        tokens = (await w.redeem(client_id, await w.code(client_id))).json()
        form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": tokens["refresh_token"]}
        answers = await asyncio.gather(*(w.token(**form) for _ in range(24)))
        assert sorted(answer.status_code for answer in answers) == [200] * 20 + [429] * 4
        limited = next(answer for answer in answers if answer.status_code == 429)
        assert limited.json()["error"] not in {"invalid_grant", "invalid_client"}


@pytest.mark.parametrize(
    "request_of",
    [
        lambda http: http.post(
            "/token", content=b"\xff", headers={"content-type": "application/x-www-form-urlencoded"}
        ),
        lambda http: http.post("/token", json={"grant_type": "refresh_token"}),
        lambda http: http.post("/token", data={"grant_type": "refresh_token"}),
        lambda http: http.post("/token", data={}, headers={"authorization": "Basic !"}),
        lambda http: http.post("/register", content=b"\xff", headers={"content-type": "application/json"}),
    ],
)
async def test_what_cannot_be_read_is_still_answered_by_the_endpoint(tmp_path, request_of):
    async with world(tmp_path) as w, caller(w) as http:
        assert (await request_of(http)).status_code in {400, 401}


@pytest.mark.parametrize(
    ("proxies", "forwarded", "shared"),
    [
        ([], "192.0.2.{}", True),
        (["198.51.100.1"], "192.0.2.{}", False),
        (["198.51.100.1"], "192.0.2.{}, 203.0.113.5", True),
        (["198.51.100.1"], "2001:db8::{}", True),
        (["198.51.100.1"], "2001:db8:0:{}::1", False),
    ],
)
async def test_only_listed_proxies_say_where_a_request_came_from(tmp_path, proxies, forwarded, shared):
    async with world(tmp_path, limit_registrations_per_minute=1, trusted_proxies=proxies) as w:
        answers = []
        for number in range(1, 4):
            async with caller(w, **{"x-forwarded-for": forwarded.format(number)}) as http:
                answers.append((await registering("x")(http, 0)).status_code)
        assert answers == ([201, 429, 429] if shared else [201, 201, 201])


def counting_hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows with every password that is hashed to be checked."""
    seen: list[str] = []
    verify = PasswordHasher.verify

    def counted(hasher: PasswordHasher, password_hash: str, password: str) -> bool:
        seen.append(password_hash)
        return verify(hasher, password_hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    return seen


class SignIns:
    """Tries to sign in, from any address."""

    def __init__(self, w: World, client_id: str) -> None:
        self.w = w
        self.client_id = client_id

    async def __call__(self, password: str, address: str = "198.51.100.1", name: str = "owner") -> httpx2.Response:
        async with caller(self.w, address) as browser:
            answer = await browser.get("/authorize", params=self.w.authorize_parameters(self.client_id))
            page = await browser.get(answer.headers["location"])
            action, fields = form_of(page)
            return await browser.post(action, data=fields | {"username": name, "password": password})


async def test_wrong_passwords_slow_one_address_down_before_anything_is_hashed(tmp_path, monkeypatch):
    async with world(tmp_path) as w:
        attempt = SignIns(w, (await w.register())["client_id"])
        assert [(await attempt("wrong")).status_code for _ in range(6)] == [400] * 5 + [429]
        hashed = counting_hashes(monkeypatch)
        slowed = await attempt(PASSWORD)
        assert hashed == []
        assert slowed.status_code == 429
        assert slowed.headers["retry-after"] == "2"
        assert "Try again in 2 seconds" in slowed.text
        assert "set-cookie" not in slowed.headers
        assert (await attempt(PASSWORD, "198.51.100.2")).status_code == 303
        w.clock.advance(2)
        assert (await attempt(PASSWORD)).status_code == 303
        assert (await attempt("wrong")).status_code == 400


async def test_an_unknown_name_is_slowed_like_a_known_one(tmp_path):
    async with world(tmp_path) as w:
        attempt = SignIns(w, (await w.register())["client_id"])
        answers = [(await attempt("wrong", name="nobody")).status_code for _ in range(6)]
        assert answers == [400] * 5 + [429]


async def test_strangers_everywhere_cannot_keep_the_owner_out(tmp_path):
    async with world(tmp_path, limit_authorizations_per_minute=0) as w:
        attempt = SignIns(w, (await w.register())["client_id"])
        assert (await attempt(PASSWORD, "203.0.113.1")).status_code == 303
        wrong = [(await attempt("wrong", f"192.0.2.{number}")).status_code for number in range(80)]
        # Two more have their turns at once, at the head of each line: one as the first of its network.
        assert wrong == [400] * 52 + [429] * 28
        assert (await attempt(PASSWORD, "203.0.113.1")).status_code == 303
        elsewhere = await attempt(PASSWORD, "203.0.113.2")
        assert elsewhere.status_code == 429
        assert int(elsewhere.headers["retry-after"]) <= 30
        w.clock.advance(int(elsewhere.headers["retry-after"]))
        assert (await attempt(PASSWORD, "203.0.113.2")).status_code == 303


async def test_tries_at_one_moment_cannot_slip_through_together(tmp_path, monkeypatch):
    hashed = counting_hashes(monkeypatch)
    async with world(tmp_path) as w:
        attempt = SignIns(w, (await w.register())["client_id"])
        answers = await asyncio.gather(*(attempt("wrong") for _ in range(16)))
        assert {answer.status_code for answer in answers} <= {400, 429, 503}
        assert 1 <= len(hashed) <= 5


async def test_one_person_may_sign_in_from_many_clients_at_one_moment(tmp_path):
    async with world(tmp_path) as w:
        attempt = SignIns(w, (await w.register())["client_id"])
        answers = await asyncio.gather(*(attempt(PASSWORD) for _ in range(12)))
        assert [answer.status_code for answer in answers] == [303] * 12


async def test_wrong_passwords_are_counted_for_every_process_and_after_a_restart(tmp_path):
    async with world(tmp_path) as w:
        attempt = SignIns(w, (await w.register())["client_id"])
        for _ in range(5):
            await attempt("wrong")
    async with world(tmp_path) as w:
        attempt = SignIns(w, (await w.register())["client_id"])
        assert (await attempt(PASSWORD)).status_code == 429
        counted = [stored.record for stored in await w.door.store.find(FailedSignIns)]
        assert sorted(each.failures for each in counted) == [5, 5]
        assert "owner" not in repr(counted)


async def test_one_address_cannot_fill_the_pool_that_checks_passwords(tmp_path):
    async with world(tmp_path, limit_sign_ins_per_minute=3) as w:
        attempt = SignIns(w, (await w.register())["client_id"])
        answers = [(await attempt("wrong", name=f"user{number}")).status_code for number in range(5)]
        assert answers == [400] * 3 + [429] * 2
        assert (await attempt("wrong", "198.51.100.9", name="user9")).status_code == 400


@pytest.mark.requirement("NET-06")
async def test_honest_clients_pass_with_every_limit_at_its_default(tmp_path):
    """Fifty first users of one vendor in a minute, from two addresses; each registers twice and refreshes eightfold."""
    async with world(tmp_path) as w:
        await fifty_first_uses(w)


async def fifty_first_uses(w: World) -> None:
    for number in range(50):
        await first_use(w, f"203.0.113.{number % 2}", f"198.51.100.{number}")


async def first_use(w: World, vendor: str, home: str) -> None:
    body = {"redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none", "client_name": "Claude"}
    async with caller(w, vendor) as http:
        twice = [await http.post("/register", json=body) for _ in range(2)]
        assert [answer.status_code for answer in twice] == [201, 201]
        client_id = twice[1].json()["client_id"]
        async with caller(w, home) as browser:
            answer = await w.submit(browser, await w.sign_in(browser, client_id), decision="approve")
        form = {"grant_type": "authorization_code", "client_id": client_id, "redirect_uri": REDIRECT_URI}
        tokens = await http.post("/token", data=form | {"code": query_of(answer)["code"], "code_verifier": "v" * 64})
        assert tokens.status_code == 200
        again = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": tokens.json()["refresh_token"]}
        burst = await asyncio.gather(*(http.post("/token", data=again) for _ in range(8)))
        assert {answer.status_code for answer in burst} == {200}
        headers = {
            "authorization": f"Bearer {burst[0].json()['access_token']}",
            "accept": "application/json, text/event-stream",
        }
        called = await http.post("/mcp", json=CALL, headers=headers)
        assert called.status_code == 200


@pytest.mark.parametrize("name", sorted(CLIENT_PRESETS))
@pytest.mark.requirement("NET-06")
async def test_every_known_client_gets_in_and_refreshes_with_every_limit_at_its_default(tmp_path, name):
    async with world(tmp_path) as w:
        redirect_uri = CLIENT_PRESETS[name].redirect_uris[0]
        client = await w.register(redirect_uris=list(CLIENT_PRESETS[name].redirect_uris), client_name=name)
        client_id = client["client_id"]
        code = await w.code(client_id, redirect_uri=redirect_uri)
        tokens = (await w.redeem(client_id, code, redirect_uri=redirect_uri)).json()
        form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": tokens["refresh_token"]}
        refreshed = await asyncio.gather(*(w.token(**form) for _ in range(4)))
        assert {answer.status_code for answer in refreshed} == {200}
        assert (await w.call(refreshed[0].json()["access_token"])).status_code == 200


async def test_the_twin_notices_limits_that_count_a_vendor_as_one_user(tmp_path):
    async with world(tmp_path, limit_registrations_per_minute=10) as w:
        with pytest.raises(AssertionError):
            await fifty_first_uses(w)
