"""One authorization server for two doors, as a client and a person meet it."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from world import CALL, ISSUER, PASSWORD, REDIRECT_URI, RESOURCE, World, query_of

from doorward import Door
from doorward.clock import FixedClock
from doorward.config.load import load
from doorward.directory.clients import add_client
from doorward.oauth.clients.new_client import NewClient

NOTES = f"{ISSUER}/notes/mcp"
PROTECTED = "/.well-known/oauth-protected-resource"


SETTINGS = """
public_url = "https://mcp.example.com"

[doors.mcp]
path = "/mcp"
target = "echo.py:echo_app"

[doors.notes]
target = "echo.py:echo_app"
scopes = ["notes"]
"""


@asynccontextmanager
async def two_doors(tmp_path, **settings):
    """Run two doors, each with the server that answers with the headers it got."""
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "echo.py").write_text("from world import echo_app\n")
    (tmp_path / "doorward.toml").write_text(SETTINGS)
    given = {"data_dir": str(tmp_path / "data"), "owner_password": PASSWORD, **settings}
    clock = FixedClock()
    door = Door(config=load(given, {}, tmp_path).config, clock=clock)
    async with door.lifespan():
        yield World(door, clock)


async def call(front, token, path):
    async with front.browser() as http:
        headers = {"accept": "application/json, text/event-stream", "authorization": f"Bearer {token}"}
        return await http.post(path, json=CALL, headers=headers)


async def tokens_for(front, client_id, resource):
    return (await front.redeem(client_id, await front.code(client_id, resource=resource))).json()


async def test_the_page_names_the_door_and_the_token_is_for_that_door(tmp_path):
    async with two_doors(tmp_path) as front:
        client_id = await front.known_client()
        async with front.browser() as browser:
            answer = await browser.get("/authorize", params=front.authorize_parameters(client_id, resource=NOTES))
            sign_in = await browser.get(answer.headers["location"])
            assert f'notes</strong> at <span class="resource">{NOTES}<' in sign_in.text
            consent = await front.submit(browser, sign_in, username="owner", password=PASSWORD)
            assert f'notes</strong> at <span class="resource">{NOTES}<' in consent.text
            assert "<code>notes</code>" in consent.text
            assert "<code>mcp</code>" not in consent.text
            code = query_of(await front.submit(browser, consent, decision="approve"))["code"]
        tokens = (await front.redeem(client_id, code)).json()
        assert tokens["scope"] == "notes"
        other = await tokens_for(front, client_id, RESOURCE)
        for own, foreign, token in (("/notes/mcp", "/mcp", tokens), ("/mcp", "/notes/mcp", other)):
            assert (await call(front, token["access_token"], own)).status_code == 200
            refused = await call(front, token["access_token"], foreign)
            assert refused.status_code == 401
            assert f'resource_metadata="{ISSUER}{PROTECTED}{foreign}"' in refused.headers["www-authenticate"]


@pytest.mark.parametrize("resource", ["-", ISSUER, f"{ISSUER}/notes", "https://evil.example/mcp"])
async def test_without_a_default_the_client_must_name_a_door(tmp_path, resource):
    async with two_doors(tmp_path) as front:
        client_id = await front.known_client()
        async with front.browser() as browser:
            answer = await browser.get("/authorize", params=front.authorize_parameters(client_id, resource=resource))
        assert query_of(answer)["error"] == "invalid_target"
        assert query_of(answer)["iss"] == ISSUER


async def test_a_client_that_names_no_door_gets_the_default(tmp_path):
    async with two_doors(tmp_path, default_door="notes") as front:
        tokens = await tokens_for(front, await front.known_client(), "-")
        assert tokens["scope"] == "notes"


async def test_code_and_refresh_token_of_one_door_give_nothing_at_another_and_stay_good(tmp_path):
    async with two_doors(tmp_path) as front:
        client_id = await front.known_client()
        code = await front.code(client_id, resource=f"{NOTES}/")
        for resource in (RESOURCE, ISSUER):
            refused = await front.redeem(client_id, code, resource=resource)
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_target")
        tokens = (await front.redeem(client_id, code, resource=f"{NOTES}/")).json()
        form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": tokens["refresh_token"]}
        refused = await front.token(**form, resource=RESOURCE)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_target")
        assert (await front.token(**form)).json()["scope"] == "notes"


async def test_a_consent_for_one_door_spares_no_question_at_another(tmp_path):
    async with two_doors(tmp_path, remember_consent=True) as front:
        client_id = await front.known_client()
        async with front.browser() as browser:
            await front.sign_in(browser, client_id, resource=RESOURCE)
            browser.headers["sec-fetch-site"] = "none"  # as a person types it, or a program of theirs opens it
            page = await front.sign_in(browser, client_id, resource=RESOURCE)
            del browser.headers["sec-fetch-site"]
            await front.submit(browser, page, decision="approve")
            browser.headers["sec-fetch-site"] = "none"
            again = await front.sign_in(browser, client_id, resource=RESOURCE)
            assert again.status_code == 303, "the person is not asked twice about the same door"
            other = await front.sign_in(browser, client_id, resource=NOTES)
            assert other.status_code == 200
            assert "Allow access?" in other.text
            assert "You have allowed before" not in other.text


async def test_a_grant_at_one_door_does_not_end_the_grant_at_another(tmp_path):
    async with two_doors(tmp_path) as front:
        client_id = await front.known_client()
        first = await tokens_for(front, client_id, RESOURCE)
        front.clock.advance(3000)
        await tokens_for(front, client_id, NOTES)
        assert (await front.call(first["access_token"])).status_code == 200


async def test_each_door_has_its_metadata_and_the_root_lists_them(tmp_path):
    async with two_doors(tmp_path) as front, front.browser() as browser:
        for path, resource in (("/mcp", RESOURCE), ("/notes/mcp", NOTES), ("/notes/mcp/", NOTES)):
            assert (await browser.get(PROTECTED + path)).json()["resource"] == resource
        assert (await browser.get(f"/notes/mcp{PROTECTED}")).json()["scopes_supported"] == ["notes"]
        root = await browser.get(PROTECTED)
        assert root.status_code == 404
        assert root.headers["access-control-allow-origin"] == "*"
        assert root.json()["documents"] == [f"{ISSUER}{PROTECTED}/mcp", f"{ISSUER}{PROTECTED}/notes/mcp"]
        server = (await browser.get("/.well-known/oauth-authorization-server/notes/mcp")).json()
        assert server["scopes_supported"] == ["mcp", "notes"]
    async with two_doors(tmp_path / "other", default_door="notes") as front, front.browser() as browser:
        assert (await browser.get(PROTECTED)).json()["resource"] == NOTES


async def test_a_pushed_request_names_its_door_as_well(tmp_path):
    async with two_doors(tmp_path) as front:
        made = await add_client(
            *(front.door.store, front.door.clock, front.door.entropy),
            NewClient(client_name="Pushing", redirect_uris=(REDIRECT_URI,)),
            policy=front.door.policy,
        )
        proof = {"client_id": made.client.client_id, "client_secret": made.client_secret}
        async with front.browser() as http:
            asked = front.authorize_parameters(made.client.client_id, resource="-")
            refused = await http.post("/par", data=asked | proof)
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_target")
            assert (await http.post("/par", data=asked | proof | {"resource": NOTES})).status_code == 201


async def test_a_person_sees_what_a_client_may_do_at_each_door(tmp_path):
    async with two_doors(tmp_path) as front, front.browser() as browser:
        client_id = await front.known_client()
        for resource in (RESOURCE, NOTES):
            page = await front.sign_in(browser, client_id, resource=resource)
            await front.submit(browser, page, decision="approve")
        page = (await browser.get("/-/connections")).text
        assert "<strong>mcp</strong> <code>mcp</code>" in page
        assert "<strong>notes</strong> <code>notes</code>" in page
        (listed,) = (await browser.get("/-/api/v1/connections")).json()["connections"]
        assert {each["name"]: (each["resource"], each["scopes"]) for each in listed["doors"]} == {
            "mcp": (RESOURCE, ["mcp"]),
            "notes": (NOTES, ["notes"]),
        }
        assert sorted(listed["grant_ids"]) == sorted(id_ for each in listed["doors"] for id_ in each["grant_ids"])
        assert len(listed["grant_ids"]) == 2
        ended = {"action": "disconnect", "client_id": client_id}
        await front.submit(browser, await browser.get("/-/connections"), **ended, resource=RESOURCE)
        page = (await browser.get("/-/connections")).text
        assert "<strong>mcp</strong> <code>mcp</code>" not in page
        assert "<strong>notes</strong> <code>notes</code>" in page
        await front.submit(browser, await browser.get("/-/connections"), **ended)
        assert "Nothing is connected" in (await browser.get("/-/connections")).text
