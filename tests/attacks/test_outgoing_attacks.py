"""Attacks on outgoing requests and on the doctor (S rows), each also against one that lacks the defence.

An attack on the fetcher gets the kind of fetcher to attack, and tells whether that one withstood.
"""

from __future__ import annotations

import ast
import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from attacks import weak_fetchers as weak
from attacks.weak_fetchers import trusting
from fetching.hostile import Host, Names, Switchboard, listening, response

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.rules import profiles
from doorward.doctor.engine.run import Report, examine
from doorward.doctor.network.sending import Network
from doorward.doctor.report.formats import as_json, as_lines
from doorward.fetching.budget import HostBudget
from doorward.fetching.errors import FetchError
from doorward.fetching.fetcher import Fetcher

SOURCES = Path(__file__).resolve().parents[2] / "src"
Attack = Callable[[type[Fetcher]], Awaitable[bool]]
WeakenedFetcher = type[Fetcher]


async def is_refused(fetcher: Fetcher, url: str) -> bool:
    try:
        await fetcher.get(url)
    except FetchError:
        return True
    return False


async def a_name_that_changes(kind: type[Fetcher]) -> bool:
    async with listening() as canary:
        names = Names(client_example=[["8.8.8.8"], ["127.0.0.1"]] * 50)
        fetcher = trusting(kind, resolver=names, dialer=Switchboard(canary.port), budget=HostBudget(1000))
        for number in range(50):
            await is_refused(fetcher, canary.url(f"/{number}"))
        return canary.requests == []


async def redirects_to_the_inside(kind: type[Fetcher]) -> bool:
    withstood = True
    async with listening() as host:
        targets = (host.url("/secret"), host.url("/secret", host="localhost"), "http://169.254.169.254/", "file:///x")
        for number, (status, target) in enumerate(product((300, 301, 302, 303, 305, 307, 308), targets)):
            host.answers[f"/{number}"] = response(b"{}", status, location=target)
            fetcher = trusting(kind, resolver=Names(), dialer=Switchboard(host.port), allow_loopback=True)
            withstood &= await is_refused(fetcher, host.url(f"/{number}"))
        return withstood and host.asked("/secret") == 0


BETWEEN = (
    "@", "\\@", "#@", ":@", ":443@", "%40", "%2f@", "%5c@", "%23@", "%00@", ";@", "\t@", "\n@", "\r@", " @", "。@",
    "／@", "[@", "]@", "%25@", "@@", "&@", "?@", "/@", "\\", "#", "\t", "\n", ".\n.", "。", "．", "｡", ":\\", "%2e",
    "%E3%80%82",
)  # fmt: skip
TAILS = ("/x", "", ":443/x", "/x#y", "/x?y=z", "\\x", "/..\\x", "/%2e%2e/x")


async def urls_with_two_readings(kind: type[Fetcher]) -> bool:
    async with listening() as canary:
        names = Names(client_example=[["8.8.8.8"]], inside_example=[["10.0.0.5"]])
        switchboard = Switchboard(canary.port)
        for between, tail in product(BETWEEN, TAILS):
            fetcher = trusting(kind, resolver=names, dialer=switchboard)
            await is_refused(fetcher, f"https://client.example{between}inside.example{tail}")
        return set(names.lookups) <= {"client.example"} and set(switchboard.dialled) <= {"8.8.8.8"}


async def an_environment(kind: type[Fetcher]) -> bool:
    async with listening() as host, listening(None) as proxy:
        with pytest.MonkeyPatch.context() as patch:
            await asked_through_the_environment(kind, host, proxy, patch)
        return proxy.connections == 0 and host.connections == 1


