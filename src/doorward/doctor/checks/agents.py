"""User agents and headers of the clients, and of unknown ones: which of them get past the edge.

Spec: RFC 9110 s10.1.5
"""

from __future__ import annotations

from dataclasses import replace

from doorward.doctor.engine.check import Finding, Picture, Steps, found, seen
from doorward.doctor.engine.messages import discover, initialize
from doorward.doctor.engine.requests import Request, Response, Together
from doorward.doctor.engine.rules import Profile

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_UNKNOWN = "doorward-check-unknown/1.0"
_BLOCKING = frozenset({403, 406, 429, 503})
_EDGE_HEADERS = ("server", "cf-mitigated", "cf-ray", "x-vercel-mitigated", "x-amzn-waf-action", "x-sucuri-block")


def as_client(picture: Picture, request: Request, profile: Profile) -> Request:
    """Return a request as a client sends it: its user agent, its headers, and its time limit, capped by the user's."""
    headers = {**request.headers, **profile.headers, "user-agent": profile.user_agent}
    return replace(request, headers=headers, limit_seconds=min(picture.timeout_seconds, profile.timeout_seconds))


def agents(picture: Picture) -> Steps:
    """Ask with the agents of the clients, a library, a browser and an unknown program, and compare."""
    # Send every agent the same request. On an open server each handshake opens a session, often a process.
    request = discover(picture) if "mcp-session-id" in picture.initialize.headers else initialize(picture)
    asked: dict[str, Request] = {BROWSER: _with_agent(request, BROWSER)}
    users: dict[str, list[str]] = {}
    for profile in picture.clients.values():
        for agent in (profile.user_agent, *profile.other_agents):
            asked.setdefault(agent, as_client(picture, request, replace(profile, user_agent=agent)))
            users.setdefault(agent, []).append(profile.name)
    asked[_UNKNOWN] = _with_agent(request, _UNKNOWN)
    answers = dict(zip(asked, (yield Together(tuple(asked.values()))).parts, strict=True))
    refused = [agent for agent, answer in answers.items() if _is_refused(answers[BROWSER], asked[agent], answer)]
    return _refusals(picture, asked, answers, refused, users)


def documents(picture: Picture) -> Steps:
    """Fetch the documents with the agents of hosted clients: a rule may cover more than MCP."""
    urls = list(dict.fromkeys((*picture.documents[:1], *picture.documents[-1:])))
    hosted = [profile for profile in picture.clients.values() if profile.hosted]
    if not urls or not hosted:
        return []
    asked = {(url, ""): Request("GET", url, {"accept": "application/json", "user-agent": BROWSER}) for url in urls}
    for profile in hosted:
        asked |= {(url, profile.name): as_client(picture, asked[url, ""], profile) for url in urls}
    answers = dict(zip(asked, (yield Together(tuple(asked.values()))).parts, strict=True))
    refused = [key for key in asked if key[1] and _is_refused(answers[key[0], ""], asked[key], answers[key])]
    if not refused:
        return []
    evidence = [f"{name or 'a browser'}: {url}: {_words(answers[url, name])}" for url, name in asked]
    evidence += seen(asked[refused[0]], answers[refused[0]])
    stopped = list(dict.fromkeys(name for _, name in refused))
    return [found("NET-01", "The metadata is refused to the agents of clients.", evidence, clients=stopped)]


def _with_agent(request: Request, agent: str) -> Request:
    return replace(request, headers={**request.headers, "user-agent": agent})


def _is_refused(plain: Response, request: Request, answer: Response) -> bool:
    if answer.fault == "timeout" and plain.elapsed_seconds > (request.limit_seconds or 0) / 2:
        return False  # slow for everybody, and this client is the least patient
    if not answer.status:
        return bool(plain.status)
    turned = answer.media_type == "text/html" != plain.media_type
    return (answer.status in _BLOCKING or turned) and answer.status != plain.status


def _refusals(
    picture: Picture,
    asked: dict[str, Request],
    answers: dict[str, Response],
    refused: list[str],
    users: dict[str, list[str]],
) -> list[Finding]:
    if not refused:
        return []
    evidence = [f"{agent}: {_words(answer)}" for agent, answer in answers.items()]
    evidence += seen(asked[refused[0]], answers[refused[0]])
    stopped = [name for name in picture.clients if any(name in users.get(agent, ()) for agent in refused)]
    certain = [name for name in stopped if picture.clients[name].user_agent in refused]
    if certain:
        summary = "Some user agents are refused where a browser's is not."
        return [found("NET-01", summary, evidence, clients=certain)]
    summary = "An agent that is not known is refused where a browser's is not: a client may be the next."
    return [found("NET-01", summary, evidence, verdict="risk", clients=stopped or list(picture.clients))]


def _words(answer: Response) -> str:
    if not answer.status:
        return f"no answer: {answer.sentence or answer.fault}"
    edge = [f"{name} {answer.headers[name]}" for name in _EDGE_HEADERS if name in answer.headers]
    return ", ".join([str(answer.status), answer.media_type or "no type", *edge])


def is_wall(response: Response) -> bool:
    """Return whether a refusal looks like it came from a proxy or firewall, not from an authorization server."""
    return response.status in {403, 406, 429, 503} and not isinstance(response.json, dict)
