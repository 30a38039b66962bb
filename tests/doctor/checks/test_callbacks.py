"""Which redirect URIs the authorization endpoint takes of those that registration has accepted."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.rules import profiles
from doorward.doctor.engine.run import Report, examine
from testbed.answers import page
from testbed.good import ORIGIN, Good


async def examined(server: Good, *clients: str) -> Report:
    chosen = {name: profiles()[name] for name in clients} or profiles()
    return await examine(Picture(f"{ORIGIN}/mcp", clients=chosen), server.send)


class Picky(Good):
    """Refuses what `wants` does not like with a page, whatever was registered."""

    status = 400

    def wants(self, redirect_uri):
        raise AssertionError

    def login_page(self, query):
        return super().login_page(query) if self.wants(query["redirect_uri"]) else page(self.status)


class HttpsOrHere(Picky):
    def wants(self, redirect_uri):
        return urlsplit(redirect_uri).scheme in {"http", "https"}


class HereOnly(Picky):
    def wants(self, redirect_uri):
        return urlsplit(redirect_uri).hostname in {"localhost", "127.0.0.1", "::1"}


class Nobody(Picky):
    def wants(self, redirect_uri):
        return False


async def test_a_client_with_another_redirect_uri_that_is_taken_is_at_risk():
    report = await examined(HttpsOrHere())
    (finding,) = report.findings
    assert (finding.rule, finding.verdict, finding.clients) == ("REG-02", "risk", ("cursor",))
    assert "taken: cursor http://localhost:8787/callback" in finding.evidence
    assert report.clients["cursor"].stops_at is None


async def test_a_client_all_of_whose_redirect_uris_are_refused_is_stopped():
    report = await examined(HereOnly())
    (finding,) = report.findings
    assert finding.verdict == "will break for claude, chatgpt, librechat, mcp-manager"
    assert report.clients["mcp-manager"].verdict == "stops"


async def test_a_client_that_is_asked_about_alone_is_compared_with_one_of_this_machine():
    server = HereOnly()
    report = await examined(server, "mcp-manager")
    assert [finding.rule for finding in report.findings] == ["REG-02"]
    assert "a client of this machine alone: taken" in report.findings[0].evidence
    assert sorted(server.deleted) == sorted(server.clients)


@pytest.mark.parametrize(("status", "verdict"), [(400, "broken"), (403, "broken"), (500, "risk")])
async def test_an_endpoint_that_refuses_everybody_knows_nobody(status, verdict):
    kind = type("Kind", (Nobody,), {"status": status})
    report = await examined(kind())
    (finding,) = report.findings
    assert (finding.rule, finding.severity, finding.verdict) == ("REG-03", "blocker", verdict)


async def test_an_endpoint_that_is_not_there_is_a_fault_of_the_metadata():
    class Elsewhere(Good):
        def change(self):
            self.metadata["authorization_endpoint"] = f"{self.origin}/nowhere"

    (finding,) = (await examined(Elsewhere())).findings
    assert (finding.rule, finding.summary[-4:]) == ("DSC-10", "404.")


async def test_words_about_the_redirect_uri_are_believed():
    class Says(Nobody):
        def login_page(self, query):
            answer = page(400)
            return type(answer)(400, answer.headers, b"Invalid redirect URI")

    report = await examined(Says())
    assert [finding.rule for finding in report.findings] == ["REG-02"]
    assert len(report.findings[0].clients) == 11


async def test_an_answer_that_changes_is_a_store_that_is_not_shared():
    class Flips(Good):
        turn = 0

        def authorize(self, request):
            uri = dict(parse_qsl(urlsplit(request.url).query)).get("redirect_uri", "")
            self.turn += "librechat" in uri
            return page(400) if "librechat" in uri and self.turn % 2 else super().authorize(request)

    (finding,) = (await examined(Flips())).findings
    assert (finding.rule, finding.verdict) == ("REG-03", "broken")
    assert finding.evidence[-1] == "asked again: 0 of 1 refused"


async def test_a_server_that_is_busy_is_not_accused():
    report = await examined(type("Busy", (Nobody,), {"status": 429})())
    assert not report.findings
