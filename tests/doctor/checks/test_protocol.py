"""MCP itself: what each answer to a rare message means, with a token and without one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from doctor.examining import URL, only, rules_of, signed_in

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import Response
from doorward.doctor.engine.rules import profiles, rules
from doorward.doctor.engine.run import examine
from testbed.answers import reply, rpc_error
from testbed.good import Good, HeaderToken, ModernOpen, Open


async def examined(server: Good, **picture):
    return await examine(Picture(URL, **{"token": server.hand_out(), **picture}), server.send)


def method_of(request) -> str:
    message = json.loads(request.body) if request.headers.get("content-type") == "application/json" else None
    return message.get("method", "") if isinstance(message, dict) else ""


@pytest.mark.parametrize(
    ("answer", "verdict", "clients"),
    [
        (reply(202, {}), "risk", ["codex"]),
        (reply(200, b""), "will break for codex", ["codex"]),
        (reply(204), "risk", ["codex"]),
        (reply(400, {}), "broken", list(profiles())),
        (reply(500, b"", "text/plain"), "broken", list(profiles())),
    ],
)
async def test_each_odd_answer_to_a_notification_is_told_with_whom_it_stops(answer, verdict, clients):
    class Odd(Open):
        def notified(self, request, message):
            return answer

    finding = only(await examined(Odd()))
    assert (finding.rule, finding.verdict, list(finding.clients)) == ("TRN-05", verdict, clients)


@pytest.mark.parametrize(("status", "found"), [(202, []), (404, []), (200, ["TRN-05"]), (400, ["TRN-05"])])
async def test_a_server_of_the_newer_era_alone_may_not_know_a_notification(status, found):
    class Odd(ModernOpen):
        def notified(self, request, message):
            return replace(super().notified(request, message), status=status)

    assert [rule for rule in rules_of(await examined(Odd())) if rule != "VER-03"] == found


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (reply(200, [{"jsonrpc": "2.0", "id": 1, "result": {}}, {"jsonrpc": "2.0", "id": 2, "result": {}}]), "note"),
        (reply(200, {"jsonrpc": "2.0", "id": 7, "result": {}}), "risk"),
        (reply(500, b"", "text/plain"), "risk"),
        (Response(0, fault="timeout", sentence="Nothing."), "risk"),
        (rpc_error(400, rpc_id="server-error"), "risk"),
        (rpc_error(400, rpc_id={}), "risk"),
        (rpc_error(400), None),
        (rpc_error(400, -32700), None),
    ],
)
async def test_each_answer_to_a_list_of_messages_is_judged(answer, verdict):
    class Odd(Open):
        def post(self, request):
            return answer if request.body.startswith(b"[") else super().post(request)

    found = {finding.rule: finding.verdict for finding in (await examined(Odd())).findings}
    assert found == ({"TRN-06": verdict} if verdict else {})


async def test_an_encoded_name_that_is_not_decoded_is_found_and_stops_the_clients_of_the_newer_era():
    class Literal(Open):
        def modern(self, request, message):
            if request.headers.get("mcp-name", "").startswith("=?base64?"):
                return rpc_error(400, -32020, message["id"])
            return super().modern(request, message)

    finding = only(await examined(Literal()))
    assert (finding.rule, finding.verdict) == ("VER-04", "will break for claude, chatgpt, codex, inspector")
    assert any("=?base64?" in line for line in finding.evidence)


async def test_a_name_that_is_not_compared_is_a_risk():
    class Trusting(Open):
        def modern(self, request, message):
            name = str(message["params"].get("name"))
            named = {**request.headers, "mcp-name": name} if "mcp-name" in request.headers and name.isascii() else None
            return super().modern(replace(request, headers=named or request.headers), message)

    finding = only(await examined(Trusting()))
    assert (finding.rule, finding.verdict, finding.severity) == ("VER-04", "risk", "minor")


async def test_a_cold_start_shows_after_a_quarter_of_an_hour_for_who_asks_for_many_tries():
    class Sleepy(Open):
        served_at = 0.0

        def everything(self, request):
            answer = super().everything(request)
            cold, self.served_at = self.served_at and self.now - self.served_at > 600, self.now
            return replace(answer, elapsed_seconds=15.0) if cold else answer

    report = await examined(Sleepy(), repeat=20)
    finding = only(report)
    assert finding.rule == "PERF-01"
    assert "after 15 minutes of silence" in finding.summary
    few = await examined(Sleepy(), repeat=10)
    assert few.findings == ()
    assert "--repeat 20" in few.not_checked["PERF-01"]


async def test_without_a_token_every_rule_behind_it_is_named_as_not_checked():
    server = Good()
    report = await examine(Picture(URL), server.send)
    behind = {"protocol", "catalogue", "sessions", "streams", "renewed"}
    wanted = {rule.id for rule in rules().values() if rule.stage in behind and not rule.unseen}
    assert wanted <= set(report.not_checked)
    assert {report.not_checked[rule] for rule in wanted} == {"needs a token: use --login or --token"}
    assert not any(method_of(request) == "tools/list" for request in server.requests)


async def test_a_token_that_an_operator_hands_out_opens_the_same_examination():
    server = HeaderToken()
    await examine(Picture(URL, token=server.handed_out), server.send)
    assert {"tools/list", "tools/call", "ping", "notifications/initialized"} <= set(map(method_of, server.requests))


async def test_the_token_is_in_no_line_of_a_report():
    class Leaky(Good):
        def called(self, message, members):
            return reply(200, f"your token was {self.token_seen}".encode(), "text/plain")

        def let_in(self, request):
            self.token_seen = request.headers.get("authorization", "").partition(" ")[2]
            return super().let_in(request)

    server = Leaky()
    token = server.hand_out()
    report = await examine(Picture(URL, token=token), server.send)
    assert report.findings
    assert token not in "\n".join(line for finding in report.findings for line in (finding.summary, *finding.evidence))


async def test_after_a_sign_in_everything_behind_it_is_looked_at():
    report = await signed_in(Good())
    assert rules_of(report) == []
    assert {"VER-05", "TOOL-01", "SES-02", "STR-01", "STR-04"}.isdisjoint(report.not_checked)
