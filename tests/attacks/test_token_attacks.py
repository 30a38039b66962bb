"""Attacks on tokens and on the door (T and U rows, S-07), each also against a door that lacks the defence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from attacks import weak
from attacks.odd_bodies import bodies
from attacks.raw import status_of
from attacks.weak import Weaken
from world import CALL, ISSUER, PASSWORD, RESOURCE, World, world

from doorward.clock import FixedClock
from doorward.oauth.tokens.opaque import digest
from doorward.records.changes import Replace
from doorward.records.oauth import AccessToken

Attack = Callable[[World], Awaitable[bool]]
MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
ODD_BODIES = 5000
JSON = {"content-type": "application/json", "accept": "application/json, text/event-stream"}


async def signed_in(w: World, **metadata: Any) -> tuple[str, dict[str, str]]:
    client_id = (await w.register(**metadata))["client_id"]
    return client_id, (await w.redeem(client_id, await w.code(client_id))).json()


async def refreshed(w: World, client_id: str, refresh_token: str, **more: str) -> Any:
    return await w.token(grant_type="refresh_token", client_id=client_id, refresh_token=refresh_token, **more)


async def a_reuse(w: World) -> bool:
    client_id, first = await signed_in(w)
    second = (await refreshed(w, client_id, first["refresh_token"])).json()
    w.clock.advance(31)
    reused = await refreshed(w, client_id, first["refresh_token"])
    line = await refreshed(w, client_id, second["refresh_token"])
    dead = (await w.call(second["access_token"])).status_code == 401
    return reused.status_code == line.status_code == 400 and dead


async def a_race(w: World) -> bool:
    client_id, first = await signed_in(w)
    answers = await asyncio.gather(*(refreshed(w, client_id, first["refresh_token"]) for _ in range(16)))
    everybody = all(answer.status_code == 200 for answer in answers)
    return everybody and len({answer.json()["refresh_token"] for answer in answers}) == 1


async def a_wider_scope(w: World) -> bool:
    client_id, first = await signed_in(w)
    answer = await refreshed(w, client_id, first["refresh_token"], scope="mcp files:write")
    return answer.json().get("error") == "invalid_scope"


async def a_stranger_revokes(w: World) -> bool:
    _, tokens = await signed_in(w)
    stranger = (await w.register(client_name="Other"))["client_id"]
    async with w.browser() as http:
        answers = [
            await http.post("/revoke", data={"client_id": stranger, "token": token})
            for token in (tokens["access_token"], tokens["refresh_token"], "dwr_unknown")
        ]
    known = {(answer.status_code, answer.content) for answer in answers} == {(200, b"")}
    return known and (await w.call(tokens["access_token"])).status_code == 200


async def questions_of_strangers(w: World) -> bool:
    public, tokens = await signed_in(w)
    token = tokens["access_token"]
    secret = {"token_endpoint_auth_method": "client_secret_basic", "client_name": "Confidential"}
    confidential = (await w.register(**secret))["client_id"]
    tries: list[tuple[dict[str, str], Any, dict[str, str]]] = [
        ({}, None, {}),
        ({}, None, {"authorization": f"Bearer {token}"}),
        ({"client_id": public}, None, {}),
        ({"client_id": public, "client_secret": ""}, None, {}),
        ({"client_id": confidential}, None, {}),
        ({"client_id": "unknown"}, None, {}),
        ({}, (public, ""), {}),
        ({}, (confidential, ""), {}),
        ({}, (confidential, "wrong"), {}),
        ({}, ("owner", PASSWORD), {}),
    ]
    async with w.browser() as http:
        answers = [
            await http.post("/introspect", data={"token": token} | form, auth=auth, headers=headers)
            for form, auth, headers in tries
        ]
    return all(answer.status_code == 401 and b"active" not in answer.content for answer in answers)


async def guesses(w: World) -> bool:
    """Try on and on: it becomes slow for the client that guesses, and for nobody else at its address."""
    guesser, (honest, tokens) = (await w.register(client_name="Guesser"))["client_id"], await signed_in(w)
    tried = [await refreshed(w, guesser, f"dwr_{number}") for number in range(700)]
    slowed = [answer for answer in tried if answer.status_code == 429]
    own = await refreshed(w, honest, tokens["refresh_token"])
    return len(slowed) >= 100 and {answer.status_code for answer in tried} == {400, 429} and own.status_code == 200


async def odd_bodies(w: World) -> bool:
    endpoints = ("/token", "/register", "/revoke", "/introspect", "/par")
    async with w.browser() as http:
        for number, (content_type, body) in enumerate(bodies(ODD_BODIES)):
            headers = {"content-type": content_type.encode("latin-1")}
            answer = await http.post(endpoints[number % len(endpoints)], content=body, headers=headers)
            refused = 400 <= answer.status_code < 500 and answer.headers["content-type"] == "application/json"
            if not refused or set(answer.json()) != {"error", "error_description"}:
                return False
    return True


async def a_look_into_the_store(w: World) -> bool:
    client_id = (await w.register())["client_id"]
    code = await w.code(client_id)
    tokens = (await w.redeem(client_id, code)).json()
    files = [path.read_bytes() for path in w.door.config.data_dir.rglob("*") if path.is_file()]
    secrets = [code, tokens["access_token"], tokens["refresh_token"]]
    assert any(client_id.encode() in content for content in files), "this is not where the records are"
    return not any(secret.encode() in content for secret in secrets for content in files)


async def tokens_for_others(w: World) -> bool:
    withstood = True
    for resource in (ISSUER, f"{RESOURCE}/", f"{ISSUER}/other", "https://other.example/mcp", RESOURCE.upper()):
        _, tokens = await signed_in(w)
        stored = await w.door.store.get(AccessToken, digest(tokens["access_token"]))
        assert stored
        await w.door.store.apply([Replace(msgspec.structs.replace(stored.record, resource=resource), stored.version)])
        answer = await w.call(tokens["access_token"])
        withstood &= answer.status_code == 401 and "www-authenticate" in answer.headers
    return withstood


async def broken_credentials(w: World) -> bool:
    shapes = [
        "",
        "Bearer",
        "Bearer ",
        "Bearer \t",
        "bearer x",
        "Basic YTpi",
        "Digest x",
        "Token x",
        "dwa_x",
        "Bearer dwa_x y",
    ]
    shapes += [
        f"Bearer {prefix}_{'A' * length}" for prefix in ("dwa", "dwr", "dwc", "dwk", "xyz") for length in range(38)
    ]
    withstood = True
    async with w.browser() as http:
        for shape in shapes:
            answer = await http.post("/mcp", json=CALL, headers={**JSON, "authorization": shape})
            withstood &= answer.status_code == 401
        await w.door.store.close()
        down = await http.post("/mcp", json=CALL, headers={**JSON, "authorization": "Bearer " + "dwa_" + "A" * 43})
    await w.door.store.open()
    return withstood and not down.is_success


async def paths_that_only_look_public(w: World) -> bool:
    ends = ["", "/", "/.", "//", ";a=b", "%20", "%00", "%2e", "/..;/mcp"]
    starts = ["/mcp", "//mcp", "/MCP", "/./mcp", "/x/../mcp", "/.well-known/../mcp", "/livez/../mcp", "/%6dcp"]
    body = json.dumps(CALL).encode()
    statuses = {await status_of(w, "POST", start + end, body, JSON) for start in starts for end in ends}
    return statuses == {401, 404}


async def a_token_in_the_query(w: World) -> bool:
    _, tokens = await signed_in(w)
    async with w.browser() as http:
        token = tokens["access_token"]
        query = await http.post("/mcp", params={"access_token": token}, json=CALL, headers=JSON)
        body = await http.post("/mcp", json=CALL | {"access_token": token}, headers=JSON)
    return query.status_code == body.status_code == 401


async def headers_that_lie(w: World) -> bool:
    _, tokens = await signed_in(w)
    body = CALL | {"method": "tools/call", "params": {"name": "write", "arguments": {}, "_meta": MODERN}}
    named = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "write"}
    lies = [{"mcp-method": "tools/list"}, {"mcp-name": "read"}, {"mcp-method": "TOOLS/CALL"}]
    withstood = True
    async with w.browser() as http:
        for lie in lies:
            headers = {**JSON, "authorization": f"Bearer {tokens['access_token']}", **named, **lie}
            answer = await http.post("/mcp", json=body, headers=headers)
            withstood &= answer.status_code == 400 and answer.json()["error"]["code"] == -32020
    return withstood


async def bodies_with_two_readings(w: World) -> bool:
    _, tokens = await signed_in(w)
    text = json.dumps(CALL)
    bodies = [
        text[:-1] + ', "method": "tools/call"}',
        text.replace('"params": {}', '"params": {"a": 1, "a": 2}'),
        "\ufeff" + text,
        text.replace('"id": 1', '"id": NaN'),
        text.replace("{}", '{"a": Infinity}'),
        text.replace("{}", '{"a": "\\ud800"}'),
        text + "/* more */",
    ]
    headers = {**JSON, "authorization": f"Bearer {tokens['access_token']}"}
    async with w.browser() as http:
        answers = [await http.post("/mcp", content=body.encode(), headers=headers) for body in bodies]
    return all(answer.status_code == 400 for answer in answers)


async def a_revoked_token_lives_on(w: World) -> bool:
    client_id, tokens = await signed_in(w)
    before = await w.call(tokens["access_token"])
    async with w.browser() as http:
        await http.post("/revoke", data={"client_id": client_id, "token": tokens["access_token"]})
    return before.status_code == 200 and (await w.call(tokens["access_token"])).status_code == 401


async def a_crawl_without_a_token(w: World) -> bool:
    modern = CALL | {"params": {"_meta": MODERN}}
    async with w.browser() as http:
        posts = [
            await http.post(path, json=body, headers=JSON) for path in ("/mcp", "/mcp/") for body in (CALL, modern)
        ]
        others = [await http.request(method, "/mcp", headers=JSON) for method in ("GET", "DELETE", "PUT", "HEAD")]
    return all(answer.status_code == 401 for answer in posts) and not any(answer.is_success for answer in others)


async def ids_that_lead_elsewhere(w: World) -> bool:
    ways = [
        "/register/../livez",
        "/register/x/../../livez",
        "/register/..%2flivez",
        "/-/static/../../livez",
        "/x/%2e%2e/livez",
    ]
    return await status_of(w, "GET", "/livez") == 200 and 200 not in {await status_of(w, "GET", path) for path in ways}


ROWS: dict[str, tuple[Attack, Weaken]] = {
    "T-01": (a_reuse, weak.forgets_that_it_was_used),
    "T-02": (a_race, weak.forgets_that_it_was_used),
    "T-04": (a_wider_scope, weak.grants_what_is_asked),
    "T-06": (a_stranger_revokes, weak.revokes_for_anybody),
    "T-07": (questions_of_strangers, weak.answers_whoever_asks),
    "T-09": (guesses, weak.never_slows_down),
    "T-10": (odd_bodies, weak.reads_forms_as_they_come),
    "T-08": (a_look_into_the_store, weak.stores_tokens_as_they_are),
    "U-01": (tokens_for_others, weak.ignores_the_audience),
    "U-02": (broken_credentials, weak.lets_in_whom_it_cannot_check),
    "U-03": (paths_that_only_look_public, weak.guards_one_spelling_of_the_path),
    "U-04": (a_token_in_the_query, weak.reads_tokens_from_the_query),
    "U-06": (headers_that_lie, weak.believes_mirrored_headers),
    "U-07": (bodies_with_two_readings, weak.decodes_as_most_do),
    "U-08": (a_revoked_token_lives_on, weak.remembers_tokens),
    "U-10": (a_crawl_without_a_token, weak.checks_nobody),
    "S-07": (ids_that_lead_elsewhere, weak.tidies_paths_up),
}


def rows(**twin: bool) -> list[Any]:
    marked = pytest.mark.requirement
    return [pytest.param(*row, marks=marked(name.split()[0], **twin), id=name) for name, row in ROWS.items()]


@pytest.mark.parametrize(("attack", "weaken"), rows())
async def test_the_door_withstands(tmp_path, attack, weaken):
    async with world(tmp_path, tool_scopes={"write": ("files:write",)}) as w:
        assert await attack(w)


@pytest.mark.parametrize(("attack", "weaken"), rows(weak=True))
async def test_a_door_without_the_defence_is_caught(tmp_path, attack, weaken, monkeypatch):
    async with world(tmp_path, tool_scopes={"write": ("files:write",)}) as w:
        weaken(monkeypatch)
        assert not await attack(w)


async def still_refused_after_a_restart(tmp_path: Any) -> bool:
    clock = FixedClock()
    async with world(tmp_path, clock=clock) as w:
        client_id, first = await signed_in(w)
        code = await w.code(client_id)
        await w.redeem(client_id, code)
        await refreshed(w, client_id, first["refresh_token"])
    clock.advance(31)
    async with world(tmp_path, clock=clock) as w:
        replayed, reused = await w.redeem(client_id, code), await refreshed(w, client_id, first["refresh_token"])
    return replayed.status_code == reused.status_code == 400


@pytest.mark.requirement("A-08")
@pytest.mark.requirement("T-03")
async def test_what_was_spent_stays_spent_after_a_restart(tmp_path):
    assert await still_refused_after_a_restart(tmp_path)


@pytest.mark.requirement("A-08", weak=True)
@pytest.mark.requirement("T-03", weak=True)
async def test_a_door_that_keeps_no_mark_of_it_is_caught(tmp_path, monkeypatch):
    weak.forgets_that_it_was_used(monkeypatch)
    assert not await still_refused_after_a_restart(tmp_path)
