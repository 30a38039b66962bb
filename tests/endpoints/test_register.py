"""`/register` and `/register/{client_id}`, with every defence on."""

from __future__ import annotations

import asyncio

import pytest
from endpoints.documents import KEY, OTHER_KEY, proof, public
from endpoints.registering import CONFIDENTIAL, post
from fetching.hostile import Names, Switchboard, listening
from world import REDIRECT_URI, VERIFIER, World, world

from doorward.clock import FixedClock
from doorward.fetching.fetcher import Fetcher
from doorward.records.oauth import Client

INITIAL = "an-initial-access-token"


async def clients(w: World) -> list[Client]:
    return [stored.record for stored in await w.door.store.find(Client)]


@pytest.mark.requirement("R-01")
async def test_identical_bodies_at_once_give_one_public_client(tmp_path):
    async with world(tmp_path) as w:
        replies = await asyncio.gather(*(w.register() for _ in range(16)))
        assert len({reply["client_id"] for reply in replies}) == 1
        assert len(await clients(w)) == 1
        w.clock.advance(3600)
        assert (await w.register())["client_id"] != replies[0]["client_id"]


@pytest.mark.requirement("R-01")
async def test_a_client_that_somebody_uses_is_not_given_to_the_next(tmp_path):
    async with world(tmp_path) as w:
        first = (await w.register())["client_id"]
        await w.code(first)
        second = (await w.register())["client_id"]
        assert second != first
        assert (await w.redeem(second, await w.code(second))).status_code == 200
        assert (await w.redeem(first, await w.code(first))).status_code == 200


async def test_confidential_clients_never_share_a_secret(tmp_path):
    async with world(tmp_path) as w:
        replies = [(await post(w, CONFIDENTIAL)).json() for _ in range(4)]
        for member in ("client_id", "client_secret", "registration_access_token"):
            assert len({reply[member] for reply in replies}) == 4


@pytest.mark.requirement("R-01")
async def test_a_flood_of_registrations_neither_fills_the_store_nor_refuses_an_honest_client(tmp_path):
    async with world(tmp_path, unused_clients_limit=100, limit_registrations_per_minute=0) as w:
        used = (await w.register(client_name="In use"))["client_id"]
        tokens = (await w.redeem(used, await w.code(used))).json()
        for number in range(400):
            await w.register(client_name=f"Flood {number}")
        assert len(await clients(w)) <= 101
        vendor = [await w.register(client_name=f"Vendor {number}") for number in range(5)]
        assert (await w.redeem(vendor[-1]["client_id"], await w.code(vendor[-1]["client_id"]))).status_code == 200
        form = {"grant_type": "refresh_token", "client_id": used, "refresh_token": tokens["refresh_token"]}
        assert (await w.token(**form)).status_code == 200


@pytest.mark.requirement("R-01", weak=True)
async def test_the_flood_would_fill_a_store_without_places(tmp_path):
    async with world(tmp_path, unused_clients_limit=10_000_000, limit_registrations_per_minute=0) as w:
        for number in range(150):
            await w.register(client_name=f"Flood {number}")
        assert len(await clients(w)) == 150


@pytest.mark.requirement("REG-03")
async def test_a_client_lives_as_long_as_its_grants_and_a_while_longer(tmp_path):
    day = 86_400
    async with world(tmp_path) as w:
        unused = (await w.register(client_name="Never used"))["client_id"]
        client_id = (await w.register())["client_id"]
        tokens = (await w.redeem(client_id, await w.code(client_id))).json()
        for _ in range(8):
            w.clock.advance(20 * day)
            form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": tokens["refresh_token"]}
            answer = await w.token(**form)
            assert answer.status_code == 200
            tokens = answer.json()
        gone = await w.token(grant_type="refresh_token", client_id=unused, refresh_token="x")
        assert (gone.status_code, gone.json()["error"]) == (401, "invalid_client")
        w.clock.advance(25 * day)  # past the absolute end of the grant, so the user is asked again
        assert (await w.redeem(client_id, await w.code(client_id))).status_code == 200
        w.clock.advance(188 * day)
        gone = await w.token(grant_type="refresh_token", client_id=client_id, refresh_token="x")
        assert (gone.status_code, gone.json()["error"]) == (401, "invalid_client")
        assert await w.door.store.purge(w.clock.now()) > 0
        assert await clients(w) == []


