"""Sessions of the older era and idle connections: by what a server answers, and one over a real socket."""

from __future__ import annotations

from dataclasses import replace

import pytest
from doctor.examining import URL, only, rules_of, signed_in

from doorward.doctor.checks import sessions
from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import Response
from doorward.doctor.engine.run import STAGES, Stage, examine
from doorward.doctor.network.sending import Network
from testbed.answers import page, reply, rpc_error
from testbed.good import Good, LegacyOpen, LegacyWithSignIn, ModernOpen, Open
from testbed.serving import serving


async def examined(server: Good, **picture):
    return await examine(Picture(URL, **{"token": server.hand_out(), **picture}), server.send)


class Forgetful(LegacyOpen):
    """Some calls over fresh connections do not find their session."""

    lost_every = 3
    calls = 0

    def called(self, message, members):
        self.calls += message["method"] == "ping"
        if message["method"] == "ping" and self.calls > 1 and self.calls % self.lost_every == 0:
            return rpc_error(404, -32001, message["id"], "Session not found")
        return super().called(message, members)


async def test_a_session_that_is_lost_now_and_then_shows_with_its_share():
    finding = only(await examined(Forgetful(), repeat=10))
    assert finding.rule == "SES-01"
    assert finding.summary.startswith("7 of 20 calls")
    assert "over fresh connections: 7 x 200, 3 x 404" in finding.evidence


async def test_a_session_that_is_lost_at_once_needs_no_repeating():
    class Lost(LegacyOpen):
        def called(self, message, members):
            lost = message["method"] in {"ping", "tools/list"}
            return rpc_error(404, -32001, message["id"], "no session") if lost else super().called(message, members)

    assert only(await examined(Lost())).rule == "SES-01"


async def test_as_many_calls_are_made_as_were_asked_for_and_twenty_at_most():
    for repeat, calls in ((3, 3), (500, 20)):
        server = LegacyOpen()
        await examined(server, repeat=repeat)
        kept = [request for request in server.requests if request.connection == "SES-01"]
        assert len(kept) == calls


async def test_a_method_that_does_not_exist_is_no_lost_session():
    class NotFound(LegacyOpen):
        def called(self, message, members):
            answer = super().called(message, members)
            return replace(answer, status=404) if b"-32601" in answer.body else answer

    assert rules_of(await examined(NotFound())) == []


async def test_a_server_without_sessions_has_no_fault_of_sessions():
    class Stateless(LegacyOpen):
        def answered(self, message, value, **headers):
            return super().answered(message, value)

        def legacy(self, request, message):
            return super().legacy(replace(request, headers=self.without_session(request)), message)

        def without_session(self, request):
            return {name: value for name, value in request.headers.items() if name != "mcp-session-id"}

        def endpoint(self, request):
            return reply(405, {}, allow="POST") if request.method in {"DELETE", "PUT"} else super().endpoint(request)

    report = await examined(Stateless(), repeat=5)
    assert rules_of(report) == []
    assert report.not_checked["SES-01"] == "the server keeps no sessions"


async def test_a_server_of_the_newer_era_has_no_sessions_to_look_at():
    report = await examined(ModernOpen())
    assert "no sessions" in report.not_checked["SES-02"]


@pytest.mark.parametrize(
    ("status", "found"), [(404, []), (200, ["SES-02"]), (400, ["SES-02"]), (500, ["SES-02"]), (409, ["SES-02"])]
)
async def test_each_answer_to_a_dead_session_is_judged_with_a_token_too(status, found):
    class Odd(LegacyWithSignIn):
        def legacy(self, request, message):
            if request.headers.get("mcp-session-id") == "doorward-check-made-up":
                return rpc_error(status, -32000, message["id"])
            return super().legacy(request, message)

    assert rules_of(await examined(Odd())) == found


