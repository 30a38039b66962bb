"""What only a request with a token meets: agents, Accept, the size of headers, scopes."""

from __future__ import annotations

import pytest
from doctor.examining import URL, only, rules_of

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.rules import profiles
from doorward.doctor.engine.run import examine
from testbed.answers import reply, rpc_error
from testbed.good import Good


async def examined(server: Good, **picture):
    return await examine(Picture(URL, **{"token": server.hand_out(), **picture}), server.send)


async def test_a_user_agent_that_is_dropped_behind_the_token_alone_is_found():
    class BotRule(Good):
        def post(self, request):
            if request.headers.get("user-agent") == profiles()["chatgpt"].user_agent:
                return reply(403, b"Forbidden", "text/plain")
            return super().post(request)

    finding = only(await examined(BotRule()))
    assert (finding.rule, finding.verdict) == ("NET-01", "will break for chatgpt")


async def test_an_agent_that_is_refused_in_a_crowd_alone_is_no_finding():
    class Crowded(Good):
        crowd = 0

        def post(self, request):
            if request.headers.get("user-agent") == profiles()["chatgpt"].user_agent:
                self.crowd += 1
                return reply(503, {}) if self.crowd == 1 else super().post(request)
            return super().post(request)

    assert rules_of(await examined(Crowded())) == []


@pytest.mark.parametrize(
    ("refused", "verdict"),
    [
        ({"application/json"}, "note"),
        ({"*/*"}, "risk"),
        ({""}, "risk"),
        ({"application/json, text/event-stream"}, "broken"),
    ],
)
async def test_each_spelling_of_accept_is_tried_with_the_token(refused, verdict):
    class Picky(Good):
        begun = False

        def notified(self, request, message):
            self.begun = True
            return super().notified(request, message)

        def modern(self, request, message):
            if self.begun and message["method"] == "server/discover" and request.headers.get("accept", "") in refused:
                return rpc_error(406, rpc_id=message["id"])
            return super().modern(request, message)

    finding = only(await examined(Picky()))
    assert (finding.rule, finding.verdict) == ("TRN-03", verdict)
    assert sum(line.startswith("accept: ") for line in finding.evidence) == 5


async def test_the_limit_of_the_headers_is_told_beside_the_size_of_the_token():
    class Limited(Good):
        def endpoint(self, request):
            large = len(request.headers.get("x-doorward-check", "")) > 5500
            return reply(431, b"", "text/plain") if large else super().endpoint(request)

    server = Limited()
    finding = only(await examined(server))
    assert finding.evidence[0] == "bytes added to the headers: 5000 pass, 7000 do not"
    assert finding.evidence[1].startswith("bytes of the token: ")


@pytest.mark.parametrize(
    ("challenge", "words"),
    [
        ("", "without error=insufficient_scope"),
        ('Bearer error="invalid_token"', "without error=insufficient_scope"),
        ('Bearer error="insufficient_scope", scope="a b"', "lacks resource_metadata"),
        ('Bearer error="insufficient_scope"', "lacks scope and resource_metadata"),
        (f'Bearer error="insufficient_scope", scope="a b", resource_metadata="{URL}"', ""),
    ],
)
async def test_a_call_that_lacks_a_scope_is_judged_by_its_challenge(challenge, words):
    class Scoped(Good):
        def called(self, message, members):
            if message["method"] == "tools/call":
                return reply(403, {}, **({"www_authenticate": challenge} if challenge else {}))
            return super().called(message, members)

    report = await examined(Scoped())
    assert [finding.rule for finding in report.findings] == (["RS-04"] if words else [])
    assert words in "".join(finding.summary for finding in report.findings)


async def test_a_call_that_gets_401_with_a_good_token_is_a_risk():
    class Guarding(Good):
        def called(self, message, members):
            return reply(401, {}) if message["method"] == "tools/call" else super().called(message, members)

    finding = only(await examined(Guarding()))
    assert (finding.rule, finding.verdict) == ("RS-04", "risk")


async def test_a_made_up_token_that_gets_403_says_nothing_about_scopes():
    class Forbidding(Good):
        def unauthorized(self, request):
            return reply(403, {}) if "authorization" in request.headers else super().unauthorized(request)

    assert rules_of(await examined(Forbidding())) == ["RS-02"]
