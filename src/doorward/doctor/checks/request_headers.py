"""Rules on the headers of a request with a token: user agent, Accept, and size.

Spec: RFC 9110 s10.1.5, s12.5.1; RFC 6585 s5
"""

from __future__ import annotations

from doorward.doctor.engine.calls import ask
from doorward.doctor.engine.check import Picture, Steps, found, seen
from doorward.doctor.engine.messages import BOTH_TYPES
from doorward.doctor.engine.requests import Request, Response, Together

_BLOCKING = frozenset({0, 403, 406, 503})
_ACCEPTS = (BOTH_TYPES, "application/json", "text/event-stream", "*/*", "")
_ROOM_BYTES = 7000
"""With the usual headers this stays under 8 KB, the line limit of many proxies."""
_STEPS_BYTES = (1000, 2000, 3000, 4000, 5000, 6000, _ROOM_BYTES)
_TOO_LARGE = frozenset({0, 400, 413, 414, 431, 494})


def _guarded(picture: Picture) -> bool:
    if picture.is_open:
        picture.skip("the server asks for no sign-in", "NET-08", "RS-04")
    return bool(picture.token) and not picture.is_open and bool(picture.mcp.eras)


def _call(picture: Picture, headers: dict[str, str]) -> Request:
    era = picture.mcp.preferred
    return ask(picture, era, "server/discover" if era == "modern" else "ping", headers=headers)


def agents(picture: Picture) -> Steps:
    """Call with the token as each client's user agent."""
    if not _guarded(picture):
        return []
    named = dict.fromkeys(profile.user_agent for profile in picture.clients.values())
    requests = tuple(_call(picture, {"user-agent": agent} if agent else {}) for agent in ("", *named))
    plain, *answers = (yield Together(requests)).parts
    if plain.status != 200:  # noqa: PLR2004
        return []
    blocked: dict[str, tuple[Request, Response]] = {}
    for agent, request, response in zip(named, requests[1:], answers, strict=True):
        if response.status in _BLOCKING:
            # Retry alone: what a server refuses under load says nothing about the agent.
            again = yield request
            if again.status in _BLOCKING:
                blocked[agent] = request, again
    stopped = [profile.name for profile in picture.clients.values() if profile.user_agent in blocked]
    if not stopped:
        return []
    evidence = ["with the token:", *seen(requests[0], plain, body=False)]
    for agent, pair in blocked.items():
        evidence += [f"with the token, as {agent}:", *seen(*pair)]
    summary = "Calls with a good token are refused for some user agents."
    return [found("NET-01", summary, evidence, clients=stopped)]


def accept(picture: Picture) -> Steps:
    """Call with the token and each variant of Accept that clients send."""
    if not _guarded(picture):
        return []
    requests = tuple(_call(picture, {"accept": value}) for value in _ACCEPTS)
    answers = dict(zip(_ACCEPTS, (yield Together(requests)).parts, strict=True))
    refused = {value for value, response in answers.items() if response.status == 406}  # noqa: PLR2004
    if not refused:
        return []
    matrix = [f"accept: {value or '(none)'}: {response.status}" for value, response in answers.items()]
    if BOTH_TYPES in refused:
        evidence = [*matrix, *seen(requests[0], answers[BOTH_TYPES])]
        return [found("TRN-03", "The Accept header of every client is refused with 406.", evidence)]
    # Clients must name both types, so a single type may be refused; a wildcard covers both.
    verdict = "risk" if refused & {"*/*", ""} else "note"
    return [found("TRN-03", "Some spellings of Accept are refused with 406.", matrix, verdict=verdict)]


def large_headers(picture: Picture) -> Steps:
    """Measure how many bytes of headers get through, in addition to the token."""
    if not _guarded(picture):
        return []
    request = _call(picture, {"x-doorward-check": "a" * _ROOM_BYTES})
    plain_request = _call(picture, {})
    plain, large = (yield Together((plain_request, request))).parts
    if plain.status != 200 or large.status not in _TOO_LARGE:  # noqa: PLR2004
        return []
    sizes = tuple(_call(picture, {"x-doorward-check": "a" * count}) for count in _STEPS_BYTES)
    answers = (yield Together(sizes)).parts
    passed = [count for count, each in zip(_STEPS_BYTES, answers, strict=True) if each.status == plain.status]
    room = max(passed, default=0)
    if room == _ROOM_BYTES:
        return []
    token = len(picture.token)
    evidence = [
        f"bytes added to the headers: {room} pass, {_ROOM_BYTES} do not",
        f"bytes of the token: {token}",
        f"> x-doorward-check: {_ROOM_BYTES} bytes",
        *seen(plain_request, large),
    ]
    summary = f"Requests with about {(room + token + 500) // 1000 + 1} KB of headers are refused."
    return [found("NET-08", summary, evidence, verdict="risk")]


CHECKS = (agents, accept, large_headers)
