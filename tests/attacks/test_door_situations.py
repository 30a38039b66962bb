"""The U rows in further situations: where a token may stand, whom it was made for, and when it is good no longer.

The mutants of these rows (`mutants/door.toml`) are what each test is for; its weak twin is in `test_token_attacks`.
"""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import msgspec
import pytest
from attacks.raw import status_of
from attacks.test_token_attacks import JSON, MODERN, refreshed, signed_in
from endpoints.operator_clients import exchanged, operator_client
from endpoints.test_introspect import tokens_of
from world import CALL, ISSUER, REDIRECT_URI, RESOURCE, World, echo_app, world

from doorward.directory.header_tokens import NewHeaderToken, create_header_token, revoke_header_token
from doorward.door.foreign_tokens import VerifiedToken
from doorward.oauth.grant_types import TOKEN_EXCHANGE
from doorward.oauth.tokens.opaque import digest
from doorward.oauth.uris import URI_LIMIT_CHARS, InvalidUri, parse
from doorward.records.changes import Replace
from doorward.records.oauth import AccessToken

OTHERS = (
    ISSUER,
    f"{ISSUER}/",
    f"{RESOURCE}/",
    f"{RESOURCE}/below",
    f"{RESOURCE}?a=b",
    f"{ISSUER}/mc",
    "",
    "https://x.example/mcp",
)


async def change(w: World, token: str, **changes: Any) -> None:
    stored = await w.door.store.get(AccessToken, digest(token))
    assert stored
    await w.door.store.apply([Replace(msgspec.structs.replace(stored.record, **changes), stored.version)])


async def header_token(w: World, **more: Any) -> tuple[str, str]:
    settings = {"name": "h", "user_id": "owner", "scopes": ["mcp"], "lifetime_seconds": None, **more}
    token, record = await create_header_token(w.door.store, w.door.clock, w.door.entropy, NewHeaderToken(**settings))
    return token, record.token_id


@pytest.mark.requirement("U-01")
async def test_a_token_for_another_resource_is_neither_taken_nor_exchanged(tmp_path):
    async with world(tmp_path) as w:
        robot = await operator_client(w, TOKEN_EXCHANGE, redirect_uris=(REDIRECT_URI,))
        token = (await tokens_of(w, robot))["access_token"]
        assert (await w.call(token)).status_code == 200
        assert (await exchanged(w, robot, token)).status_code == 200
        for other in OTHERS:
            await change(w, token, resource=other)
            assert (await w.call(token)).status_code == 401, other
            assert (await exchanged(w, robot, token)).json()["error"] == "invalid_request", other


@pytest.mark.requirement("U-01")
async def test_a_code_or_refresh_token_is_not_used_for_another_resource(tmp_path):
    async with world(tmp_path) as w:
        client_id, tokens = await signed_in(w)
        code = await w.code(client_id)
        for other in filter(None, OTHERS):
            if other.rstrip("/") == RESOURCE:
                continue  # the one spelling that is forgiven
            for answer in (
                await w.redeem(client_id, code, resource=other),
                await refreshed(w, client_id, tokens["refresh_token"], resource=other),
            ):
                assert answer.json()["error"] == "invalid_target", other


@pytest.mark.requirement("U-01")
async def test_a_door_that_has_moved_takes_no_grant_of_before(tmp_path):
    async with world(tmp_path) as w:
        client_id, tokens = await signed_in(w)
    async with world(tmp_path, path="/elsewhere") as w:
        assert (await refreshed(w, client_id, tokens["refresh_token"])).json()["error"] == "invalid_grant"


@pytest.mark.requirement("U-01")
@pytest.mark.parametrize(
    "audience", [(), (ISSUER,), (f"{RESOURCE}/",), (f"{ISSUER}/m",), ("https://x.example/mcp", "mcp")]
)
async def test_a_token_of_another_issuer_names_this_door_letter_for_letter(tmp_path, audience):
    said = {"subject": "ann", "client_id": "c", "scopes": ("mcp",), "expires_at": 1 << 40}

    def verify(presented: str) -> VerifiedToken:
        return VerifiedToken(**said, audience=audience if presented == "other" else (RESOURCE,))

    async with world(tmp_path, verify_token=verify) as w:
        assert (await w.call("this")).status_code == 200
        assert (await w.call("other")).status_code == 401