@pytest.mark.parametrize(
    ("method", "answer", "verdict"),
    [
        ("DELETE", reply(204), None),
        ("DELETE", reply(405, {}, allow="POST"), None),
        ("DELETE", reply(404, {"error": "no"}), None),
        ("DELETE", page(404), "broken"),
        ("DELETE", reply(500, {}), "broken"),
        ("PUT", page(404), None),
        ("PUT", reply(500, {}), "risk"),
    ],
)
async def test_the_end_of_a_session_is_judged(method, answer, verdict):
    class Ending(Open):
        def endpoint(self, request):
            return answer if request.method == method else super().endpoint(request)

    findings = (await examined(Ending())).findings
    assert [(finding.rule, finding.verdict) for finding in findings] == ([("SES-04", verdict)] if verdict else [])


async def test_the_session_of_the_examination_is_ended():
    server = LegacyOpen()
    await examined(server)
    ended = [request.headers["mcp-session-id"] for request in server.requests if request.method == "DELETE"]
    assert len(ended) == len(set(ended)) == server.opened
    assert server.sessions == set()


@pytest.mark.parametrize(("status", "found"), [(200, []), (403, ["SES-03"]), (404, ["SES-03"]), (503, [])])
async def test_a_session_must_outlive_the_token_that_opened_it(status, found):
    class Binding(LegacyWithSignIn):
        def change(self):
            self.owners = {}

        def legacy(self, request, message):
            answer = super().legacy(request, message)
            bearer, session = request.headers.get("authorization"), request.headers.get("mcp-session-id")
            if message["method"] == "initialize":
                self.owners[answer.headers["mcp-session-id"]] = bearer
            elif status != 200 and self.owners.get(session, bearer) != bearer:
                return rpc_error(status, -32001, message["id"])
            return answer

    assert rules_of(await signed_in(Binding())) == found


async def test_why_a_session_was_not_used_after_a_refresh_is_told():
    class NoRefresh(LegacyWithSignIn):
        def issue(self, grant):
            answer = super().issue(grant)
            return reply(200, {name: value for name, value in answer.json.items() if name != "refresh_token"})

    assert (await examined(LegacyWithSignIn())).not_checked["SES-03"] == "needs --login"
    assert (await examined(LegacyOpen())).not_checked["SES-03"] == "the server asks for no sign-in"
    assert "no refresh token" in (await signed_in(NoRefresh())).not_checked["SES-03"]


@pytest.mark.parametrize(
    ("keeps_seconds", "verdict"), [(4, "risk"), (30, "note"), (65, "note"), (100, None), (None, None)]
)
async def test_an_idle_connection_is_kept_for_as_long_as_proxies_keep_theirs(keeps_seconds, verdict):
    class Impatient(Open):
        def endpoint(self, request):
            if keeps_seconds and request.connection.startswith("LIFE-03") and request.wait_seconds > keeps_seconds:
                return Response(0, fault="closed", sentence="The connection that was kept is closed.")
            return super().endpoint(request)

    findings = (await examined(Impatient(), repeat=1)).findings
    assert [(finding.rule, finding.verdict) for finding in findings] == ([("LIFE-03", verdict)] if verdict else [])


async def test_a_server_that_closes_after_each_answer_keeps_nothing_and_loses_nothing():
    class Closing(Open):
        def answered(self, message, value, **headers):
            return super().answered(message, value, connection="close", **headers)

    server = Closing()
    assert rules_of(await examined(server, repeat=1)) == []
    kept = [request.wait_seconds for request in server.requests if request.connection.startswith("LIFE-03")]
    assert kept == [0.0, 0.0, 0.0]


async def test_over_a_real_socket_a_kept_connection_that_is_cut_is_seen():
    class Impatient(LegacyOpen):
        def endpoint(self, request):
            if request.connection and request.wait_seconds > 0.03:
                return Response(0, fault="closed")
            return super().endpoint(request)

    async with serving(Impatient) as url:
        network = Network(allow_private=True, timeout_seconds=5)

        async def send(request):
            return await network.send(replace(request, wait_seconds=request.wait_seconds / 100))

        stages = [each for each in STAGES if each.name in {"network", "protocol"}]
        stages.append(Stage("sessions", "sessions", (sessions.pauses,)))
        report = await examine(Picture(url, repeat=1), send, stages=stages)
        await network.close()
    assert [(finding.rule, finding.verdict) for finding in report.findings] == [("LIFE-03", "risk")]
