"""A public URL with a path: every address, cookie, page and check lies below it, however requests arrive.

A proxy in front may pass the path on or take it off; a Starlette or FastAPI application may mount the door there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount
from world import CALL, PASSWORD, World, follow, form_of, query_of, world

from doorward import Door

ORIGIN = "https://host.example"
BASE = f"{ORIGIN}/team"
PROTECTED = "/.well-known/oauth-protected-resource"
SERVER = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")


def passed_on(door: Door) -> Any:
    """A proxy with `location /team/ { proxy_pass http://door; }`."""
    return door


def taken_off(door: Door) -> Any:
    """A proxy with `location /team/ { proxy_pass http://door/; }`, and the documents at the root passed on."""

    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].removeprefix("/team") or "/"
        await door({**scope, "path": path, "raw_path": path.encode()}, receive, send)

    return proxy


def in_starlette(door: Door) -> Any:
    return Starlette(routes=[*door.well_known_routes(), Mount("/team", door)])


def in_fastapi(door: Door) -> Any:
    app = FastAPI(routes=door.well_known_routes())
    app.mount("/team", door)
    return app


def by_hand(door: Door) -> Any:
    """An application of one's own, with the mount point in `root_path` and not in `path`."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"].startswith("/team/"):
            path = scope["path"].removeprefix("/team")
            scope = {**scope, "root_path": "/team", "path": path, "raw_path": path.encode()}
        await door(scope, receive, send)

    return app


Front = Callable[[Door], Any]
every_front = pytest.mark.parametrize("front", [passed_on, taken_off, in_starlette, in_fastapi, by_hand])


@pytest.fixture
async def w(tmp_path, front: Front):
    async with world(tmp_path, public_url=BASE, device_grant=True) as made:
        made.front = front(made.door)
        yield made


def at_root(made: World) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(made.front), base_url=ORIGIN)


@every_front
async def test_the_metadata_is_where_clients_look_and_says_the_same_everywhere(w):
    inserted = [f"{PROTECTED}/team/mcp", *(f"{each}/team" for each in SERVER), *(f"{each}/team/mcp" for each in SERVER)]
    below = [f"/team{PROTECTED}", f"/team{PROTECTED}/mcp", f"/team/mcp{PROTECTED}"]
    below += [path for each in SERVER for path in (f"/team{each}", f"/team{each}/mcp", f"/team/mcp{each}")]
    async with at_root(w) as http:
        for path in inserted + below:
            for spelling in (path, f"{path}/"):
                answer = await http.get(spelling)
                assert answer.status_code == 200, spelling
                said = answer.json()
                if "oauth-protected-resource" in path:
                    assert (said["resource"], said["authorization_servers"]) == (f"{BASE}/mcp", [BASE])
                else:
                    assert said["issuer"] == BASE
                    assert said["token_endpoint"] == f"{BASE}/token"
                preflight = await http.options(spelling, headers={"origin": "https://a.example"})
                assert preflight.status_code == 204, spelling


@every_front
async def test_every_endpoint_that_is_published_answers(w):
    async with at_root(w) as http:
        described = (await http.get(f"{SERVER[0]}/team")).json()
        endpoints = {each for name, each in described.items() if name.endswith(("endpoint", "_uri"))}
        assert len(endpoints) == 8
        assert all(each.startswith(f"{BASE}/") for each in endpoints)
        for each in endpoints:
            answers = [await http.get(each), await http.post(each)]
            assert all(answer.status_code != 404 for answer in answers), each
        for path in ("/livez", "/readyz", "/-/static/pages.css", "/-/connections", "/-/api/v1/openapi.json"):
            answer = await http.get(f"/team{path}")
            assert answer.status_code in {200, 303}, path
        assert (await http.get("/team/-/api/v1/openapi.json")).json()["servers"] == [{"url": "/team/-/api/v1"}]
        assert (await http.get("/team/nothing")).status_code == 404
        assert (await http.get("/team/-/api/v1/clients")).status_code == 401


@every_front
async def test_a_client_signs_in_calls_refreshes_and_manages_itself(w):
    client_id = (await w.register())["client_id"]
    tokens = (await w.redeem(client_id, await w.code(client_id))).json()
    assert (await w.call(tokens["access_token"])).status_code == 200
    again = await w.token(grant_type="refresh_token", client_id=client_id, refresh_token=tokens["refresh_token"])
    assert again.status_code == 200
    registered = await w.register(token_endpoint_auth_method="client_secret_post")
    assert registered["registration_client_uri"].startswith(f"{BASE}/register/")
    async with at_root(w) as http:
        own = {"authorization": f"Bearer {registered['registration_access_token']}"}
        managed = await http.get(registered["registration_client_uri"], headers=own)
        assert managed.json()["client_id"] == registered["client_id"]


