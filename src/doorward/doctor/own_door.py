"""A door's self-examination from outside: whether its public URL leads to it, and what a proxy changes.

The server requests its own public URL from its own machine. A request with its proof gets a report of what arrived, and
the published documents must be byte-equal to those that it serves. It returns the same findings as `doorward check`,
but stops after the metadata: nothing is registered, and no one signs in.

Spec: RFC 9728 s3.3; RFC 8414 s3.3; RFC 7239 s5
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from doorward.doctor.checks import transport
from doorward.doctor.engine.check import Check, Finding, Picture, Steps, differing, found, seen
from doorward.doctor.engine.opened_sessions import Send
from doorward.doctor.engine.requests import Request
from doorward.doctor.engine.run import STAGES, Report, Stage, examine
from doorward.doctor.network.sending import Network
from doorward.doctor.network.target import look_up_target

_CHAIN = ("network", "transport", "challenge", "resource", "server")
_TIMEOUT_SECONDS = 10.0
_SHOWN_CHARS = 160
_FROM_HERE = "Seen from the server's own machine: where that cannot reach its public address, clients still may."


@dataclass(frozen=True, slots=True)
class OwnDoor:
    """What a server knows about its door."""

    url: str
    origin: str
    arrival: Request
    """A request that only this installation answers, with a report of what arrived."""
    documents: Mapping[str, bytes]
    """The published documents, by path."""
    with_sign_in: bool
    elsewhere: Sequence[str] = ()
    """The paths of documents that whatever serves the root of the host has to pass on, which clients ask for first."""


async def examine_own(door: OwnDoor, send: Send | None = None) -> Report:
    """Examine the door at its public URL."""
    picture = Picture(door.url, may_register=False)
    if send is None:
        target = await look_up_target(door.url)
        picture.address = target.reach
        send = Network(allow_private=False, target=target, timeout_seconds=_TIMEOUT_SECONDS).send
    chain = _CHAIN if door.with_sign_in else _CHAIN[:2]
    stages = [replace(stage, checks=_in_front(stage.checks)) for stage in STAGES if stage.name in chain]
    # Before the checks that find one of these documents missing: this names all of them, and the first finding counts.
    stages.insert(1, Stage("host", "documents at the root of the host", (passed_on(door),)))
    stages.append(Stage("own", "what arrives", (arrival(door), published(door))))
    report = await examine(picture, send, stages=stages)
    findings = [each for each in report.findings if each.verdict != "note"]
    if not report.reachable:
        findings = [replace(each, verdict="risk", evidence=(*each.evidence, _FROM_HERE)) for each in findings]
    return replace(report, findings=tuple(findings))


def _in_front(checks: Sequence[Check]) -> list[Check]:
    """Leave out what only the door itself decides, because each attempt may start a process."""
    return [check for check in checks if check is not transport.accept]


def arrival(door: OwnDoor) -> Check:
    """Return the check of what a client's request still has when it arrives."""

    def what_arrives(picture: Picture) -> Steps:
        del picture
        request = door.arrival
        response = yield request
        arrived = response.document
        if not response.status:
            return []
        if arrived is None or "authorization" not in arrived:
            summary = "Another server answers below /-/, where this one has its pages: sign-in cannot work."
            return [found("TRN-09", summary, seen(request, response), verdict="broken")]
        evidence = [*seen(request, response, body=False), *(f"{name}: {value}" for name, value in arrived.items())]
        findings: list[Finding] = []
        if not arrived["authorization"]:
            findings.append(found("NET-03", "The Authorization header does not arrive.", evidence, verdict="broken"))
        if arrived.get("forwarded") and not arrived.get("proxy_trusted"):
            summary = "A proxy passes requests on that is not among trusted_proxies: all clients share its limits."
            findings.append(found("NET-06", summary, evidence, verdict="risk"))
        elif arrived.get("proxy_trusted") and not arrived.get("forwarded"):
            summary = "The trusted proxy does not say whose request it passes on: all clients share its limits."
            findings.append(found("NET-06", summary, evidence, verdict="risk"))
        return findings

    return what_arrives


def passed_on(door: OwnDoor) -> Check:
    """Return the check that the host serves what is not below the path of the public URL."""

    def what_the_host_serves(picture: Picture) -> Steps:
        del picture
        missing: list[str] = []
        evidence: list[str] = []
        rule = "DSC-06"
        for path in door.elsewhere:
            request = Request("GET", door.origin + path, {"accept": "application/json"})
            response = yield request
            if response.status and response.document is None:
                missing.append(request.url)
                evidence += seen(request, response, body=False)
                # The finding of a page stands for that of a missing document, so it names the documents then.
                rule = "DSC-05" if response.status == 200 else rule  # noqa: PLR2004
        if not missing:
            return []
        return [found(rule, f"The host does not pass on {' and '.join(missing)}.", evidence, verdict="broken")]

    return what_the_host_serves


def published(door: OwnDoor) -> Check:
    """Return the check that each document arrives as it was sent."""

    def as_published(picture: Picture) -> Steps:
        del picture
        for path, mine in door.documents.items():
            request = Request("GET", door.origin + path, {"accept": "application/json"})
            response = yield request
            if response.status != 200 or response.body == mine:  # noqa: PLR2004
                continue  # that a document is missing is found elsewhere
            theirs = response.body.decode("utf-8", "replace")
            at = next((i for i, (a, b) in enumerate(zip(mine, response.body, strict=False)) if a != b), len(mine))
            window = slice(max(0, at - _SHOWN_CHARS // 2), at + _SHOWN_CHARS // 2)
            evidence = seen(request, response, body=False)
            evidence += differing("published", mine.decode()[window], "arrives", theirs[window])
            return [found("DSC-10", "A document does not arrive as it was published.", evidence, verdict="broken")]
        return []

    return as_published
