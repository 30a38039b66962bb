"""The endpoint without a token, with answers handed to the checks."""

from __future__ import annotations

import pytest
from doctor.driving import driven, pictured

from doorward.doctor.checks import transport
from doorward.doctor.checks.browsers import browsers, oauth_paths
from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.parts import Metadata
from doorward.doctor.engine.requests import Response
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
