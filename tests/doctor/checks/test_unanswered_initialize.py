"""A good sign-in after which nothing is answered: one finding that tells the cause, and stops every client."""

from __future__ import annotations

import json

import pytest
from doctor.examining import only, rules_of, signed_in

from doorward.doctor.engine.requests import Response
from doorward.doctor.engine.rules import profiles
from testbed.answers import page, reply
from testbed.good import Good, LegacyOpen

CUT = Response(0, fault="closed", sentence="The connection was cut.")


def behind_the_sign_in(answer) -> Good:
    class Dead(Good):
        """Whatever comes with a good token gets one answer."""

        def post(self, request):
            return answer(request) if callable(answer) else answer

    return Dead()


def failing(request) -> Response:
    message = json.loads(request.body)
    error = {"code": -32603, "message": "Internal error"}
    return reply(200, {"jsonrpc": "2.0", "id": message.get("id"), "error": error})


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (reply(500, b"Internal Server Error", "text/plain"), "RS-01"),
        (reply(404, b"Not Found", "text/plain"), "RS-01"),
        (reply(400, {"error": "bad request"}), "RS-01"),
        (reply(202), "RS-01"),
        (page(502), "RS-01"),
        (failing, "RS-01"),
        (CUT, "RS-01"),
        (page(403), "NET-01"),
        (reply(403, {"error": "forbidden"}), "RS-04"),
        (reply(429, b"", "text/plain"), "NET-06"),
        (reply(431, b"", "text/plain"), "NET-08"),
        (reply(400, b"<center>Request Header Or Cookie Too Large</center>", "text/html"), "NET-08"),
        (reply(307, b"", "text/plain", location="/mcp/"), "TRN-01"),
        (reply(302, b"", "text/plain", location="https://elsewhere.example/"), "TRN-10"),
        (page(200), "TRN-08"),
        (reply(200, b'{"jsonrpc":"2.0","id":1,"result":{}}\n\n', "text/event-stream"), "STR-04"),
    ],
)
async def test_what_every_request_with_a_good_token_gets_is_told_as_one_cause_that_stops_everybody(answer, rule):
    report = await signed_in(behind_the_sign_in(answer))
    finding = only(report)
    assert (finding.rule, finding.verdict) == (rule, "broken")
    assert set(finding.clients) == set(profiles())
    assert "connects" not in {each.verdict for each in report.clients.values()}


async def test_a_scope_that_is_missing_for_everything_is_told_as_it_was_said():
    challenge = 'Bearer error="insufficient_scope", scope="more", resource_metadata="https://mcp.example.com/x"'
    finding = only(await signed_in(behind_the_sign_in(reply(403, {}, www_authenticate=challenge))))
    assert (finding.rule, finding.verdict) == ("RS-04", "risk")


async def test_an_open_server_whose_stream_holds_no_message_is_not_passed_over():
    class Bare(LegacyOpen):
        def post(self, request):
            return reply(200, b'{"jsonrpc":"2.0","id":1,"result":{}}\n\n', "text/event-stream")

    assert "STR-04" in rules_of(await signed_in(Bare()))
