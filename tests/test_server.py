"""Every path besides the door: HEAD never acts, and GET acts only where a sign-in begins or is answered.

And nothing is served twice: not a path of the table, and not a door in front of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx2
import pytest
from world import ISSUER, PASSWORD, World, echo_app, follow, query_of, world

from doorward import Door, StartError
from doorward.config.load import from_keywords
from doorward.directory.clients import add_client
from doorward.oauth.clients.new_client import NewClient
from doorward.paths import RESERVED_FIRST_SEGMENTS
from doorward.records.audit import AuditEntry, AuditHead
from doorward.records.kinds import RECORD_TYPES
from doorward.records.oauth import Client
from doorward.server import own_first_segments

ACTING = {"/authorize", "/-/consent"}
"""A request begins at the first; at the second an earlier consent may answer it."""
EVERYTHING: dict[str, Any] = {"remember_consent": True, "device_grant": True, "metrics_from": ("127.0.0.1",)}
OWN = {"sec-fetch-site": "none"}


async def kept(w: World) -> dict[str, list[Any]]:
    """Return all that is stored, the audit log apart: refusals are written there."""
    kinds = [kind for kind in RECORD_TYPES if kind not in (AuditEntry, AuditHead)]
    assert Client in kinds
    return {kind.kind: sorted(map(repr, await w.door.store.find(kind))) for kind in kinds}


def paths(w: World) -> dict[str, set[str]]:
    """Return the methods of every path that is served, read off the table itself."""
    assert w.door.running is not None
    router = w.door.running.router
    found = {path: set(methods) for path, methods in router.routes.items()}
    return found | {f"{prefix}client_x": set(methods) for prefix, methods in router.prefixes.items()}


async def remembered_client(w: World, browser: httpx2.AsyncClient) -> str:
    """Return a client that the person in this browser has allowed before, and that is not asked about again."""
    made = await add_client(
        *(w.door.store, w.clock, w.door.entropy),
        NewClient(client_name="Known", redirect_uris=("https://client.example/callback",), confidential=False),
        policy=w.door.policy,
    )
    page = await w.sign_in(browser, made.client.client_id)
    assert "code" in query_of(await w.submit(browser, page, decision="approve"))
    return made.client.client_id


async def visits(w: World, browser: httpx2.AsyncClient) -> list[dict[str, str]]:
    """Return queries with which some path would act: new, pushed, begun, and answered from memory."""
    client_id = await remembered_client(w, browser)
    pushed = await browser.post("/par", data=w.authorize_parameters(client_id))
    answer = await browser.get("/authorize", params=w.authorize_parameters(client_id), headers=OWN)
    request_id = query_of(answer)["request"]
    return [
        {},
        w.authorize_parameters(client_id),
        {"client_id": client_id, "request_uri": pushed.json()["request_uri"]},
        {"continue": request_id},
        {"request": request_id},
        {"request": request_id, "decision": "approve"},
        {"next": "/-/connections", "username": "owner", "password": PASSWORD},
    ]


async def test_head_changes_nothing_anywhere(tmp_path):
    async with world(tmp_path, **EVERYTHING) as w, w.browser() as browser:
        queries = await visits(w, browser)
        before = await kept(w)
        for path, methods in paths(w).items():
            for query in queries:
                answer = await browser.head(path, params=query, headers=OWN)
                assert answer.status_code == 405 or "HEAD" in methods, path
                assert "set-cookie" not in answer.headers, path
                assert "location" not in answer.headers, path
                assert answer.content == b"", path
        assert await kept(w) == before
        # What was there to be used up is still good.
        browser.headers.update(OWN)
        answered = await follow(browser, await browser.get("/authorize", params=queries[2]))
        assert "code" in query_of(answered)


async def test_get_acts_only_where_a_sign_in_begins_or_is_answered(tmp_path):
    async with world(tmp_path, **EVERYTHING) as w, w.browser() as browser:
        queries = await visits(w, browser)
        before = await kept(w)
        served = {path for path, methods in paths(w).items() if "GET" in methods}
        assert served > ACTING
        for path in served - ACTING:
            for query in queries:
                assert (await browser.get(path, params=query, headers=OWN)).status_code < 500, path
        assert await kept(w) == before


async def test_the_visits_of_these_tests_would_act(tmp_path):
    """Otherwise the two tests above could not fail."""
    async with world(tmp_path, **EVERYTHING) as w, w.browser() as browser:
        queries = await visits(w, browser)
        for path, query in (("/authorize", queries[1]), ("/authorize", queries[2]), ("/-/consent", queries[4])):
            before = await kept(w)
            answer = await browser.get(path, params=query, headers=OWN)
            assert answer.status_code == 303, path
            assert await kept(w) != before, path


async def test_every_path_that_reads_says_so_to_head_as_to_get(tmp_path):
    async with world(tmp_path, **EVERYTHING) as w, w.browser() as http:
        for path, methods in paths(w).items():
            if "HEAD" in methods:
                seen, told = await http.get(path), await http.head(path)
                assert (told.status_code, told.content) == (seen.status_code, b""), path


@pytest.mark.parametrize("path", sorted(ACTING))
async def test_a_path_that_acts_names_its_methods_to_head(tmp_path, path):
    async with world(tmp_path) as w, w.browser() as http:
        answer = await http.head(path)
        assert answer.status_code == 405
        assert "GET" in answer.headers["allow"]
        assert "HEAD" not in answer.headers["allow"]


async def test_no_path_of_this_server_can_be_registered_as_a_redirect_uri(tmp_path):
    async with world(tmp_path, **EVERYTHING) as w, w.browser() as http:
        assert w.door.running is not None
        for path in (*paths(w), *w.door.running.doors_by_path, *w.door.running.router.mounts):
            for spelled in (path, f"/{path}", path.replace("-", "%2D", 1), f"{path}?client_id=x&x=y"):
                body = {"redirect_uris": [ISSUER + spelled], "token_endpoint_auth_method": "none"}
                answer = await http.post("/register", json=body)
                assert answer.status_code == 400, spelled
                assert answer.json()["error"] == "invalid_redirect_uri", spelled
        assert not await w.door.store.find(Client)


@pytest.mark.parametrize("path", ["/token/mcp", "/-/mcp", "/.well-known/mcp", "/livez"])
async def test_a_door_in_front_of_an_own_path_is_a_start_error(tmp_path, path):
    """The settings refuse it as well; this is for a path that they do not know yet."""
    settings = from_keywords({"data_dir": tmp_path}, tmp_path)
    settings = replace(settings, doors=(replace(settings.doors[0], path=path),))
    with pytest.raises(StartError, match="is served already"):
        async with Door(echo_app, config=settings).lifespan():
            pass


async def test_the_reserved_segments_are_those_of_the_table(tmp_path):
    async with world(tmp_path, **EVERYTHING) as w:
        assert w.door.running is not None
        running = w.door.running
        assert own_first_segments(running.router, running.doors_by_path) == RESERVED_FIRST_SEGMENTS


@pytest.mark.parametrize("root_path", ["/tools", "/tools/", "/t/o/o/l/s"])
@pytest.mark.parametrize("is_in_path", [True, False])
async def test_a_mounted_server_answers_below_its_mount_point(tmp_path, root_path, is_in_path):
    """Some hosts leave the mount point in the path, and some do not."""
    before = root_path.rstrip("/") if is_in_path else ""
    async with world(tmp_path) as w:
        transport = httpx2.ASGITransport(w.door, root_path=root_path)
        async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as http:
            assert (await http.get(f"{before}/livez")).status_code == 200
            assert (await http.post(f"{before}/mcp", json={})).status_code == 401
            assert (await http.get(f"{before}/register/nobody")).status_code == 401
            assert (await http.get(f"{before}/-/api/v1/openapi.json")).status_code == 200
            assert (await http.get(f"{before}/nothing")).status_code == 404


async def test_a_mount_point_is_cut_at_the_end_of_a_segment_only(tmp_path):
    async with world(tmp_path) as w:
        transport = httpx2.ASGITransport(w.door, root_path="/to")
        async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as http:
            assert (await http.post("/token")).status_code == 400
            assert (await http.get("/tolivez")).status_code == 404
