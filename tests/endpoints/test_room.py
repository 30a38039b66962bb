"""Every path on which a stranger makes the store keep something has a bound. The clock stands still.

Each route of the router is in one of the two tables, so a new route fails here until somebody has said which it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
from edge.test_limits import caller
from endpoints.documents import door_and_host, publish
from endpoints.operator_clients import operator_client
from world import REDIRECT_URI, VERIFIER, World, follow, form_of

from doorward.oauth.grant_types import DEVICE_CODE
from doorward.records.audit import AuditEntry, AuditHead
from doorward.records.doors import DoorExamination, ServingProcess
from doorward.records.kinds import RECORD_TYPES

LIMIT = 2
OF_ADDRESS = 5 * LIMIT
SENT = 40
SETTINGS = {
    "device_grant": True,
    "limit_registrations_per_minute": LIMIT,
    "limit_authorizations_per_minute": LIMIT,
    "limit_sign_ins_per_minute": OF_ADDRESS,
    "unused_clients_limit": 1_000,
}
Send = Callable[[httpx2.AsyncClient, int], Awaitable[httpx2.Response]]


async def registering(w: World, host: Any) -> Send:
    def send(http, number):
        return http.post("/register", json={"redirect_uris": [REDIRECT_URI], "client_name": f"Client {number}"})

    return send


async def replacing(w: World, host: Any) -> Send:
    client = await w.register(token_endpoint_auth_method="client_secret_basic")

    def send(http, number):
        headers = {"authorization": f"Bearer {client['registration_access_token']}"}
        body = {"client_id": client["client_id"], "redirect_uris": [REDIRECT_URI], "client_name": f"Client {number}"}
        return http.put(f"/register/{client['client_id']}", json=body, headers=headers)

    return send


async def authorizing(w: World, host: Any) -> Send:
    client = (await w.register())["client_id"]
    return lambda http, number: http.get("/authorize", params=w.authorize_parameters(client, state=str(number)))


async def authorizing_as_hosted_clients(w: World, host: Any) -> Send:
    clients = [publish(host, f"/{number}.json") for number in range(SENT)]
    return lambda http, number: http.get("/authorize", params=w.authorize_parameters(clients[number]))


async def pushing(w: World, host: Any) -> Send:
    client = (await w.register())["client_id"]
    return lambda http, number: http.post("/par", data=w.authorize_parameters(client, state=str(number)))


async def pushing_as_hosted_clients(w: World, host: Any) -> Send:
    clients = [publish(host, f"/{number}.json") for number in range(SENT)]
    return lambda http, number: http.post("/par", data=w.authorize_parameters(clients[number]))


async def beginning_on_a_device(w: World, host: Any) -> Send:
    client = await operator_client(w, DEVICE_CODE)
    return lambda http, number: http.post("/device_authorization", data=client)


async def beginning_on_devices_of_many_clients(w: World, host: Any) -> Send:
    clients = [await operator_client(w, DEVICE_CODE) for _ in range(SENT)]
    return lambda http, number: http.post("/device_authorization", data=clients[number])


async def signing_in(w: World, host: Any) -> Send:
    async def send(http, number):
        page = await follow(http, await http.get("/-/connections"))
        action, fields = form_of(page)
        return await http.post(action, data=fields | {"username": f"name {number}", "password": "wrong"})

    return send


KEEPS: dict[tuple[str, str], list[tuple[Callable[[World, Any], Awaitable[Send]], int]]] = {
    ("POST", "/register"): [(registering, OF_ADDRESS)],
    ("PUT", "/register/"): [(replacing, OF_ADDRESS)],
    ("GET", "/authorize"): [(authorizing, LIMIT), (authorizing_as_hosted_clients, OF_ADDRESS)],
    ("POST", "/par"): [(pushing, LIMIT), (pushing_as_hosted_clients, OF_ADDRESS)],
    ("POST", "/device_authorization"): [
        (beginning_on_a_device, LIMIT),
        (beginning_on_devices_of_many_clients, OF_ADDRESS),
    ],
    ("POST", "/-/login"): [(signing_in, OF_ADDRESS)],
}
"""What a stranger sends, and how many of 40 requests from one address may be accepted."""
KEEPS_NOTHING = {
    ("GET", "/-/login"): {},
    ("GET", "/-/consent"): {},
    ("GET", "/-/connections"): {},
    ("GET", "/-/device"): {},
    ("GET", "/-/static/pages.css"): {},
    ("GET", "/-/arrival"): {},
    ("GET", "/-/api/v1/connections"): {},
    ("DELETE", "/-/api/v1/connections"): {},
    ("GET", "/register/"): {},
    ("DELETE", "/register/"): {},
    ("POST", "/-/consent"): {"decision": "approve", "request": "x", "form_token": "x"},
    ("POST", "/-/connections"): {"client_id": "x", "form_token": "x"},
    ("POST", "/-/device"): {"user_code": "BCDF-GHJK", "form_token": "x"},
    ("POST", "/token"): {"grant_type": "authorization_code", "code": "x", "client_id": "x", "code_verifier": VERIFIER},
    ("POST", "/revoke"): {"token": "x", "client_id": "x"},
    ("POST", "/introspect"): {"token": "x", "client_id": "x"},
}
"""What a stranger sends to a route that keeps nothing of a stranger."""
PROBES = {"/livez", "/readyz", "/metrics"}
ROWS = [(*route, prepare, bound) for route, cases in KEEPS.items() for prepare, bound in cases]


async def kept(w: World) -> set[tuple[str, str]]:
    kinds = [each for each in RECORD_TYPES if each not in {AuditEntry, AuditHead, DoorExamination, ServingProcess}]
    return {(each.kind, stored.record.key) for each in kinds for stored in await w.door.store.find(each)}


async def send_all(w: World, send: Send) -> list[int]:
    statuses = []
    for number in range(SENT):
        async with caller(w, "203.0.113.7") as http:
            statuses.append((await send(http, number)).status_code)
    return statuses


@pytest.mark.parametrize(("method", "path", "prepare", "bound"), ROWS, ids=[row[2].__name__ for row in ROWS])
async def test_a_stranger_fills_no_more_room_than_the_bound(tmp_path, method, path, prepare, bound):
    del method, path
    async with door_and_host(tmp_path, **SETTINGS) as (w, host):
        w.door.fetcher.budget.per_minute = 1_000
        send = await prepare(w, host)
        before = await kept(w)
        statuses = await send_all(w, send)
        accepted = [each for each in statuses if each != 429]
        assert 0 < len(accepted) <= bound, statuses
        # A request adds a few records at most: its own, and those of its browser, client or place.
        assert len(await kept(w) - before) <= 4 * bound


@pytest.mark.parametrize(("route", "form"), KEEPS_NOTHING.items(), ids=[" ".join(route) for route in KEEPS_NOTHING])
async def test_a_route_that_keeps_nothing_of_a_stranger_keeps_nothing(tmp_path, route, form):
    method, path = route
    async with door_and_host(tmp_path, **SETTINGS) as (w, _):
        before = await kept(w)
        path += "nobody" if path.endswith("/") else ""

        def send(http, number):
            return http.request(method, path, **({"data": form} if method == "POST" else {}))

        await send_all(w, send)
        assert await kept(w) == before


async def test_every_route_is_in_one_of_the_tables(tmp_path):
    async with door_and_host(tmp_path, **SETTINGS) as (w, _):
        router = w.door.running.router
        table = {**router.routes, **router.prefixes}
        routes = {(method, path) for path in table for method in table[path]}
    routes = {each for each in routes if "/.well-known/" not in each[1] and each[1] not in PROBES}
    # HEAD runs the app of GET, so it may stand only beside one that keeps nothing.
    heads = {each for each in routes if each[0] == "HEAD"}
    assert {("GET", path) for _, path in heads} <= KEEPS_NOTHING.keys()
    assert routes - heads == KEEPS.keys() | KEEPS_NOTHING.keys()
