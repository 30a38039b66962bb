"""The runner: drives the checks in the order of the chain, through one function that owns the network.

Continues past a fault if it can. A check that crashes becomes a note and stops nothing else. One cause gives one
finding: a later failure that an earlier finding explains is folded under it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from doorward.doctor.checks import (
    access,
    answers,
    authorize,
    callbacks,
    catalogue,
    changes,
    client_side,
    discovery,
    metadata_documents,
    name_and_address,
    protocol,
    refresh,
    registration,
    repeat,
    request_headers,
    revocation,
    sessions,
    sign_in,
    streams,
    token,
    tool_calls,
    transport,
    unanswered_initialize,
    versions,
)
from doorward.doctor.engine.check import Check, Finding, Picture
from doorward.doctor.engine.masking import shown
from doorward.doctor.engine.opened_sessions import OpenedSessions, Send
from doorward.doctor.engine.requests import Ask, Request, Response, SignIn, Together
from doorward.doctor.engine.rules import SEVERITIES, rules

Person = Callable[[SignIn], Awaitable[Response]]
Progress = Callable[[str], None]
REQUESTS_PER_CHECK = 60
_CLEANING_SECONDS = 10.0
_SECRET_CHARS_MIN = 8


@dataclass(frozen=True, slots=True)
class Stage:
    """A hop of the chain."""

    name: str
    title: str
    checks: Sequence[Check]


STAGES = (
    Stage("network", "network and TLS", (name_and_address.network,)),
    Stage("transport", "transport", transport.CHECKS),
    Stage("challenge", "challenge", (discovery.challenge, discovery.bad_token)),
    Stage("resource", "resource metadata", (discovery.resource, client_side.reads_the_root_first)),
    Stage("server", "authorization server metadata", metadata_documents.CHECKS),
    Stage("registration", "registration", registration.CHECKS),
    Stage("authorize", "authorize", (authorize.authorize, callbacks.callbacks)),
    Stage("token", "token endpoint", (*token.CHECKS, access.error_reply)),
    Stage("versions", "protocol versions", versions.CHECKS),
    Stage("sign_in", "sign-in", (sign_in.sign_in,)),
    Stage("access", "first call", (access.first_call,)),
    Stage("protocol", "MCP in each era", (*protocol.CHECKS, *unanswered_initialize.CHECKS, *request_headers.CHECKS)),
    Stage("catalogue", "tools", (*catalogue.CHECKS, *tool_calls.CHECKS)),
    Stage("sessions", "sessions", sessions.CHECKS),
    Stage("streams", "streams", (*streams.CHECKS, *answers.CHECKS, sessions.farewell)),
    Stage("refresh", "refresh", (refresh.refresh,)),
    Stage("renewed", "the session after the refresh", (sessions.renewed,)),
    Stage("repeat", "repeated tries", repeat.CHECKS),
    Stage("later", "change over time", (*changes.CHECKS, *revocation.CHECKS)),
)
_CLEANING = Stage("cleaning", "cleaning up", (revocation.give_back, registration.forget))


@dataclass(frozen=True, slots=True)
class ClientVerdict:
    """How far one client gets."""

    verdict: str
    """`connects`, `connects as far as sign-in`, `stops`, or `may fail`."""
    stops_at: str | None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The result of an examination."""

    url: str
    findings: tuple[Finding, ...]
    """In the order to fix them."""
    clients: dict[str, ClientVerdict]
    not_checked: dict[str, str]
    crashed: tuple[str, ...]
    """Faults of the doctor itself, one sentence each."""
    reachable: bool
    stages: tuple[str, ...] = ()
    """Names of the completed stages: only their rules were checked."""


async def examine(
    picture: Picture,
    send: Send,
    *,
    sign_in: Person | None = None,
    progress: Progress = lambda _: None,
    seconds: float = 60.0,
    stages: Sequence[Stage] = STAGES,
) -> Report:
    """Run every stage and summarise; clients and sessions are removed even after a timeout or an interrupt.

    `seconds`: the time limit for everything, except the time that the person at `sign_in` takes.
    """
    findings: list[Finding] = []
    crashed: list[str] = []
    done: list[str] = []
    stage = stages[0]
    opened = OpenedSessions(send)
    try:
        async with asyncio.timeout(seconds) as limit:
            driver = Driver(opened, sign_in, limit)
            for stage in stages:
                if not picture.reached.goes_on:
                    break
                progress(stage.title)
                faults = len(crashed)
                await _run(stage, picture, driver, findings, crashed)
                if len(crashed) == faults:
                    done.append(stage.name)
    except TimeoutError:
        crashed.append(f"The time limit of {seconds:g} seconds ended the examination at: {stage.title}.")
    finally:
        # After an interrupt too: most come while waiting for a person.
        await _clean_up(picture, opened, crashed)
    relevant = [mine for each in findings if (mine := _for_clients(each, picture))]
    folded = fold(relevant)
    return Report(
        url=picture.url,
        findings=tuple(sorted(folded, key=_urgency)),
        clients={name: _verdict(name, folded, picture, crashed) for name in picture.clients},
        not_checked={} if not picture.reached.goes_on else dict(picture.not_checked),
        crashed=tuple(crashed),
        reachable=picture.reached.goes_on,
        stages=tuple(done),
    )


async def _clean_up(picture: Picture, opened: OpenedSessions, crashed: list[str]) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_CLEANING_SECONDS) as limit:
            await opened.end_all(picture)  # first, because the tokens that opened them are revoked below
            if picture.registered:
                await _run(_CLEANING, picture, Driver(opened, None, limit), [], crashed)
                await opened.end_all(picture)


