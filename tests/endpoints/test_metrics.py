"""What the process reports to a metrics collector, and to no one else."""

from __future__ import annotations

import httpx2
import pytest
from world import world

from doorward.endpoints.metrics import Family, render

PEER = ("127.0.0.1", 4711)


async def metrics(w, *, peer=PEER, host="127.0.0.1:8000", headers=None, method="GET") -> httpx2.Response:
    transport = httpx2.ASGITransport(w.door, client=peer)
    async with httpx2.AsyncClient(transport=transport, base_url=f"http://{host}") as http:
        return await http.request(method, "/metrics", headers=headers)


def samples(page: httpx2.Response) -> dict[str, int]:
    assert page.status_code == 200, page.text
    lines = [line for line in page.text.splitlines() if not line.startswith("#")]
    return {name: int(value) for name, _, value in (line.rpartition(" ") for line in lines)}


@pytest.mark.parametrize(
    ("labels", "common", "line"),
    [
        ({}, {}, "x_total 3"),
        ({"a": "b"}, {}, 'x_total{a="b"} 3'),
        ({}, {"worker": "1"}, 'x_total{worker="1"} 3'),
        ({"a": 'q"\\\n'}, {"worker": "1"}, 'x_total{a="q\\"\\\\\\n",worker="1"} 3'),
    ],
)
def test_a_sample_is_written_as_the_format_says(labels, common, line):
    page = render([Family("x_total", "counter", "Of x.", [(labels, 3)])], common)
    assert page == f"# HELP x_total Of x.\n# TYPE x_total counter\n{line}\n"


@pytest.mark.requirement("F-17")
async def test_requests_answers_grants_and_sign_ins_are_counted_by_words_of_ours(tmp_path):
    async with world(tmp_path) as w:
        client_id = await w.known_client()
        code = await w.code(client_id)
        granted = (await w.redeem(client_id, code)).json()
        await w.call(granted["access_token"])
        await w.call(granted["access_token"])
        await w.call(None)
        await w.call("dwa_stranger")
        async with w.browser() as http:
            await http.get("/made-up/by-a-stranger")
            await http.request("BREW", "/token")
            await http.get("/mcp", headers={"origin": "https://evil.example"})
        page = await metrics(w)
        counted = samples(page)
    assert page.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert counted['doorward_requests_total{door="mcp",outcome="served",status="2xx",era="legacy",reason=""}'] == 2
    refused = 'doorward_requests_total{{door="mcp",outcome="refused",status="4xx",era="",reason="{}"}}'
    assert counted[refused.format("no_token")] == 1
    assert (
        counted['doorward_requests_total{door="mcp",outcome="refused",status="4xx",era="",reason="malformed_token"}']
        == 1
    )
    assert counted[refused.format("origin")] == 1
    assert counted['doorward_token_requests_granted_total{grant_type="authorization_code"}'] == 1
    assert counted['doorward_sign_ins_total{outcome="ok"}'] == 1
    assert counted['doorward_answers_total{endpoint="/token",method="POST",status="2xx"}'] == 1
    assert counted['doorward_answers_total{endpoint="/token",method="other",status="4xx"}'] == 1
    assert counted['doorward_answers_total{endpoint="other",method="GET",status="4xx"}'] == 1
    assert counted['doorward_open_streams{door="mcp"}'] == 0
    assert "process_start_time_seconds" in counted
    for chosen_by_a_stranger in ("stranger", "BREW", "evil", client_id):
        assert chosen_by_a_stranger not in page.text


async def test_a_wrong_password_is_counted_as_one(tmp_path):
    async with world(tmp_path) as w, w.browser() as browser:
        page = await browser.get("/authorize", params=w.authorize_parameters(await w.known_client()))
        page = await browser.get(page.headers["location"])
        await w.submit(browser, page, username="owner", password="wrong")
        assert samples(await metrics(w))['doorward_sign_ins_total{outcome="failed"}'] == 1


@pytest.mark.parametrize(
    "asked",
    [
        {"peer": ("192.0.2.7", 1)},
        {"host": "mcp.example.com"},
        {"host": "rebound.example"},
        {"headers": {"x-forwarded-for": "127.0.0.1"}},
        {"headers": {"forwarded": "for=127.0.0.1"}},
        {"headers": {"via": "1.1 proxy"}},
    ],
)
async def test_strangers_and_whatever_a_proxy_forwards_find_nothing(tmp_path, asked):
    async with world(tmp_path) as w:
        answer = await metrics(w, **asked)
        assert (await metrics(w)).status_code == 200
    assert answer.status_code == 404
    assert answer.json()["error"] == "not_found"


@pytest.mark.parametrize("host", ["localhost:8000", "[::1]:8000", "10.1.2.3", "doorward:8000", "metrics.inside"])
async def test_a_collector_may_use_an_address_or_a_name_of_the_inside(tmp_path, host):
    settings = {"metrics_from": ["10.0.0.0/8"], "allowed_hosts": ["metrics.inside"]}
    async with world(tmp_path, **settings) as w:
        assert (await metrics(w, peer=("10.9.9.9", 1), host=host)).status_code == 200
        assert (await metrics(w, host=host)).status_code == 404


async def test_an_empty_list_switches_it_off(tmp_path):
    async with world(tmp_path, metrics_from=[]) as w:
        assert (await metrics(w)).status_code == 404
        assert (await metrics(w, method="POST")).status_code == 404


async def test_each_of_several_workers_names_itself(tmp_path):
    async with world(tmp_path, worker_id="0a1b2c3d") as w:
        assert samples(await metrics(w))['doorward_open_streams{door="mcp",worker="0a1b2c3d"}'] == 0


async def test_the_door_without_sign_in_is_counted_too(tmp_path):
    async with world(tmp_path, auth="none", allow_public_without_auth=True) as w:
        await w.call(None)
        assert samples(await metrics(w))[
            'doorward_requests_total{door="mcp",outcome="served",status="2xx",era="legacy",reason=""}'
        ]
