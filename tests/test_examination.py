"""A door that looks at itself through what stands in front of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager

import httpx2
import pytest
from world import ISSUER, RESOURCE, world

from doorward import examination
from doorward.config.load import load_here
from doorward.doctor.engine.requests import Request, Response
from doorward.doctor.own_door import examine_own
from doorward.installation import Installation
from doorward.records.doors import DoorExamination

Proxy = Callable[[Request, Callable[[Request], Awaitable[Response]]], Awaitable[Response]]
PEER = "10.0.0.9"


def through(door, proxy: Proxy) -> Callable[[Request], Awaitable[Response]]:
    """Ask a door by way of a proxy at another address."""

    async def ask(request: Request) -> Response:
        transport = httpx2.ASGITransport(door, client=(PEER, 1234))
        async with httpx2.AsyncClient(transport=transport) as http:
            answer = await http.request(request.method, request.url, headers=request.headers, content=request.body)
        return Response(answer.status_code, dict(answer.headers), answer.content)

    return lambda request: proxy(request, ask)


async def unchanged(request, ask):
    return await ask(request)


async def strips_credentials(request, ask):
    kept = {name: value for name, value in request.headers.items() if name != "authorization"}
    return await ask(Request(request.method, request.url, kept, request.body))


async def forwards(request, ask):
    return await ask(Request(request.method, request.url, {**request.headers, "x-forwarded-for": "192.0.2.7"}))


async def passes_the_door_alone(request, ask):
    wanted = request.url.startswith(RESOURCE) or "/.well-known/" in request.url
    return await ask(request) if wanted else Response(404, {"content-type": "text/html"}, b"<h1>Not Found</h1>")


async def rewrites_documents(request, ask):
    answer = await ask(request)
    if "oauth-authorization-server" not in request.url:
        return answer
    return Response(answer.status, answer.headers, answer.body.replace(b'","', b'", "'))


async def redirects_to_a_slash(request, ask):
    if request.url == RESOURCE:
        return Response(307, {"location": RESOURCE + "/"})
    return await ask(request)


async def leads_elsewhere(request, ask):
    return Response(200, {"content-type": "text/html"}, b"<title>Welcome to nginx</title>")


async def nothing_answers(request, ask):
    return Response(0, fault="unreachable", sentence="Its host could not be reached.")


@asynccontextmanager
async def opened(tmp_path, **settings):
    async with world(tmp_path, **settings) as here:
        door = here.door
        yield door, examination.own_door(door.running.installation, door.config.doors[0])


@pytest.mark.parametrize(
    ("proxy", "settings", "expected"),
    [
        (unchanged, {}, set()),
        (unchanged, {"auth": "token"}, set()),
        (strips_credentials, {}, {("NET-03", "broken")}),
        (forwards, {}, {("NET-06", "risk")}),
        (forwards, {"trusted_proxies": (PEER,)}, set()),
        (unchanged, {"trusted_proxies": (PEER,)}, {("NET-06", "risk")}),
        (passes_the_door_alone, {}, {("TRN-09", "broken")}),
        (rewrites_documents, {}, {("DSC-10", "broken")}),
        (nothing_answers, {}, {("TLS-02", "risk")}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_what_stands_in_front_of_a_door_is_found(tmp_path, proxy, settings, expected):
    async with opened(tmp_path, **settings) as (door, own):
        report = await examine_own(own, through(door, proxy))
    assert {(each.rule, each.verdict) for each in report.findings} == expected
    assert not report.crashed


@pytest.mark.parametrize(("proxy", "rule"), [(redirects_to_a_slash, "TRN-01"), (leads_elsewhere, "NET-04")])
async def test_what_a_client_would_stumble_over_comes_first(tmp_path, proxy, rule):
    async with opened(tmp_path) as (door, own):
        report = await examine_own(own, through(door, proxy))
    assert report.findings[0].rule == rule


async def test_the_newest_examination_is_kept(tmp_path):
    async with opened(tmp_path) as (door, own):
        for proxy in (nothing_answers, strips_credentials):
            await examination.keep(door.store, door.clock, "mcp", await examine_own(own, through(door, proxy)))
        kept = await door.store.get(DoorExamination, "mcp")
    assert kept is not None
    assert kept.record.url == RESOURCE
    assert b"NET-03" in kept.record.report
    assert b"TLS-02" not in kept.record.report


async def test_how_requests_arrive_is_told_to_nobody_else(tmp_path):
    async with world(tmp_path) as here, here.browser() as http:
        proof = examination.own_door(here.door.running.installation, here.door.config.doors[0]).arrival.headers[
            "x-doorward-proof"
        ]
        url = f"{ISSUER}/-/arrival"
        good = await http.get(url, headers={"x-doorward-proof": proof})
        for other in ("", "AAAA", "é", proof[:-4] + "AAAA", "-" * 200):
            refused = await http.get(url, headers={"x-doorward-proof": other.encode()})
            assert refused.status_code == 404
        here.clock.advance(61)
        late = await http.get(url, headers={"x-doorward-proof": proof})
        here.clock.advance(-61 - 5)
        behind = await http.get(url, headers={"x-doorward-proof": proof})
    assert good.status_code == 200
    assert behind.status_code == 200  # another node, whose clock is some seconds behind
    assert good.json()["host"] == "mcp.example.com"
    assert late.status_code == 404


async def test_a_door_asks_for_no_document_of_another(tmp_path):
    (tmp_path / "doorward.toml").write_text(
        '[doors.one]\ntarget = "https://one.example/mcp"\n[doors.two]\ntarget = "https://two.example/mcp"\n'
    )
    config = load_here({"config": str(tmp_path / "doorward.toml"), "data_dir": str(tmp_path / "data")}).config
    here = await Installation.open(config)
    documents = {each.name: examination.own_door(here, each).documents for each in config.doors}
    await here.close()
    assert "/.well-known/oauth-protected-resource/one/mcp" in documents["one"]
    assert not any("protected-resource/two" in path for path in documents["one"])
    assert "/.well-known/oauth-authorization-server" in documents["one"].keys() & documents["two"].keys()


async def test_a_door_that_is_gone_is_forgotten(tmp_path):
    async with opened(tmp_path) as (door, own):
        report = await examine_own(own, through(door, unchanged))
        for name in ("mcp", "old"):
            await examination.keep(door.store, door.clock, name, report)
        await examination.forget_others(door.store, ["mcp"])
        assert [each.record.name for each in await door.store.find(DoorExamination)] == ["mcp"]


BELOW = f"{ISSUER}/team"


async def passes_the_path_alone(request, ask):
    return await ask(request) if request.url.startswith(f"{BELOW}/") else Response(404, {}, b"")


async def shows_a_page_elsewhere(request, ask):
    page = Response(200, {"content-type": "text/html"}, b"<title>Another application</title>")
    return await ask(request) if request.url.startswith(f"{BELOW}/") else page


async def test_a_door_below_a_path_finds_nothing_if_its_host_passes_everything_on(tmp_path):
    async with opened(tmp_path, public_url=BELOW) as (door, own):
        report = await examine_own(own, through(door, unchanged))
    assert report.findings == ()
    assert not report.crashed


@pytest.mark.parametrize(("proxy", "rule"), [(passes_the_path_alone, "DSC-06"), (shows_a_page_elsewhere, "DSC-05")])
async def test_a_door_below_a_path_names_each_document_that_its_host_does_not_pass_on(tmp_path, proxy, rule):
    async with opened(tmp_path, public_url=BELOW) as (door, own):
        report = await examine_own(own, through(door, proxy))
    [finding] = [each for each in report.findings if each.rule == rule]
    for path in ("oauth-protected-resource/team/mcp", "oauth-authorization-server/team", "openid-configuration/team"):
        assert f"{ISSUER}/.well-known/{path}" in finding.summary
    assert not report.crashed
