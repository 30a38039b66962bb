"""Which agents get past the edge."""

from __future__ import annotations

import pytest
from doctor.checks.test_transport import REFUSED, picture
from doctor.driving import driven

from doorward.doctor.checks.agents import agents, documents
from doorward.doctor.engine.requests import Response
from doorward.doctor.engine.rules import profiles
from testbed.answers import page, reply


@pytest.mark.parametrize(
    ("blocked", "answer", "clients", "verdict"),
    [
        ("Claude-User", reply(403, b"no", "text/plain", server="cloudflare"), ("claude",), "will break for claude"),
        ("Claude-User", Response(0, fault="timeout", sentence="nothing"), ("claude",), "will break for claude"),
        ("ChatGPT-User", page(200, cf_mitigated="challenge"), ("chatgpt",), "will break for chatgpt"),
        ("doorward-check-unknown/1.0", reply(403, {}), tuple(profiles()), "risk"),
        ("python-httpx/0.28.1", reply(403, {}), ("claude",), "risk"),
    ],
)  # fmt: skip
def test_an_agent_that_is_refused_is_named_with_what_the_edge_says(blocked, answer, clients, verdict):
    (finding,) = driven(
        agents, picture(), lambda request: answer if request.headers["user-agent"] == blocked else REFUSED
    )
    assert (finding.rule, finding.clients, finding.verdict) == ("NET-01", clients, verdict)
    line = next(line for line in finding.evidence if line.startswith(f"{blocked}: "))
    assert all(
        word in line for word in (*answer.headers.get("server", "").split(), answer.headers.get("cf-mitigated", ""))
    )


def test_a_server_that_refuses_every_agent_alike_is_no_matter_of_agents():
    assert driven(agents, picture(), lambda _: reply(403, {})) == []


@pytest.mark.parametrize("only", ["resource", "server"])
def test_a_rule_that_covers_the_documents_alone_is_found(only):
    def answer(request):
        walled = request.url.endswith(only) and request.headers["user-agent"] == "ChatGPT-User"
        return reply(403, b"no", "text/plain") if walled else reply(200, {})

    seen = picture(documents=("https://a/resource", "https://a/root", "https://a/server"))
    (finding,) = driven(documents, seen, answer)
    assert (finding.rule, finding.clients) == ("NET-01", ("chatgpt",))
    assert driven(documents, seen, lambda _: reply(403, {})) == []


def test_a_server_that_is_slow_for_everybody_refuses_nobody():
    late = Response(0, fault="timeout", sentence="nothing")
    slow = Response(401, {"www-authenticate": "Bearer"}, elapsed_seconds=12.0)
    findings = driven(agents, picture(), lambda each: late if each.limit_seconds == 10 else slow)
    assert findings == []


def test_each_client_asks_with_its_own_headers_and_time_limit():
    asked = []
    driven(agents, picture(), lambda request: asked.append(request) or REFUSED)
    claude = next(request for request in asked if request.headers["user-agent"] == "Claude-User")
    node = next(request for request in asked if request.headers["user-agent"] == "node")
    assert claude.limit_seconds == profiles()["claude"].timeout_seconds
    assert node.headers["accept-language"] == "*"
    assert len({request.headers["user-agent"] for request in asked}) == len(asked)


def test_the_limit_of_the_user_bounds_that_of_every_client():
    asked = []
    driven(agents, picture(timeout_seconds=2.0), lambda request: asked.append(request) or REFUSED)
    assert {request.limit_seconds for request in asked} == {None, 2.0}
