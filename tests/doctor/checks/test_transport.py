"""The endpoint without a token, with answers handed to the checks."""

from __future__ import annotations

import pytest
from doctor.driving import driven, pictured

from doorward.doctor.checks import transport
from doorward.doctor.checks.agents import agents, documents
from doorward.doctor.checks.browsers import browsers, oauth_paths
from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.parts import Metadata
from doorward.doctor.engine.requests import Response
from doorward.doctor.engine.rules import profiles
from testbed.answers import CORS, page, reply

URL = "https://mcp.example.com/mcp"
REFUSED = Response(401, {"www-authenticate": "Bearer"} | CORS)
MISSING = reply(404, {})


def picture(**changes) -> Picture:
    return pictured(**({"url": URL, "initialize": REFUSED} | changes))


def names(findings) -> list[tuple[str, str]]:
    return [(each.rule, each.verdict) for each in findings]


@pytest.mark.parametrize(
    ("location", "rule", "endpoint"),
    [
        (f"{URL}/", "TRN-01", f"{URL}/"),
        ("/mcp/", "TRN-01", f"{URL}/"),
        ("/api/mcp", "TRN-10", "https://mcp.example.com/api/mcp"),
        ("https://www.example.com/mcp", "TRN-10", URL),
        ("https://mcp.example.com:8443/mcp/", "TRN-01", URL),
        ("http://[", "TRN-10", URL),
    ],
)
def test_a_redirect_is_followed_on_the_same_host_alone(location, rule, endpoint):
    seen = picture(initialize=Response(307, {"location": location}))
    (finding,) = driven(transport.spellings, seen, lambda _: REFUSED)
    assert finding.rule == rule
    assert seen.endpoint == endpoint
    assert seen.initialize.status == (401 if endpoint != URL else 307)
    assert finding.folds is (endpoint == URL)


def test_plain_http_that_leads_to_https_is_examined_there():
    seen = picture(url="http://mcp.example.com/mcp", initialize=Response(301, {"location": URL}))
    (finding,) = driven(transport.spellings, seen, lambda _: REFUSED)
    assert (finding.rule, seen.endpoint) == ("TRN-10", URL)


def test_a_redirect_in_circles_is_not_followed():
    here = Response(307, {"location": f"{URL}/"})
    seen = picture(initialize=here)
    (finding,) = driven(transport.spellings, seen, lambda _: here)
    assert (finding.rule, seen.endpoint) == ("TRN-01", URL)


def test_a_url_with_nothing_behind_it_is_one_finding():
    (finding,) = driven(transport.elsewhere, picture(initialize=MISSING), lambda _: MISSING)
    assert (finding.rule, finding.verdict) == ("TRN-09", "broken")
    assert "nothing at this URL" in finding.summary


@pytest.mark.parametrize(
    ("typed", "place"), [("", "/mcp"), ("/team/mcp/extra", "/team/mcp"), ("/team", "/"), ("/mcp", "/api/mcp")]
)
def test_the_place_where_mcp_answers_is_named(typed, place):
    origin = "https://mcp.example.com"
    there = {f"{origin}{place}": REFUSED}
    seen = picture(url=f"{origin}{typed}", initialize=MISSING)
    (finding,) = driven(transport.elsewhere, seen, lambda request: there.get(request.url, MISSING))
    assert finding.rule == "TRN-09"
    assert f"answers at {origin}{place}." in finding.summary


@pytest.mark.parametrize("status", [404, 405])
def test_the_transport_of_2024_is_told_from_a_wrong_path(status):
    events = Response(200, {"content-type": "text/event-stream"}, b"event:endpoint\ndata: /m\n\n")
    seen = picture(initialize=Response(status))
    findings = driven(transport.elsewhere, seen, lambda request: events if request.method == "GET" else MISSING)
    assert names(findings) == [("TRN-02", "broken")]


