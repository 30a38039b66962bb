"""Name, address and certificate, with answers handed to the check; and the handshakes on a loopback server."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from doctor.driving import driven
from fetching.hostile import CA, CLIENT_TLS, listening, response

from doorward.doctor.checks.name_and_address import network
from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import Certificate, Connect, Request, Response
from doorward.doctor.engine.run import STAGES, examine
from doorward.doctor.network.sending import Network

REFUSED = Response(401, {"www-authenticate": "Bearer"})
URL = "https://mcp.example.com/mcp"


def examined(url: str = URL, address: str = "public", **ways: Response):
    """Examine a server that is reached, but over some ways otherwise; `named="..."` by what a connection asks for."""

    def answer(request: Request) -> Response:
        if not isinstance(request, Connect):
            return ways.get("request", REFUSED)
        name = (request.tls or request.family).replace("v1.", "_")
        return ways.get(name, ways.get("untrusted", Response(0)) if not request.trusted else Response(0))

    return driven(network, Picture(url, address=address), answer)


def test_a_server_that_is_reached_over_every_way_has_no_finding():
    assert examined() == []


def test_an_address_that_nothing_answers_at_is_a_risk():
    dead = Response(0, fault="timeout", sentence="2001:db8::1 does not answer.", addresses=("2606::1 (public)",))
    (finding,) = examined(IPv6=dead)
    assert (finding.rule, finding.verdict) == ("TLS-02", "risk")
    assert "IPv6: 2001:db8::1 does not answer." in finding.evidence
    assert "IPv4: goes through" in finding.evidence


@pytest.mark.parametrize(
    "answer",
    [
        Response(0, fault="no_address", sentence="none"),
        Response(0, fault="no_route", sentence="2606::1: Network is unreachable", addresses=("2606::1 (public)",)),
        Response(0, fault="unreachable", sentence="::1: refused", addresses=("127.0.0.1 (loopback)", "::1 (loopback)")),
    ],
)
def test_what_says_nothing_about_the_server_is_no_finding(answer):
    assert examined(IPv6=answer, IPv4=Response(0, addresses=answer.addresses)) == []


def test_a_certificate_that_is_wrong_at_one_address_is_a_risk():
    (finding,) = examined(IPv6=Response(0, fault="tls", sentence="2606::1: Hostname mismatch"))
    assert (finding.rule, finding.verdict) == ("TLS-01", "risk")
    assert "IPv6: 2606::1: Hostname mismatch" in finding.evidence


@pytest.mark.parametrize(("fault", "rules"), [("timeout", ["TLS-02"]), ("unreachable", []), ("tls", [])])
def test_a_version_that_is_swallowed_is_a_risk_and_one_that_is_refused_is_not(fault, rules):
    assert [each.rule for each in examined(TLS_3=Response(0, fault=fault, sentence="reset"))] == rules


@pytest.mark.parametrize(("days", "rules"), [(3, ["TLS-01"]), (60, [])])
def test_a_certificate_that_ends_soon_is_a_risk(days, rules):
    chain = (Certificate("mcp.example.com", "Example CA", days), Certificate("Example CA", "Root", 900))
    findings = examined(IPv4=Response(0, chain=chain))
    assert [each.rule for each in findings] == rules
    assert all(each.verdict == "risk" and "3 days left" in each.summary for each in findings)


def test_a_handshake_that_fails_without_trust_too_is_no_matter_of_certificates():
    fails = Response(0, fault="tls", sentence="no protocols available")
    (finding,) = examined(request=fails, untrusted=fails, TLS_2=fails, TLS_3=fails)
    assert (finding.rule, finding.verdict) == ("TLS-02", "broken")
    assert any(line.startswith("TLSv1.3: no protocols") for line in finding.evidence)
    assert any("without the server's name" in line for line in finding.evidence)


def test_a_name_without_any_address_stops_the_clients_of_this_machine_too():
    (finding,) = examined(request=Response(0, fault="unresolved", sentence="Its host has no address."))
    assert (finding.rule, finding.verdict) == ("NET-05", "broken")
    assert "not affected" not in finding.fix


def test_an_inner_address_is_named():
    inner = Response(0, addresses=("10.1.2.3 (special)",))
    (finding,) = examined(address="special", IPv4=inner)
    assert finding.rule == "NET-05"
    assert "10.1.2.3 (special)" in finding.evidence


def test_a_literal_address_is_connected_to_once():
    asked: list[Request] = []
    driven(network, Picture("http://127.0.0.1:1/mcp"), lambda request: asked.append(request) or REFUSED)
    assert not [each for each in asked if isinstance(each, Connect)]


def server_tls(*, days: int = 300, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.maximum_version = newest
    now = datetime.now(UTC)
    end = now + timedelta(days=days, hours=1)
    CA.issue_cert("localhost", not_before=now - timedelta(days=400), not_after=end).configure_cert(context)
    return context


async def reached(tls: ssl.SSLContext | None, *, patience_seconds: float = 5):
    """Examine name, address and certificate of a real server."""
    async with listening(tls) as host:
        host.answers["/mcp"] = response(b"{}", 401)
        network = Network(allow_private=True, timeout_seconds=patience_seconds, tls=CLIENT_TLS)
        seen = Picture(host.url("/mcp", "localhost"), address="loopback")
        return (await examine(seen, network.send, stages=STAGES[:1])).findings


async def test_a_server_that_speaks_the_older_version_alone_is_no_finding():
    assert await reached(server_tls(newest=ssl.TLSVersion.TLSv1_2)) == ()


async def test_a_certificate_that_has_expired_is_shown_with_its_date():
    (finding,) = await reached(server_tls(days=-3))
    assert (finding.rule, finding.verdict) == ("TLS-01", "broken")
    assert "certificate has expired" in "\n".join(finding.evidence)
    assert "expired 3 days ago" in "\n".join(finding.evidence)


async def test_a_certificate_that_expires_within_days_is_a_risk_before_anybody_is_stopped():
    (finding,) = await reached(server_tls(days=5))
    assert (finding.rule, finding.verdict) == ("TLS-01", "risk")
    assert "5 days left" in finding.summary


async def test_plain_http_behind_an_https_url_is_no_matter_of_certificates():
    # It waits for a greeting that never comes, so this patience is spent twice.
    (finding,) = await reached(None, patience_seconds=0.5)
    assert (finding.rule, finding.verdict) == ("TLS-02", "broken")
