"""The administration API: who may call what, what it answers, and what it never does."""

from __future__ import annotations

import json

import pytest
from world import ISSUER, world

from doorward.administration.catalogue import OPERATIONS
from doorward.administration.operation import CAPABILITIES
from doorward.directory.header_tokens import NewHeaderToken, create_header_token
from doorward.oauth.errors import BearerError, Reason
from doorward.oauth.policy import Policy
from doorward.oauth.tokens.bearer import check_header_token
from doorward.oauth.tokens.opaque import digest
from doorward.records.accounts import HeaderToken
from doorward.records.audit import AuditEntry

API = f"{ISSUER}/-/api/v1"
FILLED = {"client_id": "nobody", "name": "nobody", "token": "nobody", "grant_id": "nobody", "user": "nobody"}
ROLES = {"nobody": None, "door": (), **{each: (each,) for each in CAPABILITIES}, "everything": CAPABILITIES}


async def make_token(w, capabilities=(), *, name="t", scopes=(), lifetime_seconds=None):
    token, _ = await create_header_token(
        w.door.store,
        w.clock,
        w.door.entropy,
        NewHeaderToken(
            name=name,
            user_id="owner",
            scopes=scopes if capabilities else ("mcp",),
            capabilities=capabilities,
            lifetime_seconds=lifetime_seconds,
        ),
    )
    return token


async def call(w, method, path, token=None, **request):
    headers = dict(request.pop("headers", {}))
    if token:
        headers["authorization"] = f"Bearer {token}"
    async with w.browser() as http:
        return await http.request(method, f"{API}{path}", headers=headers, **request)


def expected(operation, role):
    """What the table says: without the token 401, without the capability 403, else whatever the operation says."""
    if role in {"nobody", "door"}:
        return {401}
    if role not in {"everything", operation.capability}:
        return {403}
    return {200, 201, 400, 404}


@pytest.mark.requirement("G-09")
async def test_every_address_is_closed_to_every_role_but_the_one_it_names(tmp_path):
    async with world(tmp_path) as w:
        for role, capabilities in ROLES.items():
            token = None if capabilities is None else await make_token(w, capabilities)
            for operation in OPERATIONS:
                answer = await call(w, operation.method, operation.path.format(**FILLED), token)
                assert answer.status_code in expected(operation, role), (role, operation.name, answer.text)
                assert "set-cookie" not in answer.headers
                assert "access-control-allow-origin" not in answer.headers


def test_the_table_notices_an_operation_that_forgets_its_capability():
    weak = next(each for each in OPERATIONS if each.name == "clients.remove")
    assert 200 not in expected(weak, "admin:read")


@pytest.mark.requirement("G-09")
async def test_a_token_for_administration_does_not_open_the_door_and_the_other_way_round(tmp_path):
    async with world(tmp_path) as w:
        admin, door = await make_token(w, CAPABILITIES), await make_token(w)
        assert (await w.call(door)).status_code == 200
        assert (await w.call(admin)).status_code == 401
        assert (await call(w, "GET", "/clients", admin)).status_code == 200
        assert (await call(w, "GET", "/clients", door)).status_code == 401


def test_a_token_for_administration_is_refused_at_the_door_even_if_it_had_its_scopes():
    record = HeaderToken(
        token_digest="d",
        token_id="t",
        name="n",
        user_id="u",
        scopes=("mcp",),
        created_at=1,
        capabilities=("admin:read",),
    )
    policy = Policy(issuer="https://door.example", resources={})
    with pytest.raises(BearerError) as refused:
        check_header_token(record, now=2, door="mcp", policy=policy)
    assert refused.value.reason is Reason.ADMINISTRATION_TOKEN


async def test_a_door_scope_with_the_name_of_a_capability_is_none(tmp_path):
    async with world(tmp_path, scopes=["admin:read"]) as w:
        token, _ = await create_header_token(
            w.door.store,
            w.clock,
            w.door.entropy,
            NewHeaderToken(name="t", user_id="owner", scopes=("admin:read",), lifetime_seconds=None),
        )
        assert (await w.call(token)).status_code == 200
        assert (await call(w, "GET", "/clients", token)).status_code == 401


