"""Registration, as each client would do it: one throw-away client per profile, deleted if the server allows it.

`refusals.py` finds out why a client is refused, and `registration_replies.py` checks the replies.

Spec: RFC 7591 s3; RFC 7592 s2.3; RFC 8252 s7
"""

from __future__ import annotations

import json
from typing import Any

from doorward.doctor.checks.agents import as_client
from doorward.doctor.checks.inner_urls import inner_urls
from doorward.doctor.checks.refusals import refusal
from doorward.doctor.checks.registration_replies import is_client, of_an_invalid_body, reply_faults
from doorward.doctor.engine.check import Finding, Picture, Steps, found, seen
from doorward.doctor.engine.requests import Pairs, Request, Together, together
from doorward.doctor.engine.rules import Profile, rules
from doorward.doctor.network.links import urlsplit

NAME = "doorward check (throw-away)"
LOOPBACK = "loopback"
"""The name of a generic native client, whose redirect URIs have every loopback host and no port."""
LOOPBACK_URIS = ("http://localhost/callback", "http://127.0.0.1/callback", "http://[::1]/callback")
_RULES = (
    "REG-02", "REG-04", "REG-05", "NET-06", "NET-09", "AUT-01", "AUT-02", "AUT-03", "AUT-04", "AUT-07", "AUT-08",
    "AUT-09", "AUT-10", "CIM-01", "TOK-03", "TOK-04",
)  # fmt: skip
_REGISTRATIONS = 12
_READS = 40
_AT_ONCE = 10
_TOO_MANY = 429


def body_of(profile: Profile, redirect_uris: tuple[str, ...]) -> dict[str, Any]:
    """Return the registration body of a client."""
    return {
        "client_name": f"{NAME}, as {profile.title}",
        "redirect_uris": list(redirect_uris),
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": profile.auth_method,
        "application_type": profile.application_type,
        **profile.registration,
    }


def request_of(endpoint: str, body: dict[str, Any]) -> Request:
    """Return a registration request."""
    headers = {"content-type": "application/json", "accept": "application/json"}
    return Request("POST", endpoint, headers, json.dumps(body).encode())


def register(picture: Picture) -> Steps:
    """Register every client concurrently, and report which ones are refused, and why."""
    endpoint = (picture.server or {}).get("registration_endpoint")
    if not isinstance(endpoint, str) or not picture.may_register:
        why = "registration was switched off" if isinstance(endpoint, str) else "there is no registration endpoint"
        picture.skip(why, *_RULES)
        return []
    bodies = {profile.name: body_of(profile, profile.redirect_uris) for profile in picture.clients.values()}
    requests = {
        name: as_client(picture, request_of(endpoint, body), picture.clients[name]) for name, body in bodies.items()
    }
    extra = _extra(picture, endpoint)
    pairs = yield from together(requests | extra)
    if limited := [name for name, (_, response) in pairs.items() if response.status == _TOO_MANY]:
        _take(picture, pairs)
        summary = f"Of {len(pairs)} registrations, {len(limited)} get 429."
        return [found("NET-06", summary, seen(*pairs[limited[0]]), verdict="risk")]
    _take(picture, pairs)
    findings = _replies(picture, pairs)
    findings += of_an_invalid_body(*pairs["invalid"])
    refused = {name: pairs[name] for name in requests if name not in picture.registered}
    if refused:
        findings += yield from refusal(picture, endpoint, refused)
    return findings


def _extra(picture: Picture, endpoint: str) -> dict[str, Request]:
    """Return extra bodies: one that must be refused and, if relevant, loopback URIs without a port."""
    extra = {"invalid": request_of(endpoint, {"client_name": NAME, "redirect_uris": "not a list"})}
    if set(picture.clients) & set(rules()["AUT-01"].clients):
        native = Profile(LOOPBACK, "a native client", "", LOOPBACK_URIS, 0)
        extra[LOOPBACK] = request_of(endpoint, body_of(native, LOOPBACK_URIS))
    return extra


def _take(picture: Picture, pairs: Pairs) -> None:
    """Keep what was registered, so that it can be used and deleted."""
    for name, (request, response) in pairs.items():
        if is_client(response):
            picture.registered[name] = filled_in(json.loads(request.body), response.json)


def filled_in(body: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
    """Return the client as registered; redirect URIs in the reply count only if they are a non-empty list."""
    uris = reply.get("redirect_uris")
    usable = isinstance(uris, list) and uris and all(isinstance(uri, str) for uri in uris)
    return body | reply | ({} if usable else {"redirect_uris": body["redirect_uris"]})


def _replies(picture: Picture, pairs: Pairs) -> list[Finding]:
    """Judge the replies; a fault that all have is reported once."""
    for name, (request, response) in pairs.items():
        if name not in picture.clients or name not in picture.registered:
            continue
        if findings := reply_faults(request, response) + inner_urls(picture.url, "The reply", response.json):
            return findings
    return []


def limits(picture: Picture) -> Steps:
    """With --repeat, register and fetch the metadata as often as the users of one client may."""
    endpoint = (picture.server or {}).get("registration_endpoint")
    if not picture.repeat or not isinstance(endpoint, str) or not picture.registered or not picture.documents:
        return []
    profile = next(iter(picture.clients.values()))
    more = max(_REGISTRATIONS - len(picture.registered), 0)
    requests = [request_of(endpoint, body_of(profile, profile.redirect_uris)) for _ in range(more)]
    urls = [picture.documents[place % len(picture.documents)] for place in range(_READS)]
    requests += [Request("GET", url, {"accept": "application/json"}) for url in urls]
    for start in range(0, len(requests), _AT_ONCE):
        batch = tuple(requests[start : start + _AT_ONCE])
        answers = (yield Together(batch)).parts
        _take(
            picture,
            {f"try {start + i}": pair for i, pair in enumerate(zip(batch, answers, strict=True)) if pair[0].body},
        )
        for place, (request, answer) in enumerate(zip(batch, answers, strict=True)):
            if answer.status == _TOO_MANY:
                summary = f"Request number {start + place + 1} from one address gets 429."
                evidence = [*seen(request, answer), f"Retry-After: {answer.headers.get('retry-after', 'not sent')}"]
                return [found("NET-06", summary, evidence, verdict="risk")]
    return []


def forget(picture: Picture) -> Steps:
    """Delete what was registered, if the server allows it."""
    endpoint = str((picture.server or {}).get("registration_endpoint"))
    requests = []
    for reply in picture.registered.values():
        at, secret = reply.get("registration_client_uri"), reply.get("registration_access_token")
        # Only at the server that issued the secret: a reply may name any address, even an internal one.
        if isinstance(at, str) and isinstance(secret, str) and _origin(at) == _origin(endpoint):
            requests.append(Request("DELETE", at, {"authorization": f"Bearer {secret}"}))
    for start in range(0, len(requests), _AT_ONCE):
        yield Together(tuple(requests[start : start + _AT_ONCE]))
    return []


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()


CHECKS = (register, limits)