@every_front
async def test_the_challenge_names_the_inserted_document(w):
    answer = await w.call(None)
    assert answer.status_code == 401
    assert f'resource_metadata="{ORIGIN}{PROTECTED}/team/mcp"' in answer.headers["www-authenticate"]


@every_front
async def test_every_page_link_and_redirect_stays_below_the_path(w):
    client_id = (await w.register())["client_id"]
    async with w.browser() as browser:
        answer = await browser.get("/authorize", params=w.authorize_parameters(client_id))
        assert answer.headers["location"].startswith(f"{BASE}/-/login?")
        seen = [answer]
        page = await follow(browser, answer)
        seen.append(page)
        consent = await w.submit(browser, page, username="owner", password=PASSWORD)
        seen.append(consent)
        done = await w.submit(browser, consent, decision="approve")
        assert query_of(done)["iss"] == BASE
        for own in ("/-/connections", "/-/device"):
            signing_in = await follow(browser, await browser.get(own))
            opened = await w.submit(browser, signing_in, username="owner", password=PASSWORD)
            assert opened.status_code == 200
            assert str(opened.url).startswith(f"{BASE}{own}")
            seen += [signing_in, opened]
    for each in seen:
        links = re.findall(r'(?:href|action|src)="([^"]+)"', each.text)
        assert all(link.startswith("/team/") for link in links), links
        for cookie in each.headers.get_list("set-cookie"):
            assert cookie.startswith("__Host-doorward+team+")
            assert "; Path=/; HttpOnly; SameSite=Lax; Secure" in cookie


@every_front
async def test_forms_of_this_origin_are_taken_and_those_of_others_refused(w):
    client_id = (await w.register())["client_id"]
    for headers, status in (
        ({"origin": ORIGIN}, 303),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, 303),
        ({"origin": BASE}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ):
        async with w.browser() as browser:
            page = await follow(browser, await browser.get("/authorize", params=w.authorize_parameters(client_id)))
            action, fields = form_of(page)
            fields |= {"username": "owner", "password": PASSWORD}
            answer = await browser.post(f"{ORIGIN}{action}", data=fields, headers=headers)
            assert answer.status_code == status, headers


@every_front
async def test_the_door_takes_pages_of_its_origin_and_no_others(w):
    async with w.browser() as http:
        for sent, status in ((ORIGIN, 401), (BASE, 403), ("https://evil.example", 403)):
            answer = await http.post("/mcp", json={}, headers={"origin": sent})
            assert answer.status_code == status, sent
        assert (await http.post("/mcp", json={}, headers={"host": "host.example:443"})).status_code == 401
        assert (await http.post("/mcp", json={}, headers={"host": "other.example"})).status_code == 421


async def test_the_upstream_hears_of_the_public_url_and_its_path(tmp_path):
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        said = {name.decode(): value.decode() for name, value in scope["headers"] if name.startswith(b"x-forwarded-")}
        heard.append((scope["path"], scope["root_path"], said))
        body = b'{"jsonrpc":"2.0","id":1,"result":{}}'
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": body})

    heard: list[tuple[str, str, dict[str, str]]] = []
    settings = {"public_url": BASE, "auth": "none", "allow_public_without_auth": True}
    async with world(tmp_path, app=app, **settings) as made, made.browser() as http:
        headers = {"accept": "application/json, text/event-stream", "x-forwarded-prefix": "/made-up"}
        assert (await http.post("/mcp", json=CALL, headers=headers)).status_code == 200
    path, root_path, said = heard[-1]
    assert (path, root_path) == ("/mcp", "")
    said.pop("x-forwarded-for", None)
    assert said == {
        "x-forwarded-proto": "https",
        "x-forwarded-host": "host.example",
        "x-forwarded-prefix": "/team",
    }


async def test_two_installations_of_one_host_keep_their_browsers_apart(tmp_path):
    """One jar of cookies, two sign-ins under way at once; neither takes anything of the other one."""
    async with (
        world(tmp_path / "a", public_url=f"{ORIGIN}/a") as first,
        world(tmp_path / "b", public_url=f"{ORIGIN}/b") as second,
    ):

        async def host(scope: Any, receive: Any, send: Any) -> None:
            behind = second if "/b" in scope["path"] else first
            await behind.door(scope, receive, send)

        first.front = second.front = host
        jar: Any = httpx2.Cookies()
        steps = []
        for each in (first, second):
            client_id = (await each.register())["client_id"]
            browser = each.browser()
            browser.cookies = jar
            steps.append((each, browser, client_id, await each.sign_in(browser, client_id)))
            jar = browser.cookies
        for each, browser, client_id, page in steps:
            browser.cookies = jar
            code = query_of(await each.submit(browser, page, decision="approve"))["code"]
            tokens = (await each.redeem(client_id, code)).json()
            assert (await each.call(tokens["access_token"])).status_code == 200
            other = second if each is first else first
            assert (await other.call(tokens["access_token"])).status_code == 401
            await browser.aclose()
