"""Each rule is found on the server that breaks it alone, and nowhere else."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import jsonschema
import pytest

from doorward.doctor.engine.check import Picture, differing
from doorward.doctor.engine.masking import shown
from doorward.doctor.engine.requests import Request
from doorward.doctor.engine.rules import profiles, rules
from doorward.doctor.engine.run import STAGES, Report, examine
from doorward.doctor.report.formats import as_json, as_lines, exit_code
from testbed.answers import page, reply
from testbed.broken import BROKEN
from testbed.good import GOOD, ORIGIN, Good

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "check.schema.json").read_text())


URL = f"{ORIGIN}/mcp"


async def examined(server: Good, **picture) -> Report:
    report = await examine(Picture(URL, **picture), server.send, sign_in=server.person)
    jsonschema.validate(as_json(report), SCHEMA)
    return report


def wanted(needs: frozenset[str], server: Good) -> dict[str, object]:
    token = server.hand_out() if "token" in needs else ""
    return {"may_sign_in": "login" in needs, "repeat": 10 if "repeat" in needs else 0, "token": token}


@pytest.mark.parametrize("needs", ["", "login", "token", "repeat", "login repeat", "token repeat"])
@pytest.mark.parametrize("name", GOOD)
async def test_a_good_server_has_no_findings(name, needs):
    server = GOOD[name]()
    report = await examined(server, **wanted(frozenset(needs.split()), server))
    assert {finding.verdict for finding in report.findings} <= {"note"}
    assert not report.crashed
    assert {verdict.stops_at for verdict in report.clients.values()} == {None}
    assert exit_code(report, strict=True) == 0


@pytest.mark.parametrize("rule", BROKEN)
async def test_the_server_that_breaks_a_rule_shows_that_rule_alone(rule):
    fixture = BROKEN[rule]
    server = fixture.server()
    report = await examined(server, **wanted(fixture.needs, server))
    assert [finding.rule for finding in report.findings] == [rule]
    assert set(report.findings[0].explains) == fixture.also
    assert report.findings[0].evidence
    assert not report.crashed


def test_every_rule_has_a_server_that_breaks_it():
    assert set(BROKEN) == {rule.id for rule in rules().values() if not rule.unseen}


def test_every_rule_names_a_stage_known_clients_and_known_rules():
    for rule in rules().values():
        assert rule.stage in {stage.name for stage in STAGES}
        assert rule.clients
        assert set(rule.clients) <= set(profiles())
        assert set(rule.explains) <= set(rules()) - {rule.id}


def test_there_are_eleven_clients_and_what_is_inferred_is_marked():
    assert len(profiles()) == 11
    assert profiles()["mcp-manager"].inferred


async def test_only_the_clients_that_a_fault_stops_are_stopped():
    report = await examined(BROKEN["DSC-07"].server())
    assert report.clients["chatgpt"].stops_at == "authorization server metadata"
    assert report.clients["cursor"].verdict == "connects as far as sign-in"
    assert report.findings[0].verdict.startswith("will break for chatgpt")


async def test_a_fault_that_does_not_touch_the_chosen_client_is_no_finding():
    report = await examined(BROKEN["DSC-07"].server(), clients={"cursor": profiles()["cursor"]})
    assert not report.findings


async def test_registration_tells_which_redirect_uri_of_a_client_is_refused():
    report = await examined(BROKEN["REG-02"].server(), clients={"cursor": profiles()["cursor"]})
    evidence = "\n".join(report.findings[0].evidence)
    assert "cursor://anysphere.cursor-mcp/oauth/callback: refused (400 invalid_redirect_uri)" in evidence
    assert "https://www.cursor.com/agents/mcp/oauth/callback: accepted" in evidence


async def test_an_inner_address_stops_the_clients_of_a_cloud_alone():
    report = await examined(Good(), address="special")
    assert [finding.rule for finding in report.findings] == ["NET-05"]
    assert report.clients["claude"].stops_at == "network and TLS"
    assert report.clients["codex"].stops_at is None


async def test_what_was_registered_is_named_and_deleted():
    server = Good()
    await examined(server)
    assert len(server.clients) == len(profiles()) + 1
    assert all("throw-away" in client["client_name"] for client in server.clients.values())
    assert sorted(server.deleted) == sorted(server.clients)


async def test_nothing_is_registered_when_that_is_switched_off():
    server = Good()
    report = await examined(server, may_register=False)
    assert not server.clients
    assert "REG-02" in report.not_checked


async def test_the_headers_of_the_user_go_to_the_endpoint_alone():
    server = Good()
    await examined(server, headers={"x-pass": "1"})
    assert {request.url.rstrip("/") for request in server.requests if "x-pass" in request.headers} == {URL}


async def test_a_check_that_crashes_stops_no_other():
    class Odd(Good):
        fell = False

        async def send(self, request: Request):
            if "/authorize" in request.url and not self.fell:
                self.fell = True
                raise RuntimeError("the network fell over")
            return await super().send(request)

    report = await examined(Odd())
    assert len(report.crashed) == 1
    assert not report.findings
    assert exit_code(report, strict=False) == 3


async def test_no_report_holds_a_secret_or_an_escape():
    class Leaky(Good):
        def register(self, request):
            return reply(500, {"client_secret": "very-secret-value", "note": "\x1b[31mred"})

        def unauthorized(self, request):
            return page(403, x_title="\x1b]0;owned\x07", www_authenticate="Bearer \x1b[2J")

    report = await examined(Leaky())
    text = "\n".join(as_lines(report))
    assert report.findings
    assert "very-secret-value" not in text
    assert "\x1b" not in text
    assert exit_code(report, strict=False) == 1


async def test_a_header_of_the_user_is_not_repeated_when_the_server_echoes_it():
    class Echo(Good):
        def unauthorized(self, request):
            return reply(403, f"got {request.headers.get('x-pass')}".encode(), "text/plain")

    report = await examined(Echo(), headers={"x-pass": "a-long-password"})
    assert report.findings
    assert "a-long-password" not in json.dumps(as_json(report))


async def test_the_time_limit_ends_the_examination_with_a_result():
    class Stuck(Good):
        async def send(self, request: Request):
            if "/token" in request.url:
                await asyncio.Event().wait()
            return await super().send(request)

    server = Stuck()
    report = await examine(Picture(URL), server.send, seconds=0.5)
    assert report.crashed == ("The time limit of 0.5 seconds ended the examination at: token endpoint.",)
    assert sorted(server.deleted) == sorted(server.clients)
    assert report.clients["claude"].verdict == "not checked to the end"


@pytest.mark.parametrize(
    "line",
    [
        '{"access_token": "abcdefghijklmnop"}',
        "authorization: Bearer abcdefghijklmnop",
        "https://x/cb?code=abcdefghijklmnop&state=1",
        "eyJhbGciOiJFUzI1NiJ9.abcdefghijklmnop.c2ln",
    ],
)
def test_secrets_are_masked(line):
    assert "abcdefghijklmnop" not in shown(line)


def test_the_byte_that_differs_is_marked():
    one, two, mark = differing("typed", "https://a/mcp", "resource", "https://a/")
    assert mark.index("^") == one.index("mcp") == len(two)