@pytest.mark.requirement("U-02")
async def test_no_credential_is_good_that_is_over_bound_doubled_or_for_administration(tmp_path):
    async with world(tmp_path) as w:
        _, tokens = await signed_in(w)
        token = tokens["access_token"]
        own, _ = await header_token(w)
        administration, _ = await header_token(w, name="a", capabilities=["users:read"])
        short, _ = await header_token(w, name="s", lifetime_seconds=60)
        assert [(await w.call(each)).status_code for each in (token, own, short, administration)] == [
            200,
            200,
            200,
            401,
        ]
        for first, second in product((token, own, administration, "x"), repeat=2):
            lines = [("authorization", f"Bearer {first}"), ("authorization", f"Bearer {second}"), *JSON.items()]
            async with w.browser() as http:
                assert (await http.post("/mcp", json=CALL, headers=lines)).status_code == 401
        await change(w, token, dpop_jkt="k" * 43)
        assert (await w.call(token)).status_code == 401
        await change(w, token, dpop_jkt=None)
        w.clock.advance(60)
        assert [(await w.call(each)).status_code for each in (token, own, short)] == [200, 200, 401]
        w.clock.advance(3600)
        assert (await w.call(token)).status_code == 401


@pytest.mark.requirement("U-02")
async def test_a_store_that_is_down_is_no_verdict_and_lets_nobody_in(tmp_path):
    async with world(tmp_path) as w:
        _, tokens = await signed_in(w)
        own, _ = await header_token(w)
        await w.door.store.close()
        for credential in (tokens["access_token"], own, tokens["access_token"][:-1] + "A"):
            answer = await w.call(credential)
            assert answer.status_code in {401, 503}
            assert (answer.status_code == 503) == (credential in {tokens["access_token"], own})
        await w.door.store.open()


@pytest.mark.requirement("U-03")
async def test_only_the_two_spellings_of_the_path_are_the_door(tmp_path):
    async with world(tmp_path) as w:
        _, tokens = await signed_in(w)
        headers = {**JSON, "authorization": f"Bearer {tokens['access_token']}"}
        body = json.dumps(CALL).encode()
        ends = ("", "/", "%2f", "//", "/.", "/./", "/x/..", ";a", "%2f%2f", "%00", ".", "%3f")
        for start, end in product(("/mcp", "//mcp", "/MCP", "/Mcp", "/./mcp", "/x/../mcp", "/%2fmcp"), ends):
            status = await status_of(w, "POST", start + end, body, headers)
            is_door = start + end in {"/mcp", "/mcp/", "/mcp%2f"}
            assert status == (200 if is_door else 404), start + end


@pytest.mark.requirement("U-04")
async def test_a_token_stands_in_the_authorization_header_and_nowhere_else(tmp_path):
    async with world(tmp_path) as w, w.browser() as http:
        _, tokens = await signed_in(w)
        token = tokens["access_token"]
        assert (await w.call(token)).status_code == 200
        for name in ("access_token", "token", "bearer", "authorization"):
            places: list[dict[str, Any]] = [
                {"params": {name: token}},
                {"params": {name: f"Bearer {token}"}},
                {"headers": {**JSON, "cookie": f"{name}={token}"}},
                {"headers": {**JSON, f"x-{name.replace('_', '-')}": token}},
                {"headers": {**JSON, "x-api-key": token}},
                {"headers": {**JSON, "proxy-authorization": f"Bearer {token}"}},
                {"headers": {**JSON, "cookie": f"authorization=Bearer {token}"}},
                {"json": CALL | {"params": {name: token}}},
            ]
            for place in places:
                answer = await http.post("/mcp", **({"json": CALL, "headers": JSON} | place))
                assert answer.status_code == 401, place


