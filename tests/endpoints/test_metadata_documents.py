"""Clients whose id is the URL of a document about them, from the fetch to the tool call."""

from __future__ import annotations

import asyncio
import html
import json

import httpx2
import pytest
from endpoints.documents import KEY, OTHER_KEY, door_and_host, proof, public, publish
from fetching.hostile import HOST, Names, Switchboard, listening, local_fetcher, response
from world import ISSUER, REDIRECT_URI, RESOURCE, VERIFIER, World, query_of, world

from doorward.clock import FixedClock
from doorward.fetching.fetcher import Fetcher
from doorward.records.oauth import Client


async def authorize(w: World, client_id: str, **changes: str) -> httpx2.Response:
    async with w.browser() as browser:
        return await browser.get("/authorize", params=w.authorize_parameters(client_id, **changes))


@pytest.mark.requirement("A4")
async def test_a_client_that_describes_itself_reaches_a_tool_without_registering(tmp_path):
    async with door_and_host(tmp_path) as (w, host):
        client_id = publish(host)
        async with w.browser() as browser:
            metadata = (await browser.get("/.well-known/oauth-authorization-server")).json()
            assert metadata["client_id_metadata_document_supported"] is True
            page = await w.sign_in(browser, client_id)
            answer = await w.submit(browser, page, decision="approve")
        tokens = (await w.redeem(client_id, query_of(answer)["code"], resource=RESOURCE)).json()
        assert (await w.call(tokens["access_token"])).status_code == 200
        refreshed = await w.token(
            grant_type="refresh_token", client_id=client_id, refresh_token=tokens["refresh_token"]
        )
        assert refreshed.status_code == 200
        assert host.asked("/client.json") == 1
        assert b"accept: application/json" in host.requests[0]


async def test_a_document_that_names_another_address_takes_no_trust_along(tmp_path):
    """What people allowed was an address; an error must not lead to the next one that the document names."""
    async with door_and_host(tmp_path) as (w, host):
        client_id = publish(host, headers={"cache_control": "max-age=60"})
        await w.code(client_id)
        assert (await authorize(w, client_id, scope="nothing")).status_code == 303
        evil = "https://evil.example/phish"
        publish(host, redirect_uris=[REDIRECT_URI, evil])
        w.clock.advance(61)
        for uri in (evil, REDIRECT_URI):
            answer = await authorize(w, client_id, redirect_uri=uri, scope="nothing")
            assert (answer.status_code, "location" in answer.headers) == (400, False)


async def test_a_document_cannot_name_an_address_of_this_server(tmp_path):
    async with door_and_host(tmp_path) as (w, host):
        own = f"{ISSUER}/authorize?client_id=trusted"
        client_id = publish(host, redirect_uris=[REDIRECT_URI, own])
        answer = await authorize(w, client_id)
        assert answer.status_code == 400
        assert "this server itself" in answer.text
        assert not await w.door.store.find(Client)


@pytest.mark.requirement("A15")
async def test_the_consent_page_names_the_host_that_describes_the_client(tmp_path):
    async with door_and_host(tmp_path) as (w, host):
        client_id = publish(host, client_name="Claude <b>")
        async with w.browser() as browser:
            raw = (await w.sign_in(browser, client_id)).text
        assert "<b>" not in raw
        page = html.unescape(raw)
        assert f'<dt>Described by</dt><dd class="host">{HOST}:{host.port}</dd>' in page
        assert '<dd class="host">client.example</dd>' in page  # where the answer goes
        assert client_id in page


async def test_a_loopback_client_may_listen_on_any_port(tmp_path):
    async with door_and_host(tmp_path) as (w, host):
        client_id = publish(host, redirect_uris=["http://localhost/callback", "http://127.0.0.1/callback"])
        answer = await authorize(w, client_id, redirect_uri="http://localhost:51234/callback")
        assert answer.status_code == 303
        assert "/-/login" in answer.headers["location"]


@pytest.mark.requirement("A14")
async def test_a_document_is_asked_for_again_only_when_it_is_no_longer_fresh(tmp_path):
    async with door_and_host(tmp_path) as (w, host):
        client_id = publish(host, headers={"cache_control": "max-age=3600"})
        await asyncio.gather(*(authorize(w, client_id) for _ in range(10)))
        assert host.asked("/client.json") == 1
        w.clock.advance(3599)
        assert (await authorize(w, client_id)).status_code == 303
        assert host.asked("/client.json") == 1
        w.clock.advance(1)
        assert (await authorize(w, client_id)).status_code == 303
        assert host.asked("/client.json") == 2