async def _run(stage: Stage, picture: Picture, driver: Driver, findings: list[Finding], crashed: list[str]) -> None:
    for check in stage.checks:
        try:
            findings += await driver.drive(check, picture)
        except TimeoutError:
            raise
        except Exception as error:  # noqa: BLE001 - a server that breaks one check must not end the others
            crashed.append(f"The check {check.__name__} failed ({type(error).__name__}); the others went on.")


@dataclass(frozen=True, slots=True)
class Driver:
    """Sends the checks' requests to the network and the person, and returns the responses."""

    opened: OpenedSessions
    sign_in: Person | None
    limit: asyncio.Timeout

    async def drive(self, check: Check, picture: Picture) -> list[Finding]:
        """Run one check to its end."""
        steps = check(picture)
        try:
            ask = next(steps)
            for _ in range(REQUESTS_PER_CHECK):
                answer = await self._answer(ask, patient=bool(picture.repeat))
                picture.mcp.note(ask, answer)
                ask = steps.send(answer)
                await self.opened.end_unneeded(picture, ask)
        except StopIteration as end:
            await self.opened.end_unneeded(picture)
            return list(end.value)
        raise RuntimeError("a check asks without end")

    async def _answer(self, ask: Ask, *, patient: bool) -> Response:
        if not isinstance(ask, SignIn):
            asked = ask.requests if isinstance(ask, Together) else (ask,)
            self._grant(max(each.wait_seconds + (each.limit_seconds or 0.0) * patient for each in asked))
        if isinstance(ask, Together):
            return Response(0, parts=tuple(await asyncio.gather(*(self.opened.send(each) for each in ask.requests))))
        if isinstance(ask, Request):
            return await self.opened.send(ask)
        if self.sign_in is None:
            return Response(0, fault="nobody", sentence="There is nobody to sign in.")
        loop = asyncio.get_running_loop()
        left, began = self.limit.when(), loop.time()
        self.limit.reschedule(None)  # a person may take longer than any server
        try:
            return await self.sign_in(ask)
        finally:
            self.limit.reschedule(None if left is None else left + loop.time() - began)

    def _grant(self, seconds: float) -> None:
        """Exclude a pause that a check asks for from the time limit; for patient requests, also a slow response."""
        left = self.limit.when()
        if seconds and left is not None:
            self.limit.reschedule(left + seconds)


def fold(findings: Sequence[Finding]) -> list[Finding]:
    """Keep the surest finding of each rule, and fold it under the first one that explains it, even indirectly."""
    by_rule: dict[str, Finding] = {}
    for finding in findings:
        known = by_rule.setdefault(finding.rule, finding)
        if _doubt(finding) < _doubt(known):
            by_rule[finding.rule] = finding
    explained: dict[str, str] = {}
    for rule, cause in by_rule.items():
        if cause.verdict in {"note", "risk"} or not cause.folds:
            continue
        for name in rules()[rule].explains:
            if name in by_rule and name != rule:
                explained.setdefault(name, rule)
    kept = []
    for rule, finding in by_rule.items():
        if rule not in explained:
            under = tuple(name for name in by_rule if _root(name, explained) == rule and name != rule)
            kept.append(replace(finding, explains=under))
    return kept


def _root(name: str, explained: dict[str, str]) -> str:
    seen: set[str] = set()
    while name in explained and name not in seen:
        seen.add(name)
        name = explained[name]
    return name


def _for_clients(finding: Finding, picture: Picture) -> Finding | None:
    """Restrict a finding to the clients that the user asked about; None if it stops none of them."""
    mine = tuple(name for name in finding.clients if name in picture.clients)
    if not mine:
        return None
    verdict = f"will break for {', '.join(mine)}" if finding.verdict.startswith("will break") else finding.verdict
    secrets = [*picture.headers.values(), *picture.secrets, picture.token]
    for reply in picture.registered.values():
        secrets += [str(reply.get(name, "")) for name in ("client_secret", "registration_access_token")]
    evidence = tuple(_without(secrets, line) for line in finding.evidence)
    summary = _without(secrets, shown(finding.summary))
    return replace(finding, clients=mine, verdict=verdict, evidence=evidence, summary=summary)


def _without(secrets: Sequence[str], line: str) -> str:
    """Remove what a server may echo: the user's own headers, and secrets that it issued."""
    for secret in secrets:
        if len(secret) >= _SECRET_CHARS_MIN:
            line = line.replace(secret, "***")
    return line


def _urgency(finding: Finding) -> tuple[int, int, int, int]:
    """Return a sort key: certain faults that stop most clients come first."""
    order = [stage.name for stage in STAGES]
    place = order.index(rules()[finding.rule].stage)
    return _doubt(finding), SEVERITIES.index(finding.severity), -len(finding.clients), place


def _doubt(finding: Finding) -> int:
    return ("risk", "note").index(finding.verdict) + 1 if finding.verdict in {"risk", "note"} else 0


def _verdict(name: str, findings: Sequence[Finding], picture: Picture, crashed: Sequence[str]) -> ClientVerdict:
    order = [stage.name for stage in STAGES]
    mine = [each for each in findings if name in each.clients and each.verdict not in {"note", "risk"}]
    stopping = [each for each in mine if each.severity in {"blocker", "major"}]
    if stopping:
        # Certain faults come before possible ones: a client that cannot connect never reaches the others.
        first = min(stopping, key=lambda each: (each.severity, order.index(rules()[each.rule].stage)))
        title = next(stage.title for stage in STAGES if stage.name == rules()[first.rule].stage)
        return ClientVerdict("stops" if first.severity == "blocker" else "may fail", title, first.rule)
    if crashed or not picture.reached.goes_on:
        return ClientVerdict("not checked to the end", None)
    return ClientVerdict("connects" if picture.can_call else "connects as far as sign-in", None)
