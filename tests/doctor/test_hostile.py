"""The doctor as a client of hostile servers, over real sockets: it ends in time, with a result, and repeats nothing."""

from __future__ import annotations

import pytest
from doctor.hostile import behind, bodies, documents, handshakes, heads, words  # noqa: F401 - they fill the table
from doctor.hostile.guard import OnlyTheseNames, OnlyThisMachine
from doctor.hostile.server import CASES, listening

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.rules import profiles
from doorward.doctor.engine.run import examine
from doorward.doctor.network.sending import Network
from doorward.doctor.report.as_html import as_html
from doorward.doctor.report.as_junit import as_junit
from doorward.doctor.report.formats import as_json, as_lines
from testbed.good import Good

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


def secrets_of(good: Good) -> list[str]:
    """Return what this server has issued, and what the user has sent."""
    kinds = ("client_secret", "registration_access_token")
    issued = [client[kind] for client in good.clients.values() for kind in kinds if kind in client]
    return [PASSWORD, *issued, *good.tokens, *good.refresh_tokens, *good.codes]


@pytest.mark.parametrize("name", CASES)
async def test_a_hostile_server_gets_a_result_in_time(name):
    case = CASES[name]
    dialer, resolver = OnlyThisMachine(), OnlyTheseNames()
    async with listening(case) as server:
        picture = Picture(server.url, clients=CLIENTS, headers={"x-pass": PASSWORD}, address="loopback")
        picture.may_sign_in, picture.callback = True, "http://127.0.0.1:1/callback"
        asked = network(dialer, resolver)
        report = await examine(picture, asked.send, sign_in=server.good.person, seconds=ALL_SECONDS)
        await asked.close()
    rules = {rule for finding in report.findings for rule in (finding.rule, *finding.explains)}
    assert case.finds is None or case.finds in rules
    assert [fault for fault in report.crashed if not (case.slow and "time limit" in fault)] == []
    assert len(resolver.asked) < 20
    shown = texts(as_json(report)) + list(as_lines(report, whole=True))
    assert [text for text in shown if not text.isprintable()] == []
    assert max(map(len, shown)) < 1500
    files = as_html(report, examined_at=0) + as_junit(report, strict=True)
    assert [mark for mark in files if not mark.isprintable() and mark != "\n"] == []
    everything = "\n".join([*shown, files])
    assert [secret for secret in secrets_of(server.good) if secret in everything] == []