async def test_another_process_knows_the_client_from_the_store(tmp_path):
    clock = FixedClock()
    async with door_and_host(tmp_path, clock=clock) as (w, host):
        client_id = publish(host)
        code = await w.code(client_id)
    # The host is gone, and so is the first process.
    async with world(tmp_path, clock=clock, fetcher=local_fetcher()) as w:
        tokens = await w.redeem(client_id, code)
        assert tokens.status_code == 200
        assert (await authorize(w, client_id)).status_code == 303


async def test_a_host_that_is_down_does_not_shut_out_a_client_that_was_good_today(tmp_path):
    async with door_and_host(tmp_path) as (w, host):
        client_id = publish(host)
        await w.code(client_id)
        host.answers["/client.json"] = response(b"", 503)
        w.clock.advance(601)
        assert (await authorize(w, client_id)).status_code == 303
        w.clock.advance(24 * 3600)
        assert (await authorize(w, client_id)).status_code == 400


@pytest.mark.requirement("R-07")
@pytest.mark.parametrize(
    "answer",
    [
        response(b"", 301, location="https://client.example/other.json"),
        response(b"", 302, location="http://169.254.169.254/"),
        response(b"", 404),
        response(b"", 410),
        response(b"", 204),
        response(b"", 206),
        response(b"", 500),
        response(b"<html>", content_type="text/html"),
        response(b"{}", content_type="text/plain"),
        response(b"{}", content_type=""),
        response(b"{}"),
        response(b"{"),
        response(b"[]"),
        response(b"x" * 5121),
        response(b"[" * 5000),
        b"HTTP/1.1 200 OK\r\ncontent-length: 5000000000\r\n\r\n",
        b"nonsense",
    ],
    ids=lambda _: "answer",
)
async def test_a_bad_answer_is_a_page_for_the_person_and_never_stored(tmp_path, answer):
    async with door_and_host(tmp_path) as (w, host):
        client_id = host.url("/client.json")
        host.answers["/client.json"] = answer
        refused = await authorize(w, client_id)
        assert refused.status_code == 400
        assert "location" not in refused.headers
        assert refused.headers["content-type"].startswith("text/html")
        assert HOST in refused.text
        assert await w.door.store.get(Client, client_id) is None


@pytest.mark.requirement("R-07")
async def test_a_bad_document_is_remembered_for_less_than_a_minute(tmp_path):
    async with door_and_host(tmp_path) as (w, host):
        client_id = publish(host, client_secret="hush")
        for _ in range(5):
            assert (await authorize(w, client_id)).status_code == 400
        assert host.asked("/client.json") == 1
        publish(host)
        w.clock.advance(30)
        assert (await authorize(w, client_id)).status_code == 303


@pytest.mark.requirement("R-08")
async def test_codes_are_void_once_the_document_names_other_redirect_uris(tmp_path):
    async with door_and_host(tmp_path) as (w, host):
        client_id = publish(host, headers={"cache_control": "no-store"})
        good, void = await w.code(client_id), await w.code(client_id)
        assert (await w.redeem(client_id, good)).status_code == 200
        publish(host, redirect_uris=[REDIRECT_URI, "https://evil.example/callback"])
        w.clock.advance(31)
        refused = await w.redeem(client_id, void)
        assert refused.json()["error"] == "invalid_grant"
        assert (await w.redeem(client_id, await w.code(client_id))).status_code == 200


@pytest.mark.requirement("R-08")
async def test_a_user_who_was_asked_before_the_change_is_asked_again(tmp_path):
    async with door_and_host(tmp_path) as (w, host):
        client_id = publish(host, headers={"cache_control": "no-store"})
        async with w.browser() as browser:
            page = await w.sign_in(browser, client_id)
            publish(host, redirect_uris=[REDIRECT_URI, "https://evil.example/callback"])
            w.clock.advance(31)
            assert (await authorize(w, client_id)).status_code == 303
            refused = await w.submit(browser, page, decision="approve")
            assert refused.status_code == 400
            assert "has changed" in refused.text


