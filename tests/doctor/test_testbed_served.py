"""The servers of the test bed behind real ports, and the doctor as a command at them.

A sample: `python -m testbed --all --try 'doorward check {url} --json'` does it for all of them.
"""

from __future__ import annotations

import asyncio
import ssl
import sys

import httpx2
import pytest
from flows.processes import PYTHON, ROOT

from doorward.doctor.engine.requests import Response
from testbed.__main__ import SERVERS, main
from testbed.broken import BROKEN
from testbed.good import Good
from testbed.serving import running, serving
from testbed.trial import NOT_HERE, Outcome, tried

CHECK = (PYTHON, "-m", "doorward", "check", "{url}", "--json")
SAMPLE = (
    "NET-01", "TLS-01", "TLS-02", "TRN-01", "TRN-10", "DSC-01", "DSC-03", "DSC-10", "DSC-12", "REG-02", "AUT-01",
    "TOK-03", "VER-01", "CORS-01",
)  # fmt: skip


@pytest.mark.parametrize("rule", SAMPLE)
async def test_the_command_finds_the_rule_that_a_served_server_breaks_and_no_other(rule):
    async with serving(SERVERS[rule]) as url:
        outcome = await tried(CHECK, url, rule)
    assert outcome.named == (rule,)
    assert outcome.right


@pytest.mark.parametrize("name", ["both-eras", "legacy-open", "modern"])
async def test_the_command_finds_nothing_at_a_good_server(name):
    async with serving(SERVERS[name]) as url:
        outcome = await tried(CHECK, url, None)
    assert outcome.named == ()
    assert outcome.sentence == "rightly nothing"


@pytest.mark.parametrize("name", SERVERS)
async def test_every_server_answers_on_a_port_under_its_own_origin(name):
    async with serving(SERVERS[name]) as url:
        parts = httpx2.URL(url)
        if getattr(SERVERS[name], "fault", ""):
            return
        assert parts.host == "127.0.0.1"
        async with httpx2.AsyncClient(verify=ssl.create_default_context()) as http:
            answer = await http.get(parts.copy_with(path="/.well-known/oauth-authorization-server"))
    assert answer.status_code in {200, 301, 302, 401, 403, 404, 500}


async def test_the_second_origin_leads_to_the_same_server():
    async with serving(SERVERS["DSC-12"]) as url, httpx2.AsyncClient() as http:
        document = (await http.get(httpx2.URL(url).copy_with(path="/.well-known/oauth-protected-resource"))).json()
        other = document["authorization_servers"][0]
        metadata = (await http.get(f"{other}/.well-known/oauth-authorization-server")).json()
    assert httpx2.URL(other).port != httpx2.URL(url).port
    assert metadata["issuer"] == other


class Paced(Good):
    """Says one thing after the other, and breaks off where it is told to."""

    def everything(self, request):
        headers, body = {"content-type": "text/event-stream"}, b"data: {}\n\ndata: {}\n\n"
        if request.url.endswith("/cut"):
            return Response(200, headers, body, fault="cut")
        return Response(200, headers, body, arrivals=((0.0, 5), (0.01, len(body) - 5)))


async def test_a_stream_comes_piece_by_piece_and_may_break_off():
    async with serving(Paced) as url, httpx2.AsyncClient() as http:
        whole = await http.get(url)
        with pytest.raises(httpx2.RemoteProtocolError):
            await http.get(url.replace("/mcp", "/cut"))
    assert whole.headers["transfer-encoding"] == "chunked"
    assert whole.content.count(b"data:") == 2


async def test_a_connection_is_kept_and_its_pause_is_told():
    seen = []

    class Watched(Good):
        def everything(self, request):
            seen.append((request.connection, request.wait_seconds > 0))
            return super().everything(request)

    async with serving(Watched) as url, httpx2.AsyncClient() as http:
        for _ in range(2):
            await http.post(url, content=b"{}")
        await http.post(url, content=b"{}", headers={"connection": "close"})
    assert seen == [("connection-1", False), ("connection-1", True), ("", True)]


async def test_the_button_of_the_page_signs_in():
    async with serving(SERVERS["both-eras"]) as url, httpx2.AsyncClient() as http:
        at = httpx2.URL(url)
        body = {"redirect_uris": ["http://127.0.0.1/cb"], "token_endpoint_auth_method": "none"}
        client = (await http.post(at.copy_with(path="/register"), json=body)).json()
        query = {
            "client_id": client["client_id"], "redirect_uri": "http://127.0.0.1:7/cb", "response_type": "code",
            "code_challenge": "x" * 43, "code_challenge_method": "S256", "state": "s",
        }  # fmt: skip
        page = await http.get(at.copy_with(path="/authorize", params=query))
        back = await http.post(at.copy_with(path="/authorize", params=query))
    assert "<button>" in page.text
    assert back.headers["location"].startswith("http://127.0.0.1:7/cb?code=")


def test_without_a_name_all_are_listed(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["testbed"])
    assert main() == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(SERVERS)


def test_a_checker_of_any_make_is_judged_by_the_ids_that_it_prints(capsys, monkeypatch):
    script = "import sys; print('NET-01 is broken at', sys.argv[1]) if 'x' else None"
    names = ["NET-01", "DSC-01", "both-eras", "TOK-05", "DSC-04"]
    monkeypatch.setattr(sys, "argv", ["testbed", *names, "--try", f'{PYTHON} -c "{script}" {{url}}'])
    assert main() == 2
    told = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert told["NET-01"] == "found"
    assert told["DSC-01"] == "MISSED, beside NET-01"
    assert told["both-eras"] == "WRONG: NET-01"
    assert told["TOK-05"] == "not tried: it needs login"
    assert told["DSC-04"] == f"not tried: {NOT_HERE['DSC-04']}"


async def test_a_command_with_a_token_finds_what_is_behind_it(capsys, monkeypatch):
    async with running(SERVERS["RS-04"]) as server:
        outcome = await tried((*CHECK, "--token", server.hand_out()), server.url, "RS-04")
    assert outcome.named == ("RS-04",)


def test_what_fails_of_the_same_cause_is_not_held_against_a_checker():
    rule = next(rule for rule, each in BROKEN.items() if each.also)
    assert Outcome(rule, (rule,), "").right
    assert not Outcome(rule, (), "").right


async def test_the_program_serves_several_at_once():
    async with asyncio.timeout(60):
        process = await asyncio.create_subprocess_exec(
            PYTHON, "-m", "testbed", "both-eras", "DSC-01", "--port", "0", cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        try:
            lines = [(await process.stdout.readline()).decode().split() for _ in range(4)]
            given = [{}, {"authorization": f"Bearer {lines[1][1]}"}]
            async with httpx2.AsyncClient() as http:
                answers = [
                    await http.post(line[1], content=b"{}", headers=each) for line in lines[::2] for each in given
                ]
        finally:
            process.terminate()
            await process.wait()
    assert [line[0] for line in lines] == ["both-eras", "token:", "DSC-01", "token:"]
    assert [answer.status_code for answer in answers] == [401, 400, 401, 400]
