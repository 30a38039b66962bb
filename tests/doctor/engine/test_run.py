"""Whole examinations of servers where nothing is right, for one reason: one finding, and not one for each hop."""

from __future__ import annotations

import pytest

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import Request, Response
from doorward.doctor.engine.rules import profiles
from doorward.doctor.engine.run import examine
from testbed.answers import page, reply
from testbed.broken import BROKEN
from testbed.good import Good

URL = "https://mcp.example.com/mcp"
CASES = {
    "JSON for everything that is not there": (lambda _: reply(404, {}), "TRN-09"),
    "a page for everything that is not there": (lambda _: page(404), "TRN-09"),
    "text for everything that is not there": (
        lambda _: reply(404, b"404 page not found", "text/plain"),
        "TRN-09",
    ),
    "a static site": (lambda request: page() if request.method == "GET" else page(405), "TRN-09"),
    "an application for people": (lambda _: page(), "NET-04"),
    "a wall": (lambda _: page(403), "NET-04"),
    "a sign-in for people": (lambda _: reply(302, location="https://sso.example.net/login"), "NET-04"),
    "another host": (lambda _: reply(301, location="https://www.example.com/"), "TRN-10"),
    "a crash": (lambda _: reply(500, b"oops", "text/plain"), "DSC-03"),
    "a gateway without a server": (lambda _: page(502), "DSC-03"),
}


@pytest.mark.parametrize("name", CASES)
async def test_one_cause_is_one_finding(name):
    answer, rule = CASES[name]

    class Server(Good):
        def everything(self, request: Request) -> Response:
            return answer(request)

    report = await examine(Picture(URL), Server().send)
    assert [finding.rule for finding in report.findings] == [rule]
    assert not report.crashed


async def test_a_second_fault_behind_a_slash_redirect_is_still_found():
    class Both(BROKEN["TRN-01"].server, BROKEN["DSC-07"].server):
        """A mount that redirects, in front of a server without S256."""

    report = await examine(Picture(URL), Both().send)
    assert {finding.rule for finding in report.findings} == {"TRN-01", "DSC-07"}


async def test_a_fault_that_the_redirect_would_explain_is_not_folded_where_it_was_seen_behind_it():
    class Both(BROKEN["TRN-01"].server):
        def unauthorized(self, request: Request) -> Response:
            return reply(401, {})

    report = await examine(Picture(URL), Both().send)
    assert {finding.rule for finding in report.findings} == {"TRN-01", "DSC-03"}


@pytest.mark.parametrize("name", ["claude", "codex", "inspector", "cursor"])
async def test_each_client_alone_gets_through_a_good_server(name):
    report = await examine(Picture(URL, clients={name: profiles()[name]}), Good().send)
    assert report.findings == ()
    assert not report.crashed


async def test_an_unauthenticated_examination_asks_a_bounded_number_of_times():
    server = Good()
    await examine(Picture(URL), server.send)
    assert len(server.requests) <= 150
