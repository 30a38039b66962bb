"""The doctor over real sockets: at a real door, and as a client of hostile servers."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from contextlib import asynccontextmanager

import pytest
from fetching.hostile import HOST, response
from fetching.hostile import listening as secure
from flows.door import serving
from flows.processes import PYTHON, ROOT, free_port

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import Request
from doorward.doctor.engine.rules import profiles
from doorward.doctor.engine.run import examine
from doorward.doctor.network.sending import Network
from doorward.doctor.report.formats import as_json, as_lines


def check(*arguments: str) -> subprocess.CompletedProcess[str]:
    words = [PYTHON, "-m", "doorward", *arguments]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("auth", ["oauth", "none"])
def test_doorward_itself_has_no_findings(tmp_path, auth):
    with serving("examples/01_fastmcp.py", data_dir=tmp_path, auth=auth) as door:
        done = check("check", door.url, "--json", "--strict")
    report = json.loads(done.stdout)
    assert report["findings"] == []
    assert report["faults"] == []
    assert done.returncode == 0
    assert list(report["clients"]) == list(profiles())


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "not a url"),
        ("check", "https://mcp.example.com/mcp", "--as", "cluade"),
        ("check", "https://mcp.example.com/mcp", "--header", "no colon"),
        ("check", "https://mcp.example.com/mcp", "--header", "Authorization: Basic secret-secret-secret"),
        ("check", "https://mcp.example.com/mcp", "--token", "secret-secret-secret of-two-words"),
        ("check", "https://mcp.example.com/mcp", "--token", "secret-secret-secret", "--login"),
        ("check", "https://mcp.example.com/mcp", "--token", "@/nowhere/token"),
        ("check", "https://mcp.example.com/mcp", "--baseline", "pyproject.toml"),
        ("explain", "DSC-99"),
    ],
)
def test_wrong_usage_is_told_apart_and_repeats_no_secret(arguments):
    done = check(*arguments)
    assert done.returncode == 2
    assert "secret-secret" not in done.stderr


def test_explain_prints_the_page_of_a_rule():
    done = check("explain", "dsc-01")
    page = (ROOT / "docs" / "rules" / "DSC-01.md").read_text(encoding="utf-8")
    assert page.endswith(done.stdout)
    assert done.stdout.startswith("# DSC-01: ")


def test_a_server_that_is_not_there_is_a_finding():
    done = check("check", f"http://127.0.0.1:{free_port()}/mcp", "--json")
    assert done.returncode == 1
    assert [finding["rule"] for finding in json.loads(done.stdout)["findings"]] == ["TLS-02"]


async def endless(reader, writer):
    writer.write(b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"[" * 65536)
        await writer.drain()


async def silent(reader, writer):
    await reader.read()


async def huge_head(reader, writer):
    writer.write(b"HTTP/1.1 200 X\r\n" + b"x-a: " + b"b" * 100_000 + b"\r\n\r\n")


async def not_http(reader, writer):
    writer.write(b"\x1b[31mSSH-2.0\r\n\r\n")


async def in_circles(reader, writer):
    writer.write(b"HTTP/1.1 307 X\r\nlocation: /mcp/\r\ncontent-length: 0\r\n\r\n")


async def nested(reader, writer):
    body = b"[" * 100_000
    head = f"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)


async def escapes(reader, writer):
    writer.write(b"HTTP/1.1 403 \x1b[2J\r\nserver: \x1b]0;owned\x07\r\ncontent-length: 8\r\n\r\n\x1b[31mred")


async def gone_at_once(reader, writer):
    writer.close()


@asynccontextmanager
async def listening(handler):
    async def handle(reader, writer):
        try:
            await handler(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"


@pytest.mark.parametrize("handler", [endless, silent, huge_head, not_http, in_circles, nested, escapes, gone_at_once])
async def test_a_hostile_server_gets_a_result_without_escapes(handler):
    async with listening(handler) as url:
        network = Network(allow_private=True, timeout_seconds=0.3)
        report = await examine(Picture(url, clients={"claude": profiles()["claude"]}), network.send, seconds=20)
    assert report.findings
    assert "\x1b" not in "\n".join(as_lines(report))
    assert as_json(report)["version"] == 1


async def test_a_private_address_is_refused_unless_it_was_asked_for():
    async with listening(in_circles) as url:
        refused = await Network(allow_private=False, timeout_seconds=5).send(Request("GET", url))
        allowed = await Network(allow_private=True, timeout_seconds=5).send(Request("GET", url))
    assert (refused.status, refused.fault) == (0, "blocked_address")
    assert allowed.status == 307


async def test_a_certificate_of_an_unknown_authority_is_named():
    async with secure() as host:
        host.answers["/mcp"] = response(b"{}", 401)
        network = Network(allow_private=True, timeout_seconds=5)
        report = await examine(Picture(host.url("/mcp").replace(HOST, "localhost")), network.send)
    assert [finding.rule for finding in report.findings] == ["TLS-01"]
    evidence = "\n".join(report.findings[0].evidence)
    assert "unable to get local issuer certificate" in evidence
    assert re.search(r"certificate: .*, from .*Testing CA.*, \d+ days left", evidence)
    assert re.search(r"the chain ends there: .*Testing CA.* is not sent", evidence)


async def test_a_stream_without_end_is_read_to_what_was_asked_for():
    async def stream(reader, writer):
        writer.write(b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n\r\nevent: endpoint\ndata: /m\n\n")
        await reader.read()

    async with listening(stream) as url:
        network = Network(allow_private=True, timeout_seconds=5)
        head = await network.send(Request("GET", url, until=b""))
        event = await network.send(Request("GET", url, until=b"\n\n"))
    assert (head.status, head.media_type) == (200, "text/event-stream")
    assert b"endpoint" in event.body
