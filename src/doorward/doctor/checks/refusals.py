"""Why a registration is refused: a firewall, a policy, a member of the body, or a redirect URI.

Each hypothesis is tested by changing only that, so a finding names what made the difference.

Spec: RFC 7591 s2, s3.2.2; RFC 8252 s7
"""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import replace
from typing import Any

from doorward.doctor.checks.agents import BROWSER, is_wall
from doorward.doctor.checks.registration_replies import is_client
from doorward.doctor.engine.check import Finding, Picture, found, seen
from doorward.doctor.engine.requests import Ask, Pairs, Request, Response, Together, together

_EXAMINED_MAX = 4
_SWAPS = (("://127.0.0.1", "://localhost"),)


def refusal(picture: Picture, endpoint: str, refused: Pairs) -> Generator[Ask, Response, list[Finding]]:
    """Return the findings that say why clients are refused."""
    findings: list[Finding] = []
    walled = {name: pair for name, pair in refused.items() if is_wall(pair[1])}
    if walled and (blamed := (yield from _wall(picture, walled))):
        findings.append(blamed)
        refused = {name: pair for name, pair in refused.items() if name not in blamed.clients}
    first = next(iter(refused.values()), None)
    if first is None:
        return findings
    everyone = len(refused) == len(picture.clients)
    if everyone and first[1].status in {401, 403}:
        summary = f"Registration answers {first[1].status} to everyone."
        return [*findings, found("REG-05", summary, seen(*first))]
    return [*findings, *(yield from _body(picture, endpoint, refused, everyone=everyone))]


def _wall(picture: Picture, walled: Pairs) -> Generator[Ask, Response, Finding | None]:
    """Try the same body as a browser, and with the other spelling of loopback."""
    name, (request, response) = next(iter(walled.items()))
    body = request.body.decode()
    swapped = body.replace(*_SWAPS[0]) if "127.0.0.1" in body else ""
    tries = [replace(request, headers={**request.headers, "user-agent": BROWSER})]
    tries += [replace(request, body=swapped.encode())] if swapped else []
    answers = (yield Together(tuple(tries))).parts
    _keep(picture, f"{name}: tried", tries, answers)
    if swapped and is_client(answers[1]) and not is_client(answers[0]):
        stopped = [each for each, pair in walled.items() if b"127.0.0.1" in pair[0].body]
        evidence = [*seen(request, response), "with 127.0.0.1: refused", "with localhost: accepted"]
        summary = "A body that names 127.0.0.1 is refused before it reaches the server."
        return found("NET-09", summary, evidence, clients=stopped)
    if is_client(answers[0]):
        evidence = [*seen(request, response), f"with the agent of a browser: {answers[0].status}"]
        summary = "Registration refuses the agents of clients, and takes the same body from a browser."
        return found("NET-01", summary, evidence, clients=list(walled))
    return None


def _variants(endpoint: str, request: Request) -> dict[str, Request]:
    """Return the body with one change each, by name; then each redirect URI alone."""
    body = json.loads(request.body)
    other_type = "native" if body.get("application_type") == "web" else "web"
    changed: dict[str, dict[str, Any]] = {
        "with redirect_uris alone": {"redirect_uris": body["redirect_uris"]},
        "with a scope": body | {"scope": "openid"},
        f"as {other_type}": body | {"application_type": other_type},
    }
    uris = body["redirect_uris"]
    alone = {uri: body | {"redirect_uris": [uri]} for uri in uris} if len(uris) > 1 else {}
    return {
        name: Request("POST", endpoint, request.headers, json.dumps(each).encode())
        for name, each in (changed | alone).items()
    }


def _body(
    picture: Picture, endpoint: str, refused: Pairs, *, everyone: bool
) -> Generator[Ask, Response, list[Finding]]:
    """Find the part of the body that is refused: a member, or a redirect URI."""
    evidence: list[str] = []
    policy: list[str] = []
    for name, (request, response) in list(refused.items())[:_EXAMINED_MAX]:
        variants = _variants(endpoint, request)
        pairs = yield from together(variants)
        outcome = {change: answer for change, (_, answer) in pairs.items()}
        _keep(picture, name, list(variants.values()), tuple(outcome.values()))
        uris = json.loads(request.body)["redirect_uris"]
        evidence += _table(picture.clients[name].title, uris, outcome, response)
        changes = [change for change in outcome if change not in uris and is_client(outcome[change])]
        if changes:
            policy.append(name)
            evidence.append(f"{picture.clients[name].title} {changes[0]}: accepted")
        if everyone and policy:
            break
    first = next(iter(refused.values()))
    evidence += seen(*first)
    if policy:
        stopped = list(refused) if everyone else policy
        summary = "Registration refuses a member of the body, or wants one more, and not the redirect URIs."
        return [found("REG-05", summary, evidence, clients=stopped)]
    words = b"".join(response.body for _, response in refused.values())
    if everyone and b"redirect" not in words:
        return [found("REG-05", "Registration refuses every client.", evidence)]
    return [found("REG-02", f"Registration refuses {', '.join(refused)}.", evidence, clients=tuple(refused))]


def _table(title: str, uris: list[str], outcome: dict[str, Response], response: Response) -> list[str]:
    """Return a line for each redirect URI of a client."""
    lines = []
    for uri in uris:
        answer = outcome.get(uri, response)
        lines.append(f"{title}: {uri}: {'accepted' if is_client(answer) else f'refused ({_words(answer)})'}")
    return lines


def _words(response: Response) -> str:
    error = response.json.get("error") if isinstance(response.json, dict) else None
    return f"{response.status} {error}" if isinstance(error, str) else str(response.status)


def _keep(picture: Picture, name: str, requests: list[Request], answers: tuple[Response, ...]) -> None:
    """Keep what was registered on the way: it can be used, and is deleted at the end."""
    for place, (request, answer) in enumerate(zip(requests, answers, strict=True)):
        if is_client(answer):
            body = json.loads(request.body)
            picture.registered[f"{name} {place}"] = body | answer.json | {"redirect_uris": body["redirect_uris"]}
