"""The doctor as a client of hostile servers, over real sockets: it ends in time, with a result, and repeats nothing."""

from __future__ import annotations

import pytest
from doctor.hostile import bodies, documents, handshakes, heads, words  # noqa: F401 - they fill the table
from doctor.hostile.guard import OnlyTheseNames, OnlyThisMachine
from doctor.hostile.server import CASES, listening

from doorward.doctor.check import Picture
from doorward.doctor.network import Network
from doorward.doctor.report import as_json, as_lines
from doorward.doctor.rules import profiles
from doorward.doctor.run import examine

PASSWORD = "pass-word-of-the-user"
CLIENTS = {name: profiles()[name] for name in ("claude", "vscode", "mcp-manager")}
REQUEST_SECONDS, ALL_SECONDS = 0.25, 4.0
pytestmark = pytest.mark.timeout(30)


def network(dialer: OnlyThisMachine, resolver: OnlyTheseNames, **changes: object) -> Network:
    given = {"allow_private": True, "timeout_seconds": REQUEST_SECONDS, "tls": handshakes.CLIENT_TLS}
    return Network(**(given | {"dialer": dialer, "resolver": resolver} | changes))


def texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in texts(part)]
    return [text for part in value for text in texts(part)] if isinstance(value, list) else [str(value)]


@pytest.mark.parametrize("name", CASES)
async def test_a_hostile_server_gets_a_result_in_time(name):
    case = CASES[name]
    dialer, resolver = OnlyThisMachine(), OnlyTheseNames()
    async with listening(case) as server:
        picture = Picture(server.url, clients=CLIENTS, headers={"x-pass": PASSWORD}, address="loopback")
        report = await examine(picture, network(dialer, resolver).send, seconds=ALL_SECONDS)
    rules = {rule for finding in report.findings for rule in (finding.rule, *finding.explains)}
    assert case.finds is None or case.finds in rules
    assert [fault for fault in report.crashed if not (case.slow and "time limit" in fault)] == []
    assert len(resolver.asked) < 20
    shown = texts(as_json(report)) + list(as_lines(report))
    assert [text for text in shown if not text.isprintable()] == []
    assert max(map(len, shown)) < 1500
    secrets = [PASSWORD] + [
        client[kind]
        for client in server.good.clients.values()
        for kind in ("client_secret", "registration_access_token")
        if kind in client
    ]
    assert [secret for secret in secrets if secret in "\n".join(shown)] == []