@pytest.mark.parametrize(
    ("answer", "findings"),
    [
        (reply(200, {"name": "my server"}), [("TRN-09", "risk")]),
        (reply(200, {"resource": URL}), []),
        (page(), []),
        (MISSING, []),
    ],
)
def test_a_banner_at_the_root_is_a_risk(answer, findings):
    assert names(driven(transport.root, picture(), lambda _: answer)) == findings


@pytest.mark.parametrize(
    ("headers", "product"),
    [
        ({"location": "https://team.cloudflareaccess.com/cdn-cgi/access/login"}, "Cloudflare Access"),
        ({"location": "https://vercel.com/sso-api?url=x"}, "Vercel"),
        ({"location": "https://accounts.example.com/login"}, "server."),
    ],
)
def test_what_stands_in_front_is_named_when_it_is_known(headers, product):
    (finding,) = driven(transport.front, picture(initialize=Response(302, headers)), lambda _: REFUSED)
    assert finding.rule == "NET-04"
    assert product in finding.summary


@pytest.mark.parametrize(
    ("answer", "rules"),
    [
        (page(503), []),
        (page(503, cf_mitigated="challenge"), ["NET-04"]),
        (page(403), ["NET-04"]),
        (reply(403, b"Invalid Host header", "text/plain"), ["NET-02"]),
        (reply(403, b"Invalid origin and host", "text/plain"), []),
        (reply(421, {}), ["NET-02"]),
    ],
)
def test_a_wall_a_guard_and_a_server_that_is_down_are_told_apart(answer, rules):
    assert [each.rule for each in driven(transport.front, picture(initialize=answer), lambda _: REFUSED)] == rules


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


@pytest.mark.parametrize(("discovered", "findings"), [(True, [("CORS-02", "risk")]), (False, [])])
def test_the_headers_of_the_newer_era_are_wanted_where_it_is_spoken(discovered, findings):
    allowed = {"access-control-allow-headers": "authorization, content-type, mcp-protocol-version, mcp-session-id"}
    answer = Response(401, CORS | allowed)
    seen = picture(discover=reply(200, {"result": {}}) if discovered else REFUSED)
    preflight = Response(204, CORS | allowed)
    assert names(driven(browsers, seen, lambda each: preflight if each.method == "OPTIONS" else answer)) == findings


def test_a_session_id_that_a_page_cannot_read_is_a_risk():
    hidden = {"access-control-expose-headers": "", "mcp-session-id": "s"}
    answer = Response(200, CORS | hidden)
    seen = picture(initialize=answer)
    findings = driven(browsers, seen, lambda each: Response(204, CORS) if each.method == "OPTIONS" else answer)
    assert names(findings) == [("CORS-02", "risk")]


@pytest.mark.parametrize(
    ("shut", "findings"),
    [
        ("", []),
        ("OPTIONS https://a/register", [("CORS-01", "risk")]),
        ("POST https://a/token", [("CORS-02", "risk")]),
        ("GET https://a/.well-known/x", [("CORS-02", "risk")]),
    ],
)
def test_the_oauth_paths_are_asked_as_a_page_does(shut, findings):
    seen = picture(documents=("https://a/.well-known/x",))
    seen.server_metadata = Metadata(
        {"registration_endpoint": "https://a/register", "token_endpoint": "https://a/token"}
    )
    answers = driven(oauth_paths, seen, lambda each: Response(200, {} if f"{each.method} {each.url}" == shut else CORS))
    assert names(answers) == findings


@pytest.mark.parametrize(("refused", "verdict"), [("*/*", "risk"), ("application/json, text/event-stream", "broken")])
def test_a_wildcard_that_is_refused_is_a_risk_and_both_types_a_fault(refused, verdict):
    findings = driven(
        transport.accept, picture(), lambda each: Response(406 if each.headers["accept"] == refused else 401)
    )
    assert names(findings) == [("TRN-03", verdict)]
