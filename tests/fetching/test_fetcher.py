from __future__ import annotations

import asyncio
import gzip
import ssl

import pytest
from fetching.hostile import CLIENT_TLS, HOST, Names, Switchboard, listening, local_fetcher, response
from oauth.test_addresses import SPELLINGS

from doorward.fetching.budget import HostBudget
from doorward.fetching.errors import FetchError
from doorward.fetching.fetcher import Fetcher


async def fault_of(fetcher: Fetcher, url: str, **options) -> str:
    with pytest.raises(FetchError) as refused:
        await fetcher.get(url, **options)
    return refused.value.fault


async def test_a_document_is_fetched_over_tls_from_the_checked_address():
    async with listening() as host:
        host.answers["/client.json?v=1"] = response(b'{"a":1}', cache_control="max-age=60")
        names = Names()
        fetched = await local_fetcher(resolver=names).get(host.url("/client.json?v=1"))
        assert (fetched.status, fetched.body, fetched.media_type) == (200, b'{"a":1}', "application/json")
        assert fetched.headers["cache-control"] == "max-age=60"
        (request,) = host.requests
        assert request.startswith(b"GET /client.json?v=1 HTTP/1.1\r\nhost: %s:%d\r\n" % (HOST.encode(), host.port))
        assert b"accept-encoding: identity\r\n" in request
        assert names.lookups == [HOST]


