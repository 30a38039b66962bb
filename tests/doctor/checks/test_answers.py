"""What every answer of an examination must be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from doctor.checks.test_protocol import examined
from doctor.examining import only, rules_of

from doorward.doctor.engine.rules import profiles
from testbed.answers import event, reply, result, rpc_error
from testbed.good import Good, LegacyOpen, Open


class Pinging(Open):
    """ping is served in the newer era."""

    def modern(self, request, message):
        if message["method"] == "ping":
            return result(message["id"], {"resultType": "complete"})
        return super().modern(request, message)


class Echoing(Open):
    """The session id comes back in the newer era."""

    def modern(self, request, message):
        answer = super().modern(request, message)
        return replace(answer, headers={**answer.headers, "mcp-session-id": "session-1"})


class NullCursor(LegacyOpen):
    """The last page has a cursor that is null."""

    def listed(self, params):
        return super().listed(params) | {"nextCursor": None}


class NoServerInfo(LegacyOpen):
    """The handshake does not name the server."""

    def answered(self, message, value, **headers):
        return super().answered(message, {k: v for k, v in value.items() if k != "serverInfo"}, **headers)


class Slow(Good):
    """Every first answer to initialize takes its time."""

    seconds = 35.0

    def initialize(self, message):
        return replace(super().initialize(message), elapsed_seconds=self.seconds)


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda message: reply(200, {"jsonrpc": "2.0", "id": message["id"], "result": []}),
        lambda message: reply(200, {"id": message["id"], "result": {}}),
        lambda message: reply(200, {"jsonrpc": "2.0", "id": None, "result": {}}),
        lambda message: reply(200, {"jsonrpc": "2.0", "id": f"{message['id']}!", "result": {}}),
        lambda message: reply(200, b'warning: {"jsonrpc": "2.0", "id": 1, "result": {}}'),
    ],
)
async def test_each_answer_that_is_no_json_rpc_is_found(spoilt):
    class Odd(LegacyOpen):
        def called(self, message, members):
            return spoilt(message) if message["method"] == "ping" else super().called(message, members)

    finding = only(await examined(Odd()))
    assert finding.rule == "TRN-07"
    assert "> id: 'doorward-check' (str)" in finding.evidence


async def test_a_large_id_that_comes_back_rounded_is_found():
    class Rounding(Open):
        def called(self, message, members):
            if message["method"] == "doorward-check/none":
                return rpc_error(404 if members else 200, -32601, float(message["id"]))
            return super().called(message, members)

    assert only(await examined(Rounding())).rule == "TRN-07"


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("application/json; charset=utf-8", []),
        ('application/json;charset="UTF-8"', []),
        ("text/plain", ["TRN-08"]),
        ("application/json; charset=latin-1", ["TRN-08"]),
        ("application/json, application/json", ["TRN-08"]),
        ("", ["TRN-08"]),
    ],
)
async def test_each_label_of_an_answer_is_judged(kind, found):
    class Labelled(Open):
        def called(self, message, members):
            answer = super().called(message, members)
            headers = {name: value for name, value in answer.headers.items() if name != "content-type"}
            return replace(answer, headers=headers | ({"content-type": kind} if kind else {}))

    assert rules_of(await examined(Labelled())) == found


@pytest.mark.parametrize(
    ("server", "verdict", "words"),
    [
        (Pinging, "risk", "ping is served"),
        (Echoing, "risk", "Mcp-Session-Id"),
        (NullCursor, "will break for claude, claude-code, codex, inspector", "nextCursor is null"),
        (NoServerInfo, "will break for claude, claude-code, codex, inspector", "serverInfo is missing"),
    ],
)
async def test_each_member_that_does_not_belong_or_is_missing_is_named(server, verdict, words):
    finding = only(await examined(server()))
    assert (finding.rule, finding.verdict) == ("VER-05", verdict)
    assert words in finding.summary


async def test_what_is_said_beside_an_answer_is_not_taken_for_it():
    class Chatty(LegacyOpen):
        def answered(self, message, value, **headers):
            answer = super().answered(message, value, **headers)
            said = event({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": {}}})
            kind = {"content-type": "text/event-stream"}
            return replace(answer, headers={**answer.headers, **kind}, body=said + event(answer.json) + said)

    assert rules_of(await examined(Chatty(), repeat=2)) == []


@pytest.mark.parametrize(("seconds", "stopped"), [(9.0, 0), (12.0, 3), (35.0, len(profiles()))])
async def test_who_gives_up_on_a_slow_handshake_is_told(seconds, stopped):
    server = Slow()
    server.seconds = seconds
    findings = (await examined(server)).findings
    assert sum(len(finding.clients) for finding in findings) == stopped
    assert {finding.rule for finding in findings} <= {"PERF-01"}