@pytest.mark.requirement("G-09")
@pytest.mark.parametrize(
    "path",
    [
        *("/", "/nothing", "/clients/", "/clients/a/b", "//clients", "/clients%2fx/y"),
        *("/nothing/-/api/v1/clients", "/-/api/v1/clients", "/clients/-/api/v1/clients", "/%2d/api/v1/clients"),
    ],
)
async def test_who_has_no_token_does_not_learn_which_addresses_exist(tmp_path, path):
    async with world(tmp_path) as w:
        assert (await call(w, "GET", path)).status_code == 401
        assert (await call(w, "GET", path, await make_token(w, CAPABILITIES))).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"cookie": "__Host-doorward=x"},
        {"authorization": "Basic b3duZXI6Y29ycmVjdCBob3JzZQ=="},
        {"authorization": "Bearer"},
        {"authorization": "Bearer dwk_short"},
        {"authorization": "Bearer " + "dwk_" + "A" * 48},
        {"x-api-key": "dwk_x"},
    ],
)
async def test_nothing_but_a_whole_header_token_counts(tmp_path, headers):
    async with world(tmp_path) as w:
        answer = await call(w, "GET", "/clients", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_a_signed_in_browser_is_nobody_here(tmp_path):
    async with world(tmp_path) as w:
        client_id = (await w.register())["client_id"]
        async with w.browser() as browser:
            await w.sign_in(browser, client_id)
            assert browser.cookies
            assert (await browser.get(f"{API}/clients")).status_code == 401


async def test_two_credentials_are_none(tmp_path):
    async with world(tmp_path) as w:
        token = await make_token(w, CAPABILITIES)
        async with w.browser() as http:
            headers = [("authorization", f"Bearer {token}"), ("authorization", f"Bearer {token}")]
            assert (await http.get(f"{API}/clients", headers=headers)).status_code == 401


async def test_an_expired_or_revoked_token_or_one_of_a_disabled_user_is_refused(tmp_path):
    async with world(tmp_path) as w:
        root = await make_token(w, CAPABILITIES)
        short = await make_token(w, CAPABILITIES, name="short", lifetime_seconds=10)
        other = await make_token(w, CAPABILITIES, name="other")
        assert (await call(w, "DELETE", "/tokens/other", root)).status_code == 200
        assert (await call(w, "GET", "/clients", other)).status_code == 401
        w.clock.advance(10)
        assert (await call(w, "GET", "/clients", short)).status_code == 401
        assert (await call(w, "PUT", "/users/owner/disabled", root)).status_code == 200
        assert (await call(w, "GET", "/clients", root)).status_code == 401


@pytest.mark.requirement("G-09")
async def test_nobody_hands_out_what_they_do_not_have(tmp_path):
    async with world(tmp_path) as w:
        token = await make_token(w, ("admin:tokens",))
        body = {"name": "more", "capabilities": ["admin:tokens", "admin:users"]}
        refused = await call(w, "POST", "/tokens", token, json=body)
        assert refused.status_code == 403
        assert refused.json()["error"] == "not_allowed"
        allowed = await call(w, "POST", "/tokens", token, json={"name": "same", "capabilities": ["admin:tokens"]})
        assert allowed.status_code == 201
        both = await call(
            w, "POST", "/tokens", token, json={"name": "x", "capabilities": ["admin:tokens"], "scopes": ["mcp"]}
        )
        assert both.status_code == 400


async def test_a_client_is_registered_shown_used_and_removed(tmp_path):
    async with world(tmp_path) as w:
        token = await make_token(w, CAPABILITIES)
        made = await call(
            w, "POST", "/clients", token, json={"name": "Mine", "redirect_uris": ["https://client.example/callback"]}
        )
        assert made.status_code == 201
        client = made.json()
        assert client["client_secret"].startswith("dws_")
        assert made.headers["cache-control"] == "no-store"
        address = f"/clients/{client['client_id']}"
        shown = await call(w, "GET", address, token)
        assert shown.json() == {name: client[name] for name in shown.json()}
        assert "client_secret" not in shown.json()
        listed = (await call(w, "GET", "/clients", token)).json()
        assert client["client_secret"] not in json.dumps(listed)
        assert [each["client_id"] for each in listed["items"]] == [client["client_id"]]
        code = await w.code(client["client_id"])
        assert (await w.redeem(client["client_id"], code, client_secret=client["client_secret"])).status_code == 200
        (grant,) = (await call(w, "GET", "/grants?user=owner", token)).json()["items"]
        assert len((await call(w, "GET", "/consents", token)).json()["items"]) == 1
        ended = await call(w, "DELETE", f"/grants/{grant['grant_id']}", token)
        assert ended.json() == {"revoked": grant["grant_id"], "was_live": True}
        assert (await call(w, "GET", "/grants", token)).json()["items"] == []
        assert (await call(w, "DELETE", address, token)).json() == {"removed": client["client_id"], "grants_ended": 0}
        assert (await call(w, "GET", address, token)).status_code == 404


async def test_an_id_with_a_slash_is_one_segment_when_it_is_escaped(tmp_path):
    async with world(tmp_path) as w:
        token = await make_token(w, CAPABILITIES)
        answer = await call(w, "GET", "/clients/https%3A%2F%2Fclient.example%2Fmetadata", token)
        assert answer.status_code == 404
        assert "https://client.example/metadata" in answer.json()["error_description"]


async def test_what_is_not_there_is_not_found_whatever_it_is(tmp_path):
    async with world(tmp_path) as w:
        token = await make_token(w, CAPABILITIES)
        for operation in OPERATIONS:
            if operation.method == "GET" and "{" in operation.path:
                answer = await call(w, "GET", operation.path.format(**FILLED), token)
                assert (answer.status_code, answer.json()["error"]) == (404, "not_found"), operation.name


async def test_users_are_added_once_and_their_passwords_shown_once(tmp_path):
    async with world(tmp_path) as w:
        token = await make_token(w, CAPABILITIES)
        made = await call(w, "POST", "/users", token, json={"name": "ann"})
        assert made.json()["password"]
        again = await call(w, "POST", "/users", token, json={"name": "ann"})
        assert (again.status_code, again.json()["error"]) == (409, "already_exists")
        assert again.json()["problems"][0]["what"]
        given = await call(w, "PUT", "/users/ann/password", token, json={"password": "correct horse"})
        assert given.json() == {"user": "ann", "password": None}
        short = await call(w, "PUT", "/users/ann/password", token, json={"password": "x"})
        assert short.status_code == 400
        assert (await call(w, "GET", "/users/ann", token)).json()["live_grants"] == 0
        assert (await call(w, "PUT", "/users/ann/disabled", token)).status_code == 200
        assert (await call(w, "DELETE", "/users/ann/disabled", token)).status_code == 200
        assert (await call(w, "DELETE", "/users/ann", token)).status_code == 200


async def test_keys_are_listed_and_replaced_and_never_shown(tmp_path):
    async with world(tmp_path) as w:
        token = await make_token(w, CAPABILITIES)
        before = (await call(w, "GET", "/keys", token)).json()["items"]
        made = await call(w, "POST", "/keys", token, json={"kind": "signing", "at_once": True})
        assert made.status_code == 201
        after = (await call(w, "GET", "/keys", token)).json()["items"]
        assert len(after) == len(before) + 1
        assert {"kid", "use", "state", "created_at", "active_at", "expires_at"} == set(after[0])


@pytest.mark.parametrize(
    ("method", "path", "request_"),
    [
        ("POST", "/clients", {"content": b"{", "headers": {"content-type": "application/json"}}),
        ("POST", "/clients", {"content": b'{"name":"a","name":"b"}', "headers": {"content-type": "application/json"}}),
        ("POST", "/clients", {"content": b"[]", "headers": {"content-type": "application/json"}}),
        ("POST", "/clients", {"data": {"name": "a"}}),
        ("POST", "/clients", {"json": {"name": 1}}),
        ("POST", "/clients", {"json": {"surprise": 1}}),
        ("POST", "/clients", {"json": {"preset": "none of ours"}}),
        ("POST", "/clients", {"json": {"redirect_uris": ["http://["]}}),
        ("POST", "/clients", {"json": {"redirect_uris": ["javascript:alert(1)"]}}),
        ("POST", "/clients?name=x", {"json": {"redirect_uris": ["https://client.example/"]}}),
        ("POST", "/clients", {"json": {"redirect_uris": ["https://client.example/"], "jwks": {"keys": 7}}}),
        ("PUT", "/users/ann/password", {"json": {"name": "bob"}}),
        ("POST", "/users", {"json": {}}),
        ("POST", "/users", {"json": {"name": "a b"}}),
        ("POST", "/users", {"json": {"name": "bot", "service": True, "password": "correct horse"}}),
        ("POST", "/tokens", {"json": {"name": "x", "capabilities": ["admin:everything"]}}),
        ("POST", "/tokens", {"json": {"name": "x", "lifetime_seconds": 0}}),
        ("POST", "/tokens", {"json": {"name": "x", "scopes": ["wider"]}}),
        ("GET", "/clients?limit=201", {}),
        ("GET", "/clients?limit=0", {}),
        ("GET", "/clients?limit=1&limit=2", {}),
        ("GET", "/clients?cursor=%21", {}),
        ("GET", "/clients?surprise=1", {}),
        ("GET", "/audit?cursor=YQ", {}),
        ("GET", "/audit?after=-1", {}),
        ("GET", "/clients?name=%ff", {}),
    ],
)
async def test_what_cannot_be_read_or_done_is_400_with_a_reason(tmp_path, method, path, request_):
    async with world(tmp_path) as w:
        answer = await call(w, method, path, await make_token(w, CAPABILITIES), **request_)
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"] == "invalid_request"
        assert answer.json()["error_description"]


async def test_a_wrong_method_is_told_which_ones_there_are(tmp_path):
    async with world(tmp_path) as w:
        answer = await call(w, "DELETE", "/clients", await make_token(w, CAPABILITIES))
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, POST"


async def test_lists_come_in_pages(tmp_path):
    async with world(tmp_path) as w:
        token = await make_token(w, CAPABILITIES)
        for number in range(7):
            w.clock.advance(1)
            await make_token(w, name=f"n{number}")
        names, cursor = [], ""
        while cursor is not None:
            page = (await call(w, "GET", f"/tokens?limit=3{cursor and '&cursor=' + cursor}", token)).json()
            assert len(page["items"]) <= 3
            names += [each["name"] for each in page["items"]]
            cursor = page["next_cursor"]
        assert names == ["t", *(f"n{number}" for number in range(7))]


async def test_the_document_needs_no_token(tmp_path):
    async with world(tmp_path) as w:
        answer = await call(w, "GET", "/openapi.json")
        assert answer.status_code == 200
        assert answer.json()["openapi"] == "3.1.0"


@pytest.mark.parametrize("auth", ["token", "none"])
async def test_the_api_is_there_and_closed_whatever_the_door_asks_for(tmp_path, auth):
    async with world(tmp_path, auth=auth, allow_public_without_auth=auth == "none") as w:
        assert (await call(w, "GET", "/clients")).status_code == 401
        assert (await call(w, "GET", "/clients", await make_token(w, ("admin:read",)))).status_code == 200


@pytest.mark.requirement("AUD-02")
async def test_what_an_administrator_does_is_written_down_with_who_and_from_where(tmp_path):
    async with world(tmp_path) as w:
        token = await make_token(w, CAPABILITIES)
        stored = (await w.door.store.get(HeaderToken, digest(token))).record
        await call(w, "POST", "/users", token, json={"name": "ann", "password": "correct horse"})
        await call(w, "POST", "/users", token, json={"name": "ann", "password": "correct horse"})
        entries = (await call(w, "GET", "/audit", token)).json()["items"]
        mine = [each for each in entries if each["actor"] == f"token:{stored.token_id}"]
        assert [(each["event"], each["outcome"], each["reason"]) for each in mine] == [
            ("user_added", "ok", ""),
            ("administration", "ok", ""),
            ("administration", "failed", "AlreadyExists"),
        ]
        assert mine[0]["request_id"] == mine[1]["request_id"] != mine[2]["request_id"]
        assert mine[0]["address"] == "127.0.0.1"
        assert "correct horse" not in json.dumps(entries)
        verdict = (await call(w, "GET", "/audit/verification", token)).json()
        assert verdict["intact"]
        assert verdict["entries"] == len(await w.door.store.find(AuditEntry))


async def test_a_list_says_when_each_token_was_last_used(tmp_path):
    async with world(tmp_path) as w:
        administration, unused = await make_token(w, CAPABILITIES, name="api"), await make_token(w, name="unused")
        assert unused
        created = (await call(w, "POST", "/tokens", administration, json={"name": "door"})).json()
        w.clock.advance(100)
        used_at = w.clock.now()
        assert (await w.call(created["token"])).status_code == 200
        assert (await w.call(created["token"] + "x")).status_code == 401
        assert (await call(w, "GET", "/clients", administration)).status_code == 200
        await w.door.running.installation.last_used.write()
        items = (await call(w, "GET", "/tokens", administration)).json()["items"]
        assert {each["name"]: each["last_used_at"] for each in items} == {
            "api": used_at,
            "unused": None,
            "door": used_at,
        }
    async with world(tmp_path, clock=w.clock) as w:
        w.clock.advance(100)
        assert (await w.call(created["token"])).status_code == 200
    async with world(tmp_path, clock=w.clock) as w:
        items = (await call(w, "GET", "/tokens", administration)).json()["items"]
        assert {each["name"]: each["last_used_at"] for each in items}["door"] == used_at + 100