@pytest.mark.requirement("R-04")
async def test_a_client_cannot_choose_its_id(tmp_path):
    async with world(tmp_path) as w:
        for wish in ("https://claude.ai/oauth/client.json", "owner", ""):
            reply = (await post(w, CONFIDENTIAL | {"client_id": wish})).json()
            assert reply["client_id"] != wish
            assert not reply["client_id"].startswith("http")


@pytest.mark.requirement("R-05")
async def test_no_url_in_a_registration_is_asked_for_anything(tmp_path):
    async with listening() as canary:
        names = Names()
        fetcher = Fetcher(resolver=names, dialer=Switchboard(canary.port), allow_loopback=True)
        async with world(tmp_path, fetcher=fetcher) as w:
            url = canary.url("/x")
            fields = ("logo_uri", "client_uri", "tos_uri", "policy_uri", "jwks_uri", "sector_identifier_uri")
            body = CONFIDENTIAL | dict.fromkeys(fields, url) | {"request_uris": [url]}
            client = (await post(w, body)).json()
            assert "jwks_uri" not in client
            keys = await post(w, body | {"token_endpoint_auth_method": "private_key_jwt"})
            assert keys.json()["error"] == "invalid_client_metadata"
            await w.code(client["client_id"])
            await w.token(grant_type="refresh_token", refresh_token="x", **proof(w, client["client_id"]))
        assert names.lookups == []
        assert canary.connections == 0


@pytest.mark.requirement("R-11")
@pytest.mark.parametrize(
    "body",
    [
        b'{"redirect_uris":["https://client.example/callback"],"redirect_uris":["https://evil.example/"]}',
        '{"redirect_uris":["https://client.example/callback"],"redirect_uri\u017f":["https://evil.example/"]}'.encode(),
        '{"redirect_uris":["https://client.example/callback"],"to\u212aen_endpoint_auth_method":"none"}'.encode(),
        b'{"redirect_uris":["https://client.example/callback"],"REDIRECT_URIS":["https://evil.example/"]}',
        b'{"redirect_uris":["https://client.example/callback"],"redirect_uris ":["https://evil.example/"]}',
        b'{"redirect_uris":["https://client.example/callback"],"redirect\\u005furis":["https://evil.example/"]}',
    ],
)
async def test_a_key_that_only_looks_like_another_is_ignored_and_a_doubled_one_refused(tmp_path, body):
    async with world(tmp_path) as w, w.browser() as http:
        answer = await http.post("/register", content=body, headers={"content-type": "application/json"})
    assert b"evil" not in answer.content
    if answer.status_code == 201:
        assert answer.json()["redirect_uris"] == [REDIRECT_URI]
    else:
        assert answer.json()["error"] == "invalid_client_metadata"


@pytest.mark.requirement("R-02")
@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"redirect_uris": [f"https://client.example/{n}" for n in range(10_000)]}, 413),
        ({"redirect_uris": [f"https://client.example/{n}" for n in range(21)]}, 400),
        ({"client_name": "x" * 70_000}, 413),
        ({"redirect_uris": [f"https://client.example/{n}" for n in range(20)]}, 201),
    ],
)
async def test_a_costly_registration_is_refused(tmp_path, changes, status):
    async with world(tmp_path) as w:
        assert (await post(w, CONFIDENTIAL | changes)).status_code == status


@pytest.mark.requirement("A13")
async def test_a_client_that_registered_keys_proves_itself_by_them(tmp_path):
    async with world(tmp_path) as w:
        registered = await post(
            w, CONFIDENTIAL | {"token_endpoint_auth_method": "private_key_jwt", "jwks": public(KEY)}
        )
        assert registered.status_code == 201, registered.text
        client = registered.json()
        assert client["jwks"] == public(KEY)
        assert "client_secret" not in client
        client_id = client["client_id"]
        form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER}
        form["code"] = await w.code(client_id)
        for wrong in (
            {"client_id": client_id},
            {"client_id": client_id, "client_secret": "x"},
            proof(w, client_id, OTHER_KEY),
            proof(w, client_id, aud="https://other.example"),
            proof(w, client_id, exp=w.clock.now() - 60),
        ):
            refused = await w.token(**form, **wrong)
            assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
        tokens = await w.token(**form, **proof(w, client_id))
        assert tokens.status_code == 200
        revoked = {"token": tokens.json()["refresh_token"], **proof(w, client_id, jti="another")}
        async with w.browser() as http:
            assert (await http.post("/revoke", data=revoked)).status_code == 200
        assert (await w.call(tokens.json()["access_token"])).status_code == 401