@pytest.mark.requirement("R-08")
async def test_a_client_that_turns_to_keys_can_no_longer_go_without(tmp_path):
    async with door_and_host(tmp_path) as (w, host):
        client_id = publish(host, headers={"cache_control": "no-store"})
        tokens = (await w.redeem(client_id, await w.code(client_id))).json()
        publish(host, token_endpoint_auth_method="private_key_jwt", jwks=public(KEY))
        w.clock.advance(31)
        await authorize(w, client_id)
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert (await w.token(client_id=client_id, **form)).json()["error"] == "invalid_client"
        assert (await w.token(**form, **proof(w, client_id))).status_code == 200


@pytest.mark.requirement("R-06")
@pytest.mark.parametrize(
    "client_id",
    [
        "https://127.0.0.1/client.json",
        "https://localhost/client.json",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/client.json",
        "https://[::ffff:127.0.0.1]/client.json",
        "https://2130706433/client.json",
        "https://inside.example/client.json",
        "https://user@client.example/client.json",
        "https://client.example\\@127.0.0.1/client.json",
        "https://client.example",
        "https://client.example/",
        "https://client.example/../etc/passwd",
        "https://client.example/client.json#x",
    ],
)
async def test_no_client_id_makes_the_door_reach_inside(tmp_path, client_id):
    async with listening(None) as canary:
        switchboard = Switchboard(canary.port)
        names = Names(
            localhost=[["127.0.0.1"]], inside_example=[["10.0.0.5"]], client_example=[["192.168.0.9", "8.8.8.8"]]
        )
        fetcher = Fetcher(resolver=names, dialer=switchboard)
        async with world(tmp_path, fetcher=fetcher) as w:
            refused = await authorize(w, client_id)
        assert refused.status_code == 400
        assert switchboard.dialled == []
        assert canary.connections == 0


@pytest.mark.requirement("R-06", weak=True)
async def test_the_canary_would_be_reached_without_the_check_of_addresses(tmp_path):
    class Unchecked(Fetcher):
        def _check(self, address: str) -> None: ...

    async with listening(None) as canary:
        names = Names(inside_example=[["10.0.0.5"]])
        fetcher = Unchecked(resolver=names, dialer=Switchboard(canary.port))
        async with world(tmp_path, fetcher=fetcher) as w:
            await authorize(w, "https://inside.example/client.json")
        assert canary.connections == 1


@pytest.mark.requirement("R-09")
async def test_many_client_ids_of_one_host_do_not_become_many_requests_to_it(tmp_path):
    async with door_and_host(tmp_path, limit_authorizations_per_minute=0) as (w, host):
        answers = [await authorize(w, host.url(f"/{number}.json")) for number in range(60)]
        assert {answer.status_code for answer in answers} == {400}
        assert host.connections == 20


@pytest.mark.requirement("R-09")
async def test_a_flood_of_ids_on_its_host_does_not_shut_out_a_client_that_is_known(tmp_path):
    async with door_and_host(tmp_path, limit_authorizations_per_minute=0) as (w, host):
        client_id = publish(host, headers={"cache_control": "no-store"})
        assert (await authorize(w, client_id)).status_code == 303
        for number in range(20):
            await authorize(w, host.url(f"/{number}.json"))
        publish(host, headers={"cache_control": "no-store"}, client_name="Renamed")
        w.clock.advance(31)
        assert (await authorize(w, client_id)).status_code == 303
        assert (await w.door.store.get(Client, client_id)).record.client_name == "Renamed"


async def test_a_host_that_is_not_on_the_list_is_not_asked(tmp_path):
    async with door_and_host(tmp_path, metadata_document_hosts=["claude.ai"]) as (w, host):
        refused = await authorize(w, publish(host))
        assert refused.status_code == 400
        assert "not accepted here" in refused.text
        assert host.connections == 0


async def test_with_an_empty_list_documents_are_neither_taken_nor_advertised(tmp_path):
    async with door_and_host(tmp_path, metadata_document_hosts=[]) as (w, host):
        assert (await authorize(w, publish(host))).status_code == 400
        assert host.connections == 0
        async with w.browser() as http:
            metadata = (await http.get("/.well-known/oauth-authorization-server")).json()
        assert "client_id_metadata_document_supported" not in metadata