TOOLS = {
    "tool_scopes": {"write": ("files:write",), "wr*": ("files:any",), "drop": ("files:drop",)},
    "method_scopes": {"resources/*": ("files:read",)},
}


@pytest.mark.requirement("U-05")
@pytest.mark.parametrize(
    ("body", "held", "status"),
    [
        ({"method": "tools/list"}, ("mcp",), 200),
        ({"method": "tools/call", "params": {"name": "read"}}, ("mcp",), 200),
        ({"method": "tools/call", "params": {"name": "write"}}, ("mcp",), 403),
        ({"method": "tools/call", "params": {"name": "write"}}, ("mcp", "files:write"), 403),
        ({"method": "tools/call", "params": {"name": "write"}}, ("mcp", "files:write", "files:any"), 200),
        ({"method": "tools/call", "params": {"name": "wrap"}}, ("mcp", "files:write"), 403),
        ({"method": "tools/call", "params": {"name": "read", "Name": "write"}}, ("mcp",), 403),
        ({"method": "tools/call", "params": {"name": "read", "NAME": "drop"}}, ("mcp", "files:write"), 403),
        ({"method": "tools/call", "params": {"Name": "write"}}, ("mcp",), 403),
        ({"method": "tools/call", "params": {"name": 1}}, ("mcp",), 403),
        ({"method": "tools/call", "params": {"name": ["write"]}}, ("mcp",), 403),
        ({"method": "tools/call", "params": {}}, ("mcp",), 403),
        ({"method": "resources/read", "params": {"uri": "a:b"}}, ("mcp",), 403),
        ({"method": "resources/list"}, ("mcp", "files:read"), 200),
    ],
)
async def test_each_call_needs_the_scopes_of_what_it_really_calls(tmp_path, body, held, status):
    async with world(tmp_path, **TOOLS) as w, w.browser() as http:
        _, tokens = await signed_in(w)
        await change(w, tokens["access_token"], scopes=held)
        headers = {**JSON, "authorization": f"Bearer {tokens['access_token']}"}
        for message in ({"jsonrpc": "2.0", "id": 1}, {"jsonrpc": "2.0"}):
            answer = await http.post("/mcp", json=message | body, headers=headers)
            assert (answer.status_code == 403) == (status == 403)


@pytest.mark.requirement("U-06")
@pytest.mark.parametrize(
    ("lie", "status"),
    [
        ({}, 200),
        ({"mcp-method": "tools/list"}, 400),
        ({"mcp-method": "Tools/Call"}, 400),
        ({"mcp-method": None}, 400),
        ({"mcp-name": "read"}, 400),
        ({"mcp-name": "WRITE"}, 400),
        ({"mcp-name": "=?base64?cmVhZA==?="}, 400),
        ({"mcp-name": "=?base64?d3JpdGU=?="}, 200),
        ({"mcp-name": None}, 400),
        ({"mcp-protocol-version": "2025-11-25"}, 400),
        ({"mcp-protocol-version": None}, 400),
    ],
)
async def test_a_header_that_mirrors_the_body_says_what_the_body_says(tmp_path, lie, status):
    async with world(tmp_path) as w, w.browser() as http:
        _, tokens = await signed_in(w)
        body = CALL | {"method": "tools/call", "params": {"name": "write", "arguments": {}, "_meta": MODERN}}
        named = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "write"}
        sent = {**JSON, "authorization": f"Bearer {tokens['access_token']}", **named, **lie}
        headers = {name: value for name, value in sent.items() if value is not None}
        assert (await http.post("/mcp", json=body, headers=headers)).status_code == status
        for name, value in named.items():
            if status == 200 and name not in lie:
                doubled = [*headers.items(), (name, value)]
                assert (await http.post("/mcp", json=body, headers=doubled)).status_code == 400


