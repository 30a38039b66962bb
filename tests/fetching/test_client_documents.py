"""Documents and keys of clients between the store, the cache and a host that changes its mind."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import replace

import msgspec
import pytest
from fetching.hostile import Host, listening, local_fetcher, response
from joserfc.jwk import ECKey
from oauth.given import ISSUER, RESOURCE, a_client

from doorward.clock import FixedClock
from doorward.fetching.budget import HostBudget
from doorward.fetching.client_documents import REFUSED_SECONDS, FetchedClientDocuments
from doorward.fetching.errors import FetchError
from doorward.oauth.clients.assertion import Assertion
from doorward.oauth.errors import InvalidClient, LocalAuthorizationError, Reason
from doorward.oauth.policy import Policy, Resource, by_uri
from doorward.records.changes import Insert, Replace
from doorward.records.oauth import Client
from doorward.storage.memory import MemoryStore

POLICY = Policy(ISSUER, by_uri(Resource(RESOURCE, "mcp", ("mcp",))))
ONE, TWO = (ECKey.generate_key("P-256", {"kid": kid}, private=True) for kid in ("one", "two"))
REDIRECT_URIS = ["https://client.example/callback"]


@asynccontextmanager
async def documents(policy: Policy = POLICY):
    store, clock = MemoryStore(), FixedClock()
    await store.open()
    async with listening() as host:
        fetcher = local_fetcher(budget=HostBudget(10_000))
        yield FetchedClientDocuments(policy, store, clock, fetcher), host, clock
    await store.close()


def publish(host: Host, path: str = "/c.json", **changes) -> str:
    url = host.url(path)
    said = {"client_id": url, "client_name": "Notes", "redirect_uris": REDIRECT_URIS} | changes
    host.answers[path] = response(json.dumps(said).encode(), cache_control="max-age=60")
    return url


def publish_keys(host: Host, *keys: ECKey) -> None:
    body = json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()
    host.answers["/jwks.json"] = response(body, cache_control="max-age=600", content_type="application/jwk-set+json")


def signed_by(kid: str) -> Assertion:
    return Assertion("a.b.c", "ES256", kid, {}, "c1")


def keyed(host: Host):
    return a_client(token_endpoint_auth_method="private_key_jwt", jwks_uri=host.url("/jwks.json"))


async def test_a_client_that_an_operator_added_under_a_url_is_not_asked_for():
    async with documents() as (known, host, _):
        client_id = host.url("/c.json")
        added = a_client(client_id=client_id)
        await known.store.apply([Insert(added)])
        stored = await known.client(client_id)
        assert stored is not None
        assert stored.record == added
        assert host.connections == 0


async def test_what_happened_to_a_client_survives_that_its_document_is_read_again():
    async with documents() as (known, host, clock):
        first = await known.client(publish(host))
        assert first is not None
        clock.advance(61)
        again = await known.client(publish(host, client_name="Notes 2"))
        assert again is not None
        assert (again.record.client_name, again.record.created_at) == ("Notes 2", first.record.created_at)
        assert again.record.expires_at == clock.now() + 86_400


async def test_a_document_that_is_gone_counts_at_once_and_one_that_cannot_be_reached_after_a_day():
    async with documents() as (known, host, clock):
        client_id = publish(host)
        await known.client(client_id)
        clock.advance(61)
        host.answers["/c.json"] = response(b"", 502)
        assert await known.client(client_id) is not None
        host.answers["/c.json"] = response(b"", 404)
        with pytest.raises(LocalAuthorizationError) as refused:
            await known.client(client_id)
        assert refused.value.reason is Reason.METADATA_DOCUMENT_UNAVAILABLE


async def test_refusals_are_remembered_for_a_while_and_only_so_many():
    async with documents() as (known, host, clock):
        for number in range(1100):
            with pytest.raises(LocalAuthorizationError):
                await known.client(f"https://no-such-host.example/{number}")
        lookups = len(known.fetcher.resolver.lookups)
        for number, asked_again in ((1099, 0), (0, 1)):
            with pytest.raises(LocalAuthorizationError):
                await known.client(f"https://no-such-host.example/{number}")
            assert len(known.fetcher.resolver.lookups) == lookups + asked_again
        clock.advance(REFUSED_SECONDS)
        with pytest.raises(LocalAuthorizationError):
            await known.client("https://no-such-host.example/1099")
        assert len(known.fetcher.resolver.lookups) == lookups + 2
        assert host.connections == 0


async def test_a_client_without_an_address_for_keys_has_none():
    async with documents() as (known, _, _clock):
        assert await known.keys(a_client(), signed_by("one")) == ()


async def test_a_new_key_is_found_and_a_host_that_is_down_does_not_lose_the_old_one():
    async with documents() as (known, host, clock):
        publish_keys(host, ONE)
        client = keyed(host)
        assert [key["kid"] for key in await known.keys(client, signed_by("one"))] == ["one"]
        publish_keys(host, ONE, TWO)
        assert [key["kid"] for key in await known.keys(client, signed_by("two"))] == ["one"]
        clock.advance(60)
        assert [key["kid"] for key in await known.keys(client, signed_by("two"))] == ["one", "two"]
        clock.advance(600)
        host.answers["/jwks.json"] = response(b"", 503)
        for _ in range(3):
            assert [key["kid"] for key in await known.keys(client, signed_by("two"))] == ["one", "two"]
        assert host.asked("/jwks.json") == 3
        clock.advance(2 * 86_400)
        with pytest.raises(FetchError):
            await known.keys(client, signed_by("two"))


@pytest.mark.parametrize(
    "answer",
    [
        response(b"", 404),
        response(b"{"),
        response(b"{}"),
        response(b"<html>", content_type="text/html"),
        response(b"", 302, location="https://client.example/other"),
        response(b"x" * 70_000),
    ],
    ids=lambda _: "answer",
)
async def test_an_answer_that_holds_no_keys_is_a_verdict(answer):
    async with documents() as (known, host, _):
        host.answers["/jwks.json"] = answer
        with pytest.raises(InvalidClient) as refused:
            await known.keys(keyed(host), signed_by("one"))
        assert refused.value.reason is Reason.CLIENT_KEYS_UNAVAILABLE


async def test_clients_that_describe_themselves_take_the_places_of_unused_ones():
    async with documents(replace(POLICY, unused_clients_limit=5)) as (known, host, _):
        used = await known.client(publish(host, "/used.json"))
        grown = msgspec.structs.replace(used.record, used_at=1)
        await known.store.apply([Replace(grown, used.version)])
        for number in range(30):
            assert await known.client(publish(host, f"/{number}.json")) is not None
        stored = [each.record for each in await known.store.find(Client)]
        assert sum(each.used_at is None for each in stored) <= 5
        assert grown in stored
        # One that had to make room is asked for again.
        assert await known.client(host.url("/0.json")) is not None


async def test_clients_that_are_read_again_and_again_do_not_outgrow_the_places():
    async with documents(replace(POLICY, unused_clients_limit=3)) as (known, host, clock):
        for _ in range(12):
            for number in range(6):
                await known.client(publish(host, f"/{number}.json"))
            clock.advance(8 * 3600)
            await known.store.purge(clock.now() - 24 * 3600)
            assert len(await known.store.find(Client)) <= 3
