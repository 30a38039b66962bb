"""Judges the collected responses once, at the end: shape, type, members, time.

Sends no requests. The rules of earlier stages look at one response; these look at all.

Spec: JSON-RPC 2.0 s5; MCP 2025-11-25 basic/transports; MCP 2026-07-28 basic/index; RFC 6750 s3.1
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from doorward.doctor.checks.versions import error_code
from doorward.doctor.engine.calls import ask
from doorward.doctor.engine.check import Finding, Picture, Steps, challenge_of, found, seen
from doorward.doctor.engine.dialogue import Said
from doorward.doctor.engine.messages import initialize
from doorward.doctor.engine.requests import Request
from doorward.mcp.events import EventStream, read_events
from doorward.mcp.results import answer_of, envelope_faults, result_faults

_EVENTS = "text/event-stream"
_TYPES = ("application/json", _EVENTS)
_UTF8 = ("utf-8", "utf8", '"utf-8"')
_TIMED = ("initialize", "server/discover", "tools/list")
_SILENCE_SECONDS = 900.0
_REPEATS_FOR_SILENCE = 20
"""Waiting a quarter of an hour is only for users who ask for many attempts."""


def _mine(picture: Picture) -> Iterator[Said]:
    """Yield the exchanges in which the doctor had access and got a response."""
    for each in picture.mcp.answers():
        if _let_in(picture, each) and each.response.status and each.request.until is None:
            yield each


def _let_in(picture: Picture, each: Said) -> bool:
    """Return whether the exchange used the token, and not none or an invented one."""
    return picture.is_open or each.request.headers.get("authorization") == f"Bearer {picture.token}"


def content_types(picture: Picture) -> Steps:
    """Check the content type of each response."""
    yield from ()
    for each in _mine(picture):
        response = each.response
        if each.rpc_id is None or response.status != 200 or _served_as(response.headers.get("content-type")):  # noqa: PLR2004
            continue
        kind = response.headers.get("content-type")
        summary = (
            f"{each.method} is answered as {kind}." if kind else f"The answer to {each.method} has no content type."
        )
        html = response.media_type == "text/html"
        if not html or picture.mcp.eras:
            return [found("TRN-08", summary, seen(each.request, response))]
    return []


def _served_as(kind: str | None) -> bool:
    media_type, _, parameters = (kind or "").partition(";")
    name, _, value = parameters.strip().partition("=")
    charset_is_good = name.lower() != "charset" or value.strip().lower() in _UTF8
    return media_type.strip().lower() in _TYPES and charset_is_good


def framing(picture: Picture) -> Steps:
    """Parse each finished stream strictly."""
    yield from ()
    fragile: list[Finding] = []
    for each, stream in _streams(picture):
        evidence = [*seen(each.request, each.response, body=False), f"< {each.response.body[-120:]!r}"]
        if stream.lost:
            return [found("STR-04", f"A stream cannot be read to its end: {stream.lost[0]}.", evidence)]
        if stream.fragile and not fragile:
            summary = f"A stream is spelled so that some clients cannot read it: {stream.fragile[0]}."
            fragile.append(found("STR-04", summary, evidence, verdict="risk"))
    return fragile


def _streams(picture: Picture) -> Iterator[tuple[Said, EventStream]]:
    for each in _mine(picture):
        response = each.response
        if each.whole and response.status == 200 and response.media_type == _EVENTS and not response.fault:  # noqa: PLR2004
            yield each, read_events(response.body)


def envelopes(picture: Picture) -> Steps:
    """Compare each response with its request."""
    yield from ()
    for each in _mine(picture):
        message = _answer(each)
        if each.rpc_id is None or not each.whole or each.response.status not in {200, 404} or each.response.fault:
            continue
        if each.response.media_type not in _TYPES or (message is None and each.response.status != 200):  # noqa: PLR2004
            continue
        if each.response.media_type == _EVENTS and message is None:
            continue  # its framing is another rule's
        faults = envelope_faults(each.rpc_id, message)
        if faults and (message is None or _is_rpc(message) or each.response.status == 200):  # noqa: PLR2004
            summary = f"The answer to {each.method} is no good JSON-RPC: {faults[0]}."
            evidence = [f"> id: {each.rpc_id!r} ({type(each.rpc_id).__name__})", *seen(each.request, each.response)]
            return [found("TRN-07", summary, evidence)]
    return []


def _is_rpc(message: object) -> bool:
    return isinstance(message, dict) and "jsonrpc" in message


def _answer(each: Said) -> object:
    """Return the message that answers; in a stream, only one that a strict client sees."""
    if each.response.media_type != _EVENTS:
        return each.response.json
    return answer_of(read_events(each.response.body).messages)


def members(picture: Picture) -> Steps:
    """Compare each result with what its revision requires."""
    yield from ()
    faults: dict[str, Said] = {}
    for each in _mine(picture):
        message = _answer(each) if each.whole else None
        result = message.get("result") if isinstance(message, dict) else None
        if isinstance(result, dict) and not (each.era == "modern" and each.method == "ping"):
            for fault in result_faults(each.method, result, modern=each.era == "modern"):
                faults.setdefault(f"{each.method} ({each.era}): {fault}", each)
    if faults:
        first = next(iter(faults.values()))
        evidence = [*list(faults)[:10], *seen(first.request, first.response)]
        return [found("VER-05", f"Results lack what their revision asks for: {next(iter(faults))}.", evidence)]
    served = [each for each in picture.mcp.answers("ping", era="modern") if each.result is not None]
    if served:
        summary = "ping is served under 2026-07-28, which has none."
        evidence = seen(served[0].request, served[0].response)
        return [found("VER-05", summary, evidence, verdict="risk", severity="minor")]
    echoed = [each for each in picture.mcp.answers(era="modern") if "mcp-session-id" in each.response.headers]
    if echoed and picture.mcp.discovery is not None:
        said = echoed[0]
        evidence = [*seen(said.request, said.response, body=False), "< mcp-session-id is there"]
        summary = "An answer of the newer era carries Mcp-Session-Id, which it has none of."
        return [found("VER-05", summary, evidence, verdict="risk", severity="minor")]
    return []


def scopes(picture: Picture) -> Steps:
    """Check how calls are refused whose token lacks a scope."""
    yield from ()
    if not picture.token or picture.is_open or not picture.mcp.eras:
        return []
    for each in picture.mcp.answers():
        response = each.response
        if response.status not in {401, 403} or not _let_in(picture, each) or not _reached(each):
            continue
        challenge = challenge_of(response)
        lacks = [name for name in ("scope", "resource_metadata") if not challenge.get(name)]
        evidence = seen(each.request, response)
        if response.status == 401:  # noqa: PLR2004
            summary = (
                f"{each.method} gets 401 with a token that begins a session: clients refresh it, or sign in again."
            )
            return [found("RS-04", summary, evidence, verdict="risk")]
        if challenge.get("error") != "insufficient_scope":
            summary = f"{each.method} gets 403 without error=insufficient_scope: no client can tell what it lacks."
            return [found("RS-04", summary, evidence)]
        if lacks:
            summary = f"The challenge for {each.method} lacks {' and '.join(lacks)}."
            return [found("RS-04", summary, evidence)]
    return []


def _reached(each: Said) -> bool:
    """Return whether the server itself refused an ordinary call; others may be stopped before they reach it."""
    ordinary = {"user-agent", "x-doorward-check"}.isdisjoint(each.request.headers)
    return ordinary and each.method in {"tools/list", "tools/call"} and error_code(each.response) is None


def slow(picture: Picture) -> Steps:
    """Compare the duration of the first calls with the clients' time limits."""
    if not picture.can_call or not picture.mcp.said:
        return []
    slowest = max(_timed(picture), key=lambda each: each.response.elapsed_seconds, default=None)
    findings = _too_slow(picture, slowest, "")
    if findings or not picture.mcp.eras:
        return findings
    if picture.repeat < _REPEATS_FOR_SILENCE:
        picture.skip(f"a cold start shows after 15 minutes of silence: --repeat {_REPEATS_FOR_SILENCE}", "PERF-01")
        return []
    headers = {"authorization": f"Bearer {picture.token}"} if picture.token else {}
    legacy = picture.mcp.handshake is not None
    request = initialize(picture, headers=headers) if legacy else ask(picture, "modern", "server/discover")
    response = yield _after_silence(request)
    cold = Said(request, response, "initialize" if legacy else "server/discover", 1, picture.mcp.preferred)
    return _too_slow(picture, cold, " after 15 minutes of silence")


def _after_silence(request: Request) -> Request:
    return replace(request, wait_seconds=_SILENCE_SECONDS)


def _timed(picture: Picture) -> Iterator[Said]:
    """Yield the first response to each method; later requests partly ran concurrently."""
    known: set[tuple[str, str]] = set()
    for each in picture.mcp.answers(*_TIMED):
        if _let_in(picture, each) and (each.method, each.era) not in known:
            known.add((each.method, each.era))
            yield each


def _too_slow(picture: Picture, said: Said | None, when: str) -> list[Finding]:
    seconds = said.response.elapsed_seconds if said else 0.0
    stopped = [profile.name for profile in picture.clients.values() if profile.timeout_seconds <= seconds]
    if said is None or not stopped:
        return []
    limits = [f"{picture.clients[name].title} waits {picture.clients[name].timeout_seconds} s" for name in stopped]
    answered = "took" if said.response.status else "was not answered within"
    summary = f"{said.method} {answered} {seconds:.0f} seconds{when}."
    evidence = [f"seconds: {seconds:.1f}", *limits, *seen(said.request, said.response, body=False)]
    return [found("PERF-01", summary, evidence, clients=stopped)]


CHECKS = (content_types, framing, envelopes, members, scopes, slow)