@pytest.mark.requirement("U-07")
async def test_a_body_that_two_parsers_read_differently_goes_nowhere(tmp_path):
    text = json.dumps(CALL)
    bodies = [
        text[:-1] + ', "METHOD": "tools/call"}',
        text[:-1] + ', "Params": {}}',
        text[:-1] + ', "\\u006dethod": "tools/call"}',
        text.replace('"id"', '"Id"'),
        text.replace("{}", '{"a": -Infinity}'),
        text.replace("{}", '{"a": {"b": 1, "b": 1}}'),
        text.replace("{}", '{"a": "\\udfff\\ud800"}'),
        text.replace("{}", '{"\\ud800": 1}'),
        "[" + text + "]",
        text + text,
        "\ufeff" + text,
    ]
    async with world(tmp_path) as w, w.browser() as http:
        _, tokens = await signed_in(w)
        headers = {**JSON, "authorization": f"Bearer {tokens['access_token']}"}
        assert (await http.post("/mcp", content=text.encode(), headers=headers)).status_code == 200
        for body in bodies:
            assert (await http.post("/mcp", content=body.encode(), headers=headers)).status_code == 400, body


@pytest.mark.requirement("U-08")
async def test_every_kind_of_token_that_ended_is_dead_at_the_next_request(tmp_path):
    async with world(tmp_path) as w, w.browser() as http:
        client_id, tokens = await signed_in(w)
        second = (await refreshed(w, client_id, tokens["refresh_token"])).json()
        own, token_id = await header_token(w)
        for token in (tokens["access_token"], second["access_token"], own):
            assert (await w.call(token)).status_code == 200
        await http.post("/revoke", data={"client_id": client_id, "token": tokens["access_token"]})
        assert (await w.call(tokens["access_token"])).status_code == 401
        assert (await w.call(second["access_token"])).status_code == 200
        await http.post("/revoke", data={"client_id": client_id, "token": second["refresh_token"]})
        assert (await w.call(second["access_token"])).status_code == 401
        await revoke_header_token(w.door.store, token_id)
        assert (await w.call(own)).status_code == 401


@pytest.mark.requirement("U-09")
async def test_what_costs_more_than_its_size_is_refused_by_its_size(tmp_path):
    with pytest.raises(InvalidUri):
        parse("https://client.example/" + "a" * URI_LIMIT_CHARS)
    assert parse("https://client.example/" + "a" * (URI_LIMIT_CHARS - 23)).host == "client.example"
    async with world(tmp_path) as w, w.browser() as http:
        client_id = await w.known_client()
        for count, error in ((100, None), (101, "invalid_scope")):
            scope = " ".join(["mcp", *(f"s{number}" for number in range(count - 1))])
            answer = await http.get("/authorize", params=w.authorize_parameters(client_id, scope=scope))
            assert (error or "/-/login") in answer.headers["location"]


@pytest.mark.requirement("U-10")
async def test_nothing_of_the_door_is_open_to_a_request_without_a_token(tmp_path):
    reached: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            reached.append(scope["method"])
        await echo_app(scope, receive, send)

    async with world(tmp_path, app=app) as w, w.browser() as http:
        _, tokens = await signed_in(w)
        assert reached == ["OPTIONS"]  # the door's own question at its start; it carries nothing of a client
        reached.clear()
        methods = ("initialize", "ping", "tools/list", "tools/call", "notifications/initialized", "server/discover")
        versions = ({}, {"mcp-protocol-version": "2025-11-25"}, {"mcp-protocol-version": "2026-07-28"})
        credentials = ({}, {"authorization": ""}, {"authorization": "Basic b3duZXI6"}, {"mcp-session-id": "x"})
        for method, version, credential in product(methods, versions, credentials):
            headers = {**JSON, **version, **credential}
            answer = await http.post("/mcp", json=CALL | {"method": method}, headers=headers)
            assert answer.status_code == 401, (method, headers)
        for verb, version in product(("GET", "DELETE", "PUT", "PATCH", "HEAD"), versions):
            assert (await http.request(verb, "/mcp", headers={**JSON, **version})).status_code == 401, verb
        assert reached == []
        assert (await w.call(tokens["access_token"])).status_code == 200
        assert reached == ["POST"]
