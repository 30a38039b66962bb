"""The S rows in further situations: every answer with a redirect, every reader of a host, every limit on its own.

The mutants of these rows (`mutants/outgoing.toml`) are what each test is for; its weak twin is in
`test_outgoing_attacks`.
"""

from __future__ import annotations

import asyncio
import socket

import pytest
from attacks.raw import status_of
from attacks.test_outgoing_attacks import ESCAPES, drip, is_refused
from attacks.weak_fetchers import trusting
from fetching.hostile import Names, Switchboard, listening, response
from world import world

from doorward.doctor.engine.masking import shown
from doorward.doctor.network.callback import can_be_opened
from doorward.doctor.network.callback import listening as listening_for_a_browser
from doorward.fetching.errors import FetchError
from doorward.fetching.fetcher import Fetcher
from doorward.oauth.addresses import reach
from doorward.oauth.uris import InvalidUri, parse_http

INNER = (
    "10.1.2.3", "100.64.9.9", "127.0.0.9", "169.254.169.254", "172.31.0.1", "192.168.0.1", "198.18.0.1", "224.0.0.1",
    "255.255.255.255", "0.0.0.0", "168.63.129.16", "::", "::1", "::ffff:10.0.0.1", "::10.0.0.1", "64:ff9b::a00:1",
    "64:ff9b::7f00:1", "2002:a00:1::", "2001:0:a00:1::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254",
    "ff02::1", "2606:4700::5efe:a00:1", "2606:4700:0:0:200:5efe:a00:1", "2001:db8::1", "3fff::1", "not an address", "",
)  # fmt: skip


@pytest.mark.requirement("S-01")
@pytest.mark.parametrize("address", INNER)
async def test_no_inner_address_is_public_or_dialled(address):
    assert reach(address) != "public"
    async with listening() as canary:
        switchboard = Switchboard(canary.port)
        fetcher = trusting(Fetcher, resolver=Names(client_example=[[address]]), dialer=switchboard)
        assert await is_refused(fetcher, canary.url("/"))
        assert (switchboard.dialled, canary.connections) == ([], 0)


@pytest.mark.requirement("S-01")
@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "017700000001", "127.1", "0x7f.1", "10.1", "1", "0", "127.0.0.1.", "[::1%25lo]"],
)
def test_no_number_that_a_browser_reads_as_an_address_is_a_name(host):
    with pytest.raises(InvalidUri):
        parse_http(f"https://{host}/x")


@pytest.mark.requirement("S-02")
async def test_a_name_is_asked_once_all_its_addresses_count_and_so_does_the_one_that_was_reached():
    async with listening() as canary:
        for answers in (["8.8.8.8", "10.0.0.1"], ["10.0.0.1", "8.8.8.8"], ["8.8.8.8", "9.9.9.9", "::1"]):
            fetcher = trusting(Fetcher, resolver=Names(client_example=[answers]), dialer=Switchboard(canary.port))
            assert await is_refused(fetcher, canary.url("/"))
        names = Names(client_example=[["8.8.8.8"], ["9.9.9.9"], ["10.0.0.1"]])
        switchboard = Switchboard(canary.port)
        # The switchboard leads to loopback, as a router inside could: what was reached is looked at too.
        assert await is_refused(trusting(Fetcher, resolver=names, dialer=switchboard), canary.url("/"))
        assert (names.lookups, switchboard.dialled) == (["client.example"], ["8.8.8.8"])
        assert canary.requests == []


@pytest.mark.requirement("S-03")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 306, 307, 308, 399])
async def test_no_answer_with_a_status_of_a_redirect_is_taken_or_followed(status):
    async with listening() as host:
        host.answers["/a"] = response(b"{}", status, location=host.url("/b"))
        host.answers["/b"] = response(b"{}")
        fetcher = trusting(Fetcher, resolver=Names(), dialer=Switchboard(host.port), allow_loopback=True)
        with pytest.raises(FetchError) as refused:
            await fetcher.get(host.url("/a"))
        assert refused.value.fault == "redirect"
        assert (await fetcher.get(host.url("/b"))).status == 200
        assert (host.asked("/a"), host.asked("/b")) == (1, 1)


@pytest.mark.requirement("S-04")
@pytest.mark.parametrize(
    "url",
    [
        "https://client.example@inside.example/", "https://client.example:443@inside.example/",
        "https://inside.example\\@client.example/", "https://client.example\\.inside.example/",
        "https://client\uff0eexample/", "https://client\u3002example/", "https://client\uff61example/",
        "https://cli ent.example/", "https://client.example\t/", "https://client.exam\nple/", " https://client.example/",
        "https://client.example/\r\n", "https:///client.example/", "https:client.example/", "//client.example/",
        "https://[client.example]/", "https://client..example/", "https://-client.example/", "https://client.example:0443/",
        "https://client.example:443443/", "https://%63lient.example/", "https://client.example/%2e%2e/", "https://\u212a.example/",
    ],
)  # fmt: skip
async def test_a_url_with_two_readings_is_read_by_nobody(url):
    with pytest.raises(InvalidUri):
        parse_http(url)
    async with listening() as canary:
        names = Names(client_example=[["8.8.8.8"]], inside_example=[["10.0.0.5"]])
        assert await is_refused(trusting(Fetcher, resolver=names, dialer=Switchboard(canary.port)), url)
    assert names.lookups == []