async def test_a_larger_document_is_read_where_the_operator_allows_it(tmp_path):
    padding = {"note": "x" * 20_000}
    async with door_and_host(tmp_path / "a") as (w, host):
        assert (await authorize(w, publish(host, **padding))).status_code == 400
    async with door_and_host(tmp_path / "b", metadata_document_limit_bytes=65_536) as (w, host):
        assert (await authorize(w, publish(host, **padding))).status_code == 303


async def test_a_token_request_of_a_stranger_asks_nobody_for_a_document(tmp_path):
    async with door_and_host(tmp_path) as (w, host):
        client_id = publish(host)
        refused = await w.redeem(client_id, "dwc_unknown")
        assert refused.json()["error"] == "invalid_client"
        assert host.connections == 0


async def test_a_client_that_describes_itself_may_push_its_first_request(tmp_path):
    async with door_and_host(tmp_path) as (w, host), w.browser() as browser:
        client_id = publish(host, token_endpoint_auth_method="private_key_jwt", jwks=public(KEY))
        pushed = await browser.post(
            "/par", data=w.authorize_parameters(client_id) | proof(w, client_id, aud=f"{ISSUER}/par")
        )
        assert pushed.status_code == 201, pushed.text
        reference = {"client_id": client_id, "request_uri": pushed.json()["request_uri"]}
        assert (await browser.get("/authorize", params=reference)).status_code == 303
        unknown = host.url("/unknown.json")
        refused = await browser.post("/par", data=w.authorize_parameters(unknown))
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


async def keyed_code(w: World, client_id: str, **claims) -> httpx2.Response:
    form = {
        "grant_type": "authorization_code",
        "code": await w.code(client_id),
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
    }
    return await w.token(**form, **proof(w, client_id, **claims))


@pytest.mark.requirement("A13")
async def test_keys_at_a_url_are_fetched_once_and_again_for_a_new_key(tmp_path):
    async with door_and_host(tmp_path) as (w, host):
        keys = {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": host.url("/jwks.json")}
        client_id = publish(host, **keys)
        host.answers["/jwks.json"] = response(json.dumps(public(KEY)).encode())
        assert (await keyed_code(w, client_id, jti="1")).status_code == 200
        assert (await keyed_code(w, client_id, jti="2")).status_code == 200
        assert host.asked("/jwks.json") == 1
        host.answers["/jwks.json"] = response(json.dumps(public(OTHER_KEY)).encode())
        w.clock.advance(61)
        assert (await keyed_code(w, client_id, key=OTHER_KEY, jti="3")).status_code == 200
        assert host.asked("/jwks.json") == 2


async def test_unknown_keys_do_not_make_the_door_ask_again_and_again(tmp_path):
    async with door_and_host(tmp_path) as (w, host):
        keys = {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": host.url("/jwks.json")}
        client_id = publish(host, **keys)
        host.answers["/jwks.json"] = response(json.dumps(public(KEY)).encode())
        for number in range(8):
            form = {"grant_type": "refresh_token", "refresh_token": "dwr_x"}
            refused = await w.token(**form, **proof(w, client_id, OTHER_KEY, jti=str(number)))
            assert refused.json()["error"] == "invalid_client"
        await authorize(w, client_id)
        for number in range(8):
            refused = await w.token(**form, **proof(w, client_id, OTHER_KEY, jti=str(number)))
            assert refused.json()["error"] == "invalid_client"
        assert host.asked("/jwks.json") == 1


async def test_keys_that_cannot_be_had_now_are_no_verdict_about_the_client(tmp_path):
    async with door_and_host(tmp_path) as (w, host):
        keys = {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": host.url("/jwks.json")}
        client_id = publish(host, **keys)
        host.answers["/jwks.json"] = response(b"", 503)
        unavailable = await keyed_code(w, client_id)
        assert unavailable.status_code == 503
        assert unavailable.json()["error"] == "temporarily_unavailable"
        assert "retry-after" in unavailable.headers
        host.answers["/jwks.json"] = response(json.dumps({"keys": [KEY.as_dict(private=True)]}).encode())
        refused = await keyed_code(w, client_id)
        assert refused.json()["error"] == "invalid_client"