@pytest.mark.requirement("RFC7523-3")
async def test_of_any_number_of_requests_with_one_assertion_a_single_one_goes_on(tmp_path):
    clock = FixedClock()
    async with world(tmp_path, clock=clock) as w:
        body = CONFIDENTIAL | {"token_endpoint_auth_method": "private_key_jwt", "jwks": public(KEY)}
        client_id = (await post(w, body)).json()["client_id"]
        first = await w.token(grant_type="authorization_code", code="x", **proof(w, client_id, jti="before"))
        assert first.json()["error"] == "invalid_grant"
        once = proof(w, client_id, jti="once")
        form = {"grant_type": "refresh_token", "refresh_token": "unknown"}
        answers = await asyncio.gather(*(w.token(**form, **once) for _ in range(16)))
        assert sorted(answer.json()["error"] for answer in answers) == ["invalid_client"] * 15 + ["invalid_grant"]
    async with world(tmp_path, clock=clock) as w:
        assert (await w.token(**form, **once)).json()["error"] == "invalid_client"
        w.clock.advance(95)
        await w.door.store.purge(w.clock.now())
        assert (await w.token(**form, **once)).json()["error"] == "invalid_client"


async def test_with_an_initial_access_token_only_its_holders_register(tmp_path):
    async with world(tmp_path, registration="token", registration_token=f"{INITIAL} another-initial-token") as w:
        for token in (None, "wrong", INITIAL[:-1], "another-initial-token-", f"{INITIAL} another-initial-token"):
            refused = await post(w, CONFIDENTIAL, token)
            assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")
            assert refused.headers["www-authenticate"].startswith("Bearer")
        for token in (INITIAL, "another-initial-token"):
            assert (await post(w, CONFIDENTIAL, token)).status_code == 201
        assert len(await clients(w)) == 2


async def test_registration_can_be_switched_off(tmp_path):
    async with world(tmp_path, registration="off") as w, w.browser() as http:
        assert (await post(w, CONFIDENTIAL)).status_code == 404
        assert "registration_endpoint" not in (await http.get("/.well-known/oauth-authorization-server")).json()


async def test_a_hook_decides_who_may_register(tmp_path):
    asked = []

    def only_notes(metadata):
        asked.append(metadata.client_name)
        return None if metadata.client_name == "Notes" else "Only Notes may register here."

    async def as_a_coroutine(metadata):
        return only_notes(metadata)

    for number, hook in enumerate((only_notes, as_a_coroutine)):
        async with world(tmp_path / str(number), on_register=hook) as w, w.browser() as http:
            client = (await post(w, CONFIDENTIAL | {"client_name": "Notes"})).json()
            refused = await post(w, CONFIDENTIAL | {"client_name": "Other"})
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_client_metadata")
            assert refused.json()["error_description"] == "Only Notes may register here."
            body = CONFIDENTIAL | {"client_id": client["client_id"], "client_name": "Other"}
            headers = {"authorization": f"Bearer {client['registration_access_token']}"}
            renamed = await http.put(client["registration_client_uri"], json=body, headers=headers)
            assert renamed.status_code == 400
            assert [each.client_name for each in await clients(w)] == ["Notes"]
    assert asked == ["Notes", "Other", "Other"] * 2


async def test_a_hook_that_breaks_lets_nobody_in(tmp_path):
    def broken(metadata):
        raise ZeroDivisionError

    async with world(tmp_path, on_register=broken) as w:
        answer = await post(w, CONFIDENTIAL)
        assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
        assert await clients(w) == []
