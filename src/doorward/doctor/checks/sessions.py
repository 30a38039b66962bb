"""Sessions of the older era: known on any connection, 404 when unknown, and ended cleanly.

Spec: MCP 2025-11-25 basic/transports; RFC 9112 s9.3, s9.5
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from dataclasses import replace

from doorward.doctor.checks.versions import error_code
from doorward.doctor.engine.calls import ask, bare
from doorward.doctor.engine.check import Finding, Picture, Steps, found, seen
from doorward.doctor.engine.messages import initialize
from doorward.doctor.engine.requests import Ask, Request, Response, Together

_DEAD_ID = "doorward-check-made-up"
_NO_METHOD = -32601
_CALLS_LIMIT = 20
_PAUSES_SECONDS = (5.0, 60.0, 75.0)
_SHORT_SECONDS = 30.0
"""Proxies keep idle connections for a minute; a server that closes them much earlier loses races with proxies."""


def known_everywhere(picture: Picture) -> Steps:
    """Use one session over many fresh connections, and over one that is kept open."""
    if not picture.mcp.mcp_session:
        if picture.mcp.handshake is not None:
            picture.skip("the server keeps no sessions", "SES-01", "SES-03")
        return []
    at_once = _lost_at_once(picture)
    if not picture.repeat:
        if not at_once:
            picture.skip("needs --repeat", "SES-01")
        return at_once
    request = ask(picture, "legacy", "ping")
    count = min(picture.repeat, _CALLS_LIMIT)
    fresh = yield from _answers(request, count)
    kept = yield from _answers(replace(request, connection="SES-01"), count)
    return _compared(picture, request, fresh, kept) or at_once


def _lost_at_once(picture: Picture) -> list[Finding]:
    """Look for lost sessions among the existing responses."""
    used = [each for each in picture.mcp.answers(era="legacy") if "mcp-session-id" in each.request.headers]
    lost = [each for each in used if _is_lost(picture, each.request, each.response)]
    if not lost:
        return []
    summary = "A session that was opened a moment ago is not known to every request."
    evidence = [f"{len(lost)} of {len(used)} calls with the session: 404", *seen(lost[0].request, lost[0].response)]
    return [found("SES-01", summary, evidence)]


def _answers(request: Request, count: int) -> Generator[Ask, Response, list[Response]]:
    """Send the same request repeatedly, one after the other."""
    answers: list[Response] = []
    while len(answers) < count:
        answer = yield request
        answers.append(answer)
    return answers


def _is_lost(picture: Picture, request: Request, response: Response) -> bool:
    if request.headers.get("mcp-session-id") != picture.mcp.mcp_session or error_code(response) == _NO_METHOD:
        return False
    return response.status == 404 or (response.status == 400 and b"session" in response.body.lower())  # noqa: PLR2004


def _compared(picture: Picture, request: Request, fresh: list[Response], kept: list[Response]) -> list[Finding]:
    lost = [each for each in (*fresh, *kept) if _is_lost(picture, request, each)]
    if not lost:
        return []
    groups = {"over fresh connections": fresh, "over one connection": kept}
    lines = [f"{name}: {_counted(group)}" for name, group in groups.items()]
    servers = {each.headers["server"] for each in (*fresh, *kept) if "server" in each.headers}
    lines += [f"server headers: {', '.join(sorted(servers))}"] if len(servers) > 1 else []
    summary = f"{len(lost)} of {len(fresh) + len(kept)} calls with one session are told that it does not exist."
    return [found("SES-01", summary, [*lines, *seen(request, lost[0])])]


def _counted(group: list[Response]) -> str:
    return ", ".join(f"{count} x {status}" for status, count in Counter(each.status for each in group).items())


def dead(picture: Picture) -> Steps:
    """Use an invented session id."""
    if picture.mcp.handshake is None:
        return []
    request = ask(picture, "legacy", "tools/list", headers={"mcp-session-id": _DEAD_ID})
    response = yield request
    if response.status == 404 or (not picture.mcp.mcp_session and response.status == 200):  # noqa: PLR2004
        return []
    answer = response.status or "no answer"
    return [found("SES-02", f"A session id that is not known gets {answer}.", seen(request, response))]


def pauses(picture: Picture) -> Steps:
    """Reuse a connection after longer and longer pauses."""
    if not picture.mcp.eras:
        return []
    if not picture.repeat:
        picture.skip("needs --repeat", "LIFE-03")
        return []
    request = ask(picture, picture.mcp.preferred, "tools/list")
    kept = tuple(replace(request, connection=f"LIFE-03 {seconds:g}") for seconds in _PAUSES_SECONDS)
    first = (yield Together(kept)).parts
    if any(each.status != 200 or _closes(each) for each in first):  # noqa: PLR2004
        return []
    # Run all pauses concurrently, each on its own connection, because their sum is too long.
    paused = zip(kept, _PAUSES_SECONDS, strict=True)
    later = (yield Together(tuple(replace(each, wait_seconds=seconds) for each, seconds in paused))).parts
    for seconds, response in zip(_PAUSES_SECONDS, later, strict=True):
        if response.fault == "closed":
            summary = f"A connection is closed by the server within {seconds:g} seconds without a request."
            verdict = "risk" if seconds <= _SHORT_SECONDS else "note"
            evidence = [f"pause: {seconds:g} s", *seen(request, response)]
            return [found("LIFE-03", summary, evidence, verdict=verdict)]
    return []


def _closes(response: Response) -> bool:
    return "close" in response.headers.get("connection", "").lower()


def keep_for_later(picture: Picture) -> Steps:
    """Open a session with the current token, to use it after the token was refreshed."""
    if not picture.mcp.mcp_session or not picture.signed_in.get("refresh_token") or not picture.token:
        if picture.mcp.mcp_session:
            picture.skip(_no_refresh(picture), "SES-03")
        return []
    response = yield initialize(picture, headers={"authorization": f"Bearer {picture.token}"})
    session = response.headers.get("mcp-session-id")
    if session:
        picture.mcp.before_refresh = (picture.token, session)
    return []


def _no_refresh(picture: Picture) -> str:
    if picture.is_open:
        return "the server asks for no sign-in"
    return "the sign-in brought no refresh token" if picture.signed_in else "needs --login"


def renewed(picture: Picture) -> Steps:
    """Use a session from before the refresh with the token from after it."""
    if picture.mcp.before_refresh is None:
        return []
    token, session = picture.mcp.before_refresh
    end = bare(picture, "DELETE", {"mcp-session-id": session})
    if not picture.token or picture.token == token:
        picture.skip("the token was not refreshed", "SES-03")
        yield end
        picture.mcp.before_refresh = None
        return []
    request = ask(picture, "legacy", "tools/list", headers={"mcp-session-id": session})
    response = yield request
    yield end
    picture.mcp.before_refresh = None
    if response.status not in {400, 403, 404}:
        return []
    summary = f"After a refresh of the token, its session gets {response.status}."
    return [found("SES-03", summary, seen(request, response))]


def farewell(picture: Picture) -> Steps:
    """End the session, and try an unknown method."""
    picture.mcp.parted = True
    if picture.mcp.handshake is None:
        return []
    put = bare(picture, "PUT")
    answer = yield put
    end = bare(picture, "DELETE")
    ended = yield end
    for request, response in ((end, ended), (put, answer)):
        page = response.media_type == "text/html" and request is end
        if response.status >= 500 or not response.status or page:  # noqa: PLR2004
            shape = f"{response.status or 'no answer'}{', a page' if page else ''}"
            verdict = "broken" if request is end else "risk"
            return [found("SES-04", f"{request.method} gets {shape}.", seen(request, response), verdict=verdict)]
    return []


CHECKS = (known_everywhere, dead, pauses, keep_for_later)