@pytest.mark.requirement("S-06")
async def test_what_is_sent_is_what_the_fetcher_says_and_nothing_of_the_environment(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine client.example login ann password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    async with listening() as host, listening(None) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        host.answers["/a"] = response(b"{}", set_cookie="a=b")
        fetcher = trusting(Fetcher, resolver=Names(), dialer=Switchboard(host.port), allow_loopback=True)
        for _ in range(2):
            await fetcher.get(host.url("/a"))
        assert proxy.connections == 0
        names = {line.partition(b":")[0].lower() for line in host.requests[1].split(b"\r\n")[1:] if line}
        assert names == {b"host", b"user-agent", b"accept", b"accept-encoding", b"connection"}


@pytest.mark.requirement("S-07")
async def test_no_spelling_of_a_path_reaches_another_route(tmp_path):
    ways = (
        "/register/../livez", "/register/a/b", "/register/a/../livez", "/register/..%2flivez", "/register/%2e%2e/livez",
        "/./livez", "//livez", "/livez/", "/livez/.", "/LIVEZ", "/x/../livez", "/%2e/livez", "/-/static/../../livez",
        "/-/static/%2e%2e/%2e%2e/livez", "/x%2f..%2flivez",
    )  # fmt: skip
    async with world(tmp_path) as w:
        assert await status_of(w, "GET", "/livez") == 200
        assert await status_of(w, "GET", "/register/a") == 401
        assert {path: status for path in ways if (status := await status_of(w, "GET", path)) != 404} == {}


async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer well, but after four times as long as the fetcher waits."""
    await asyncio.sleep(2)
    writer.write(response(b"{}"))


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
CHUNK = b"400\r\n" + b" " * 1024 + b"\r\n"


@pytest.mark.requirement("S-08")
@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (response(b" " * 5121), "too_large"),
        (HEAD + b"\r\n" + b" " * 5121, "too_large"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n" + b"400\r\n" + b" " * 1024 + b"\r\n", "malformed"),
        (
            HEAD + b"transfer-encoding: chunked\r\n\r\n" + (b"400\r\n" + b" " * 1024 + b"\r\n") * 6 + b"0\r\n\r\n",
            "too_large",
        ),
        (HEAD + b"x-a: " + b"a" * 17_000 + b"\r\n\r\n{}", "too_large"),
        (HEAD + b"x-a: b\r\n" * 2_500 + b"content-length: 2\r\n\r\n{}", "too_large"),
        (response(b"{}", content_encoding="gzip"), "malformed"),
        (response(b"{}", content_encoding="br"), "malformed"),
        (response(b"{}", content_encoding="x"), "malformed"),
        (drip, "timeout"),
        (late, "timeout"),
    ],
)
async def test_each_way_to_send_too_much_meets_a_limit_of_its_own(answer, fault):
    async with listening() as host:
        host.answers["/a"] = answer
        fetcher = trusting(Fetcher, resolver=Names(), dialer=Switchboard(host.port), allow_loopback=True)
        with pytest.raises(FetchError) as refused:
            await fetcher.get(host.url("/a"))
        assert refused.value.fault == fault


@pytest.mark.requirement("S-09")
def test_every_character_that_a_terminal_acts_on_is_spelled_out():
    marks = [
        chr(code) for code in (*range(32), *range(127, 160), 0x202A, 0x202E, 0x2066, 0x200B, 0xFEFF, 0xE0001, 0xD800)
    ]
    for mark in (*marks, *(escape.decode("latin-1") for escape in ESCAPES)):
        text = shown(f"before{mark}after")
        assert text.isprintable(), repr(mark)
        assert text.startswith("before")
    assert shown("Grüße, 世界") == "Grüße, 世界"


@pytest.mark.requirement("S-09")
def test_a_browser_is_given_addresses_of_the_web_only():
    assert can_be_opened("https://a.example/x?y=z")
    for url in (
        "file:///etc/passwd",
        "javascript:x",
        "-h",
        "--help",
        "https://a/\x1b[2J",
        "https://a/ b",
        "https://\u202ea",
    ):
        assert not can_be_opened(url), url


@pytest.mark.requirement("S-10")
async def test_the_listener_for_a_browser_is_there_for_this_machine_and_one_sign_in_only():
    bound: list[tuple[str, int]] = []
    async with listening_for_a_browser(lambda _: None) as callback:
        port = int(callback.url.rpartition(":")[2].partition("/")[0])
        for address in ("127.0.0.2", "127.1.2.3"):
            with pytest.raises(OSError), socket.create_connection((address, port), timeout=2):
                bound.append((address, port))
    assert bound == []
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=2)
