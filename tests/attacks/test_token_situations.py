"""The T rows in further situations: which client asks for which grant, and where a family of tokens must be dead.

The mutants of these rows (`mutants/tokens.toml`) are what each test is for; its weak twin is in `test_token_attacks`.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from typing import Any

import msgspec
import pytest
from attacks.odd_bodies import FORM
from attacks.test_token_attacks import refreshed, signed_in
from endpoints.operator_clients import exchanged, operator_client, set_client
from endpoints.test_introspect import ask, confidential, resource_server, tokens_of
from world import PASSWORD, REDIRECT_URI, RESOURCE, World, form_of, world

from doorward.clock import FixedClock
from doorward.directory.clients import load_client
from doorward.directory.header_tokens import NewHeaderToken, create_header_token
from doorward.oauth.grant_types import CLIENT_CREDENTIALS, DEVICE_CODE, JWT_BEARER, TOKEN_EXCHANGE
from doorward.records.changes import Replace
from doorward.records.oauth import AccessToken, Grant, RefreshToken

OPERATORS_GRANTS = (CLIENT_CREDENTIALS, TOKEN_EXCHANGE, JWT_BEARER, DEVICE_CODE)


async def revoke(w: World, client: dict[str, str], token: str) -> int:
    async with w.browser() as http:
        return (await http.post("/revoke", data={**client, "token": token})).status_code


async def is_dead(w: World, client_id: str, tokens: dict[str, str]) -> bool:
    """Return whether a pair is good for nothing: at the door, at the token endpoint and in what introspection says."""
    asker = await resource_server(w)
    said = [(await ask(w, tokens[name], asker)).json() for name in ("access_token", "refresh_token")]
    again = await refreshed(w, client_id, tokens["refresh_token"])
    called = await w.call(tokens["access_token"])
    return (
        said == [{"active": False}] * 2 and again.json().get("error") == "invalid_grant" and called.status_code == 401
    )


async def is_alive(w: World, tokens: dict[str, str]) -> bool:
    said = (await ask(w, tokens["access_token"], await resource_server(w))).json()["active"]
    return said and (await w.call(tokens["access_token"])).status_code == 200


@pytest.mark.requirement("T-01")
async def test_nothing_of_a_family_is_left_once_a_token_of_it_was_reused(tmp_path):
    async with world(tmp_path) as w:
        client_id, first = await signed_in(w)
        second = (await refreshed(w, client_id, first["refresh_token"])).json()
        (grant,) = await w.door.store.find(Grant, client_id=client_id)
        w.clock.advance(31)
        assert await is_alive(w, second)
        assert (await refreshed(w, client_id, first["refresh_token"])).json()["error"] == "invalid_grant"
        assert await is_dead(w, client_id, second)
        left = [await w.door.store.find(kind, grant_id=grant.record.grant_id) for kind in (AccessToken, RefreshToken)]
        assert left == [[], []]


@pytest.mark.requirement("T-02")
async def test_once_the_successor_was_used_a_repeat_is_reuse_although_the_window_is_open(tmp_path):
    async with world(tmp_path) as w:
        client_id, first = await signed_in(w)
        second = (await refreshed(w, client_id, first["refresh_token"])).json()
        assert (await refreshed(w, client_id, first["refresh_token"])).json() == second
        third = (await refreshed(w, client_id, second["refresh_token"])).json()
        assert (await refreshed(w, client_id, first["refresh_token"])).json()["error"] == "invalid_grant"
        assert await is_dead(w, client_id, third)


ENDS = ("reuse", "replay", "revoked refresh token", "revoked access token")


async def end(w: World, how: str, client_id: str, code: str, pairs: list[dict[str, str]]) -> None:
    first, newest = pairs
    if how == "reuse":
        assert (await refreshed(w, client_id, first["refresh_token"])).status_code == 400
    elif how == "replay":
        assert (await w.redeem(client_id, code)).status_code == 400
    else:
        token = newest["refresh_token" if how == "revoked refresh token" else "access_token"]
        assert await revoke(w, {"client_id": client_id}, token) == 200


@pytest.mark.requirement("T-03")
@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("order", ["ends, then restart", "restart, then ends"])
async def test_what_ended_before_or_after_a_restart_is_dead_everywhere(tmp_path, how, order):
    clock = FixedClock()
    async with world(tmp_path, clock=clock) as w:
        client_id = (await w.register())["client_id"]
        code = await w.code(client_id)
        first = (await w.redeem(client_id, code)).json()
        newest = (await refreshed(w, client_id, first["refresh_token"])).json()
        clock.advance(31)
        if order.startswith("ends"):
            await end(w, how, client_id, code, [first, newest])
    async with world(tmp_path, clock=clock) as w:
        if order.startswith("restart"):
            assert await is_alive(w, newest)
            await end(w, how, client_id, code, [first, newest])
        if how == "revoked access token":
            assert (await w.call(newest["access_token"])).status_code == 401
            assert (await refreshed(w, client_id, newest["refresh_token"])).status_code == 200
        else:
            assert await is_dead(w, client_id, newest)


@pytest.mark.requirement("T-03")
async def test_a_spent_code_is_known_for_hours_whatever_is_cleared_away(tmp_path):
    clock = FixedClock()
    async with world(tmp_path, clock=clock) as w:
        client_id = (await w.register())["client_id"]
        code = await w.code(client_id)
        tokens = (await w.redeem(client_id, code)).json()
    clock.advance(1800)
    async with world(tmp_path, clock=clock) as w:
        await w.door.store.purge(clock.now())
        assert (await w.redeem(client_id, code)).status_code == 400
        assert await is_dead(w, client_id, tokens)


@pytest.mark.requirement("T-04")
async def test_a_refresh_is_for_its_own_client_scope_and_resource(tmp_path):
    async with world(tmp_path, tool_scopes={"write": ("files:write",)}) as w:
        client_id, tokens = await signed_in(w)
        other = (await w.register(client_name="Other"))["client_id"]
        form = {"refresh_token": tokens["refresh_token"]}
        tries = [
            ({"client_id": other}, "invalid_grant"),
            ({"scope": "files:write"}, "invalid_scope"),
            ({"scope": "mcp files:write"}, "invalid_scope"),
            ({"scope": "files:write mcp mcp"}, "invalid_scope"),
            ({"resource": f"{RESOURCE}/below"}, "invalid_target"),
            ({"resource": f"{RESOURCE}?a=b"}, "invalid_target"),
            ({"resource": RESOURCE.removesuffix("/mcp")}, "invalid_target"),
            ({"resource": "https://other.example/mcp"}, "invalid_target"),
        ]
        for changes, error in tries:
            asked = {"grant_type": "refresh_token", "client_id": client_id} | form | changes
            assert (await w.token(**asked)).json()["error"] == error, changes
        honest = (await refreshed(w, client_id, tokens["refresh_token"], scope="mcp", resource=f"{RESOURCE}/")).json()
        assert honest["scope"] == "mcp"


@pytest.mark.requirement("T-05")
@pytest.mark.parametrize("grant", ["authorization_code", "refresh_token"])
async def test_a_confidential_client_proves_itself_in_the_way_it_registered(tmp_path, grant):
    async with world(tmp_path) as w:
        client = await w.register(token_endpoint_auth_method="client_secret_post")
        client_id, secret = client["client_id"], client["client_secret"]
        form = {"grant_type": grant, "client_id": client_id}
        if grant == "refresh_token":
            form["refresh_token"] = (await tokens_of(w, client))["refresh_token"]
        else:
            form |= {"code": await w.code(client_id), "redirect_uri": REDIRECT_URI, "code_verifier": "v" * 64}
        async with w.browser() as http:
            wrong: list[tuple[dict[str, str], Any]] = [
                ({}, None),
                ({"client_secret": secret[:-1]}, None),
                ({"client_secret": secret.lower()}, None),
                ({"client_secret": "x"}, None),
                ({}, (client_id, secret)),
                ({}, (client_id, "")),
                ({}, (client_id, "x")),
            ]
            for more, auth in wrong:
                answer = await http.post("/token", data=form | more, auth=auth)
                assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), (more, auth)
            assert (await http.post("/token", data=form | {"client_secret": secret})).status_code == 200


@pytest.mark.requirement("T-05")
@pytest.mark.requirement("T-06")
async def test_an_earlier_secret_and_a_wrong_one_prove_nobody(tmp_path):
    async with world(tmp_path) as w:
        client = await confidential(w)
        tokens = await tokens_of(w, client)
        now = w.clock.now()
        digest = (await stored_client(w, client["client_id"])).secret_digest
        changes = {"secret_digest": "0" * 64, "earlier_secret_digest": digest, "earlier_secret_until": now + 60}
        await set_client(w, client["client_id"], **changes)
        sent = {name: client[name] for name in ("client_id", "client_secret")}
        assert (await ask(w, tokens["access_token"], sent)).json()["active"] is True
        w.clock.advance(60)
        assert (await ask(w, tokens["access_token"], sent)).status_code == 401
        assert await revoke(w, sent, tokens["access_token"]) == 401
        assert await revoke(w, sent | {"client_secret": "x"}, tokens["access_token"]) == 401
        assert (await w.call(tokens["access_token"])).status_code == 200


async def stored_client(w: World, client_id: str) -> Any:
    return (await load_client(w.door.store, client_id)).record


@pytest.mark.requirement("T-06")
@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
async def test_a_stranger_who_revokes_ends_nothing_and_learns_nothing(tmp_path, name):
    async with world(tmp_path) as w:
        client_id, tokens = await signed_in(w)
        strangers = [await confidential(w), await w.register(client_name="Other")]
        for each in strangers:
            stranger = {part: each[part] for part in ("client_id", "client_secret") if part in each}
            assert await revoke(w, stranger, tokens[name]) == 200
            assert await revoke(w, stranger, tokens[name][:-4] + "AAAA") == 200
            assert await revoke(w, stranger, "dwa_unknown") == 200
        assert (await w.call(tokens["access_token"])).status_code == 200
        assert (await refreshed(w, client_id, tokens["refresh_token"])).status_code == 200


@pytest.mark.requirement("T-07")
async def test_a_client_learns_nothing_about_the_tokens_of_others_or_of_an_ended_grant(tmp_path):
    async with world(tmp_path) as w:
        door = w.door
        client_id, tokens = await signed_in(w)
        other, server = await confidential(w), await resource_server(w)
        header_token, _ = await create_header_token(
            *(door.store, door.clock, door.entropy),
            NewHeaderToken(name="h", user_id="owner", scopes=["mcp"], lifetime_seconds=None),
        )
        for token in (tokens["access_token"], tokens["refresh_token"], header_token):
            assert (await ask(w, token, other)).json() == {"active": False}
        assert (await ask(w, tokens["refresh_token"], server)).json() == {"active": False}
        assert (await ask(w, header_token, server)).json()["active"] is True
        assert (await ask(w, tokens["access_token"], server)).json()["active"] is True
        (grant,) = await door.store.find(Grant, client_id=client_id)
        ended = msgspec.structs.replace(grant.record, revoked_at=w.clock.now())
        await door.store.apply([Replace(ended, grant.version)])
        assert (await ask(w, tokens["access_token"], server)).json() == {"active": False}


@pytest.mark.requirement("T-08")
async def test_every_letter_of_a_secret_counts_and_no_reply_is_kept_in_clear(tmp_path):
    async with world(tmp_path) as w:
        client = await confidential(w)
        tokens = await tokens_of(w, client)
        files = [path.read_bytes() for path in w.door.config.data_dir.rglob("*") if path.is_file()]
        secrets = [*tokens.values(), client["client_secret"], client["registration_access_token"]]
        long = [str(secret).encode() for secret in secrets if str(secret).startswith("dw")]
        assert len(long) == 4
        assert not [secret[:8] for secret in long for content in files if secret in content]
        for at in (5, 20, 39, 41, 45, 50):
            changed = tokens["refresh_token"][:at] + ("A" if tokens["refresh_token"][at] != "A" else "B")
            changed += tokens["refresh_token"][at + 1 :]
            sent = {"client_id": client["client_id"], "client_secret": client["client_secret"]}
            answer = await w.token(grant_type="refresh_token", refresh_token=changed, **sent)
            assert answer.json()["error"] == "invalid_grant", at


@pytest.mark.requirement("T-09")
async def test_passwords_are_slowed_down_and_no_two_secrets_begin_alike(tmp_path):
    async with world(tmp_path) as w:
        secrets = []
        for number in range(20):
            secrets.append(
                (await w.register(client_name=f"{number}", **CONFIDENTIAL))["client_secret"].split("_", 1)[1]
            )
        assert len({secret[:8] for secret in secrets}) == 20
        parts = [urlsafe_b64decode(secret)[start : start + 8] for secret in secrets for start in range(0, 32, 8)]
        assert len(set(parts)) == len(parts) == 80
        statuses = []
        async with w.browser() as browser:
            for _ in range(8):
                page = await browser.get("/-/login", params={"next": "/-/connections"})
                action, fields = form_of(page)
                answer = await browser.post(action, data=fields | {"username": "owner", "password": "wrong"})
                statuses.append(answer.status_code)
            assert statuses == [400] * 5 + [429] * 3
            w.clock.advance(3)
            answer = await browser.post(action, data=fields | {"username": "owner", "password": PASSWORD})
            assert answer.status_code == 303


CONFIDENTIAL = {"token_endpoint_auth_method": "client_secret_post"}


@pytest.mark.requirement("T-10")
@pytest.mark.parametrize(
    ("content_type", "body", "error"),
    [
        (FORM, b"grant_type=refresh_token&padding=" + b"x" * 65_536, "invalid_request"),
        (FORM, b"grant_type=%ff&client_id=a", "invalid_request"),
        (FORM, b"grant_type=\xff&client_id=a", "invalid_request"),
        (FORM, b"grant_type=refresh_token%00&client_id=a", "invalid_request"),
        (FORM, b"grant_type=refresh_token%0a&client_id=a", "invalid_request"),
        (FORM, b"grant_type=%zz&client_id=a", "invalid_request"),
        ("application/json", b'{"grant_type": "refresh_token"}', "invalid_request"),
        ("text/plain", b"grant_type=refresh_token&client_id=a&refresh_token=b", "invalid_request"),
        ("multipart/form-data; boundary=x", b"--x--", "invalid_request"),
    ],
)
async def test_an_odd_body_is_told_what_is_wrong_with_it(tmp_path, content_type, body, error):
    async with world(tmp_path) as w, w.browser() as http:
        for endpoint in ("/token", "/revoke", "/introspect"):
            answer = await http.post(endpoint, content=body, headers={"content-type": content_type})
            assert answer.status_code in {400, 413, 415}
            assert answer.json()["error"] == error


@pytest.mark.requirement("T-11")
@pytest.mark.parametrize("method", ["none", "client_secret_post"])
async def test_who_registers_itself_gets_the_grants_of_a_person_and_no_other(tmp_path, method):
    async with world(tmp_path, device_grant=True) as w:
        asked = ["authorization_code", "refresh_token", *OPERATORS_GRANTS, "password", "implicit"]
        client = await w.register(token_endpoint_auth_method=method, grant_types=asked)
        assert client["grant_types"] == ["authorization_code", "refresh_token"]
        sent = {name: client[name] for name in ("client_id", "client_secret") if name in client}
        token = (await tokens_of(w, client))["access_token"]
        assert (await exchanged(w, sent, token)).json()["error"] == "unauthorized_client"
        for grant in (CLIENT_CREDENTIALS, TOKEN_EXCHANGE, DEVICE_CODE):
            answer = await w.token(grant_type=grant, device_code="dwd_x", assertion="x.y.z", **sent)
            assert answer.json()["error"] == "unauthorized_client", grant
        for grant in (JWT_BEARER, "password", "implicit", "urn:ietf:params:oauth:grant-type:saml2-bearer"):
            answer = await w.token(grant_type=grant, assertion="x.y.z", username="owner", password=PASSWORD, **sent)
            assert answer.json()["error"] == "unsupported_grant_type", grant


@pytest.mark.requirement("T-11")
async def test_a_client_that_lost_a_grant_or_its_secret_no_longer_uses_it(tmp_path):
    async with world(tmp_path) as w:
        client_id, tokens = await signed_in(w)
        await set_client(w, client_id, grant_types=("authorization_code",))
        assert (await refreshed(w, client_id, tokens["refresh_token"])).json()["error"] == "unauthorized_client"
        robot = await operator_client(w, TOKEN_EXCHANGE, redirect_uris=(REDIRECT_URI,))
        own = (await tokens_of(w, robot))["access_token"]
        assert (await exchanged(w, robot, own)).status_code == 200
        await set_client(w, robot["client_id"], may_exchange=True)
        assert (await exchanged(w, robot, tokens["access_token"])).status_code == 200
        # A public client, however it got its grants: anyone who knows its id could act for every user.
        await set_client(w, robot["client_id"], token_endpoint_auth_method="none", secret_digest=None)
        public = {"client_id": robot["client_id"]}
        answer = await exchanged(w, public, tokens["access_token"])
        assert answer.json()["error"] == "unauthorized_client"