@pytest.mark.requirement("S-06")
async def test_nothing_of_the_environment_reaches_a_request(monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text(f"machine {HOST} login me password hush\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    async with listening() as host, listening(None) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        host.answers["/a"] = response(b"{}", set_cookie="a=b; Path=/")
        fetcher = local_fetcher()
        for _ in range(2):
            await fetcher.get(host.url("/a"))
        assert proxy.connections == 0
        for request in host.requests:
            assert b"cookie" not in request.lower()
            assert b"authorization" not in request.lower()


@pytest.mark.requirement("X4")
@pytest.mark.requirement("S-01")
async def test_no_spelling_of_an_inner_address_reaches_a_canary():
    async with listening(None) as canary:
        switchboard = Switchboard(canary.port)
        fetcher = Fetcher(resolver=Names(), dialer=switchboard, tls=CLIENT_TLS, budget=HostBudget(1000))
        faults = {await fault_of(fetcher, f"https://{spelling}:{canary.port}/x") for _, spelling in SPELLINGS}
        assert faults <= {"url", "blocked_address", "unresolved"}
        assert "blocked_address" in faults
        assert switchboard.dialled == []
        assert canary.connections == 0


@pytest.mark.requirement("S-01", weak=True)
async def test_the_canary_sings_when_the_address_check_is_missing():
    class Unchecked(Fetcher):
        def _check(self, address: str) -> None: ...

    async with listening() as canary:
        canary.answers["/x"] = response(b"{}")
        unchecked = Unchecked(resolver=Names(), dialer=Switchboard(canary.port), tls=CLIENT_TLS)
        await unchecked.get(canary.url("/x"))
        assert canary.connections == 1


@pytest.mark.parametrize(
    "addresses",
    [["10.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["8.8.8.8", "::1"], ["169.254.169.254"], ["fe80::1%2"], ["127.0.0.1"]],
)
@pytest.mark.requirement("S-02")
@pytest.mark.requirement("R-06")
async def test_one_inner_address_among_those_of_a_name_refuses_the_name(addresses):
    async with listening() as canary:
        switchboard = Switchboard(canary.port)
        fetcher = Fetcher(resolver=Names(client_example=[addresses]), dialer=switchboard, tls=CLIENT_TLS)
        assert await fault_of(fetcher, canary.url("/x")) == "blocked_address"
        assert switchboard.dialled == []


@pytest.mark.requirement("S-02")
async def test_a_name_that_changes_between_check_and_use_gains_nothing():
    async with listening() as canary:
        names = Names(client_example=[["8.8.8.8"], ["127.0.0.1"]] * 500)
        switchboard = Switchboard(canary.port)
        fetcher = Fetcher(resolver=names, dialer=switchboard, tls=CLIENT_TLS, budget=HostBudget(10_000))
        faults = {await fault_of(fetcher, canary.url(f"/{number}")) for number in range(1000)}
        # The one lookup is the one used: where it was public, that address was dialled, and the socket that turned
        # out to lead inside was refused before a byte was sent.
        assert faults == {"blocked_address"}
        assert len(names.lookups) == 1000
        assert set(switchboard.dialled) == {"8.8.8.8"}
        assert canary.requests == []


async def test_loopback_is_reached_in_development_only_and_nothing_else_inside():
    async with listening(None) as host:
        host.answers["/a"] = response(b"{}")
        assert (await local_fetcher().get(f"http://127.0.0.1:{host.port}/a")).status == 200
        assert await fault_of(Fetcher(resolver=Names()), f"http://127.0.0.1:{host.port}/a") == "url"
        assert await fault_of(local_fetcher(), "http://client.example/a") == "url"
        inside = local_fetcher(resolver=Names(client_example=[["192.168.1.1"]]))
        assert await fault_of(inside, "https://client.example/a") == "blocked_address"


@pytest.mark.requirement("S-03")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status):
    async with listening() as host:
        host.answers["/a"] = response(b"", status, location=host.url("/b"))
        host.answers["/b"] = response(b"{}")
        assert await fault_of(local_fetcher(), host.url("/a")) == "redirect"
        assert host.asked("/b") == 0


@pytest.mark.parametrize(
    "url",
    [
        "https://client.example\\@127.0.0.1/x",
        "https://client.example#@127.0.0.1/x",
        "https://user@client.example/x",
        "https://client.example:443@127.0.0.1/x",
        "https://client.example%2f@127.0.0.1/x",
        "https://client.example\t/x",
        "https://client\n.example/x",
        "https://client。example/x",
        "https://client.example:0x1bb/x",
        "https://[::1/x",
        "https://[client.example]/x",
        "https://client.example/../x",
        "https://client.example/%2e%2e/x",
        "https:client.example/x",
        "https:///client.example/x",
        "file:///etc/passwd",
        "gopher://client.example/x",
        "http://client.example/x",
        "HTTPS://client.example/x",
        " https://client.example/x",
        "",
    ],
)
@pytest.mark.requirement("S-04")
async def test_a_url_that_parsers_disagree_about_is_not_even_resolved(url):
    names = Names()
    assert await fault_of(local_fetcher(resolver=names), url) == "url"
    assert names.lookups == []


async def test_the_certificate_must_be_for_the_name_and_trusted():
    async with listening() as host:
        other = local_fetcher(resolver=Names(other_example=[["127.0.0.1"]]))
        assert await fault_of(other, host.url("/a", host="other.example")) == "tls"
        assert await fault_of(local_fetcher(tls=ssl.create_default_context()), host.url("/a")) == "tls"
        assert host.requests == []


async def drip(reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
    while not writer.transport.is_closing():
        writer.write(b" ")
        await asyncio.sleep(0.01)


async def silence(reader, writer):
    await reader.read()


async def endless(reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while not writer.transport.is_closing():
        writer.write(b"x" * 65_536)
        await writer.drain()


async def endless_head(reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.transport.is_closing():
        writer.write(b"x-a: " + b"a" * 1000 + b"\r\n")
        await writer.drain()


async def endless_interim(reader, writer):
    while not writer.transport.is_closing():
        writer.write(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")
        await writer.drain()


async def chunks_of_one(reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while not writer.transport.is_closing():
        writer.write(b"00000001;ext=" + b"e" * 200 + b"\r\nx\r\n")
        await writer.drain()


@pytest.mark.requirement("S-08")
@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (drip, "timeout"),
        (silence, "timeout"),
        (endless, "too_large"),
        (endless_head, "too_large"),
        (endless_interim, "too_large"),
        (chunks_of_one, "too_large"),
        (response(b"x" * 5121), "too_large"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", "too_large"),
        (response(gzip.compress(b"0" * 1_000_000), content_encoding="gzip"), "malformed"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab", "malformed"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef", "malformed"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "malformed"),
        (b"", "malformed"),
    ],
)
async def test_a_hostile_host_ends_within_bounds(answer, fault):
    async with listening() as host:
        host.answers["/a"] = answer
        seconds = 0.3 if fault == "timeout" else 60
        assert await fault_of(local_fetcher(timeout_seconds=seconds), host.url("/a")) == fault


@pytest.mark.requirement("S-08")
async def test_a_tls_handshake_that_stalls_ends_in_time():
    async with listening(None) as host:
        assert await fault_of(local_fetcher(timeout_seconds=0.2), host.url("/a")) == "timeout"


@pytest.mark.requirement("R-09")
async def test_what_strangers_name_does_not_use_up_the_budget_of_what_is_vouched_for():
    async with listening() as host:
        host.answers["/known"] = response(b"{}")
        fetcher = local_fetcher()
        for number in range(20):
            await fetcher.get(host.url(f"/{number}"))
        assert await fault_of(fetcher, host.url("/known")) == "busy"
        assert (await fetcher.get(host.url("/known"), vouched=True)).status == 200


async def test_closing_gives_up_what_is_under_way():
    async with listening() as host:
        host.answers["/a"] = silence
        fetcher = local_fetcher()
        waiting = asyncio.create_task(fetcher.get(host.url("/a")))
        while not host.requests:
            await asyncio.sleep(0)
        await fetcher.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_the_systems_resolver_and_dialer_reach_this_machine():
    async with listening(None) as host:
        host.answers["/a"] = response(b"{}")
        fetcher = Fetcher(allow_loopback=True)
        assert (await fetcher.get(f"http://localhost:{host.port}/a")).status == 200
        assert await fault_of(fetcher, "https://no-such-host.invalid/a") == "unresolved"


async def test_a_body_of_exactly_the_limit_is_read():
    async with listening() as host:
        host.answers["/a"] = response(b"x" * 5120)
        host.answers["/b"] = b"HTTP/1.1 200 OK\r\n\r\nuntil the end"
        assert len((await local_fetcher().get(host.url("/a"))).body) == 5120
        assert (await local_fetcher().get(host.url("/b"))).body == b"until the end"
        assert await fault_of(local_fetcher(), host.url("/a"), limit_bytes=5119) == "too_large"


async def test_a_host_that_is_down_or_unknown_is_a_passing_fault():
    async with listening() as host:
        url = host.url("/a")
    for fetcher, fault in (
        (local_fetcher(), "unreachable"),
        (local_fetcher(resolver=Names(client_example=[[]])), "unresolved"),
    ):
        with pytest.raises(FetchError) as refused:
            await fetcher.get(url)
        assert refused.value.fault == fault
        assert refused.value.passing


@pytest.mark.requirement("R-09")
async def test_one_host_is_asked_a_few_times_a_minute_whatever_the_path():
    async with listening() as host:
        fetcher = local_fetcher()
        answers = await asyncio.gather(
            *(fetcher.get(host.url(f"/{number}")) for number in range(200)), return_exceptions=True
        )
        busy = [each for each in answers if isinstance(each, FetchError) and each.fault == "busy"]
        assert len(busy) == 190
        assert host.connections == 10


@pytest.mark.requirement("R-09", weak=True)
async def test_without_a_budget_every_path_would_be_one_request_more():
    async with listening() as host:
        fetcher = local_fetcher(budget=HostBudget(10_000))
        await asyncio.gather(*(fetcher.get(host.url(f"/{number}")) for number in range(30)))
        assert host.connections == 30


@pytest.mark.requirement("R-09")
async def test_callers_of_one_url_share_one_request():
    release = asyncio.Event()

    async def held(reader, writer):
        await release.wait()
        writer.write(response(b"{}"))
        await writer.drain()

    async with listening() as host:
        host.answers["/a"] = held
        fetcher = local_fetcher()
        callers = [asyncio.create_task(fetcher.get(host.url("/a"))) for _ in range(50)]
        while not host.requests:
            await asyncio.sleep(0)
        callers[0].cancel()
        release.set()
        answers = await asyncio.gather(*callers, return_exceptions=True)
        assert isinstance(answers[0], asyncio.CancelledError)
        assert {answer.status for answer in answers[1:]} == {200}
        assert host.connections == 1


async def test_a_header_cannot_carry_a_line_break():
    with pytest.raises(ValueError, match="line break"):
        await local_fetcher().send("POST", "https://client.example/a", headers={"x": "a\r\nhost: b"}, body=b"c")