async def asked_through_the_environment(
    kind: type[Fetcher], host: Host, proxy: Host, patch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        patch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    await is_refused(trusting(kind, resolver=Names(), allow_loopback=True), host.url("/a"))


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
    while not writer.transport.is_closing():
        writer.write(b" ")
        await asyncio.sleep(0.01)


async def too_much(kind: type[Fetcher]) -> bool:
    bomb = gzip.compress(b"0" * 10_000_000)
    head = b"HTTP/1.1 200 OK\r\n"
    answers: tuple[Any, ...] = (
        response(b"x" * 5121),
        response(b"x" * 1_000_000),
        response(bomb, content_encoding="gzip"),
        head + b"x-a: " + b"a" * 1_000_000 + b"\r\n\r\n{}",
        head + b"x-a: b\r\n" * 10_000 + b"\r\n{}",
        head + b"transfer-encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n",
        head + b"content-length: 99999999999\r\n\r\n",
        head + b"content-length: 3\r\ncontent-length: 4\r\n\r\n{}  ",
        drip,
    )

    async def is_left(host: Host, number: int, answer: Any) -> bool:
        host.answers[f"/{number}"] = answer
        return await is_refused(trusting(kind, resolver=Names(), allow_loopback=True), host.url(f"/{number}"))

    async with listening() as host:
        return all([await is_left(host, number, answer) for number, answer in enumerate(answers)])


ROWS: dict[str, tuple[Attack, WeakenedFetcher]] = {
    "S-02": (a_name_that_changes, weak.ResolvesTwice),
    "S-03": (redirects_to_the_inside, weak.FollowsRedirects),
    "S-04": (urls_with_two_readings, weak.ReadsUrlsAsTheLibraryDoes),
    "S-06": (an_environment, weak.UsesTheEnvironment),
    "S-08": (too_much, weak.ReadsOn),
}


def rows(**twin: bool) -> list[Any]:
    marked = pytest.mark.requirement
    return [pytest.param(*row, marks=marked(name.split()[0], **twin), id=name) for name, row in ROWS.items()]


@pytest.mark.parametrize(("attack", "weakened"), rows())
async def test_the_fetcher_withstands(attack, weakened):
    del weakened
    assert await attack(Fetcher)


@pytest.mark.parametrize(("attack", "weakened"), rows(weak=True))
async def test_a_fetcher_without_the_defence_is_caught(attack, weakened):
    assert not await attack(weakened)


ESCAPES = (b"\x1b[2J", b"\x1b]0;owned\x07", b"\x1b]52;c;cm0=\x07", b"\x9b31m", b"\x08\x08\x08", b"\xe2\x80\xae")


@asynccontextmanager
async def server_of_escapes() -> AsyncIterator[str]:
    """Run a server that says escapes wherever a report may repeat it; yields its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b" ".join(ESCAPES)
        head = b'HTTP/1.1 403 X\r\nserver: \x9b31m\r\nwww-authenticate: Bearer error="\x9b31m\xe2\x80\xae"\r\n'
        writer.write(head + b"content-type: text/plain\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"


async def examined(url: str) -> Report:
    network = Network(allow_private=True, timeout_seconds=5)
    return await examine(Picture(url, clients={"claude": profiles()["claude"]}), network.send, seconds=20)


async def words_for_a_terminal() -> bool:
    async with server_of_escapes() as url:
        report = await examined(url)
    printed = "".join(as_lines(report)) + json.dumps(as_json(report), ensure_ascii=False)
    assert "owned" in printed, "nothing of the server is repeated: the test has gone stale"
    return printed.isprintable()


@pytest.mark.requirement("S-09")
async def test_what_a_server_says_reaches_the_terminal_as_text():
    assert await words_for_a_terminal()


@pytest.mark.requirement("S-09", weak=True)
async def test_a_doctor_that_repeats_what_it_is_told_is_caught(monkeypatch):
    weak.repeats_what_it_is_told(monkeypatch)
    assert not await words_for_a_terminal()


def shells(source: str) -> list[str]:
    """Return the calls that would hand text to a shell."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    names = {"os.system", "os.popen", "subprocess.getoutput", "asyncio.create_subprocess_shell"}
    return [
        ast.unparse(call)
        for call in calls
        if ast.unparse(call.func) in names or any(each.arg == "shell" for each in call.keywords)
    ]


@pytest.mark.requirement("S-09")
def test_no_text_of_anybody_reaches_a_shell():
    assert {path.name: found for path in SOURCES.rglob("*.py") if (found := shells(path.read_text()))} == {}


@pytest.mark.requirement("S-09", weak=True)
def test_a_shell_is_found():
    assert shells("import os, subprocess\nos.system(url)\nsubprocess.run(['open', url], shell=True)")[1:]


async def a_helper_to_talk_to(patch: pytest.MonkeyPatch) -> bool:
    async with server_of_escapes() as url:
        listening_at: list[object] = []
        whole = socket.socket.listen
        patch.setattr(
            socket.socket, "listen", lambda self, *backlog: (listening_at.append(self), whole(self, *backlog))
        )
        await examined(url)
    return listening_at == []


@pytest.mark.requirement("S-10")
async def test_a_check_opens_no_port_that_a_web_page_could_talk_to(monkeypatch):
    assert await a_helper_to_talk_to(monkeypatch)


@pytest.mark.requirement("S-10", weak=True)
async def test_a_check_that_opens_a_helper_is_caught(monkeypatch):
    weak.opens_a_helper(monkeypatch)
    assert not await a_helper_to_talk_to(monkeypatch)
