"""Registration, as each client would: one throw-away client per profile, named as such, deleted where that is offered.

Spec: RFC 7591 s3; RFC 7592 s2.3; RFC 8252 s7
"""

from __future__ import annotations

import json
from typing import Any

from doorward.doctor.check import Finding, Picture, Steps, found, seen
from doorward.doctor.exchange import Request, Response
from doorward.doctor.links import urlsplit
from doorward.doctor.rules import Profile

NAME = "doorward check (throw-away)"
_RULES = ("REG-02", "REG-04", "REG-05", "NET-06", "AUT-01", "AUT-02", "AUT-04", "AUT-07", "TOK-03", "TOK-04")


def body_of(profile: Profile, redirect_uris: tuple[str, ...]) -> dict[str, Any]:
    """Return what the client registers with."""
    return {
        "client_name": f"{NAME}, as {profile.title}",
        "redirect_uris": list(redirect_uris),
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": profile.auth_method,
        "application_type": profile.application_type,
    }


def request_of(endpoint: str, body: dict[str, Any]) -> Request:
    """Return a registration request."""
    headers = {"content-type": "application/json", "accept": "application/json"}
    return Request("POST", endpoint, headers, json.dumps(body).encode())


def register(picture: Picture) -> Steps:
    """Register every client, and say which ones are refused, and for which of their redirect URIs."""
    endpoint = (picture.server or {}).get("registration_endpoint")
    if not isinstance(endpoint, str) or not picture.may_register:
        why = "registration was switched off" if isinstance(endpoint, str) else "there is no registration endpoint"
        picture.skip(why, *_RULES)
        return []
    refused: dict[str, tuple[Request, Response]] = {}
    findings: list[Finding] = []
    for profile in picture.clients.values():
        body = body_of(profile, profile.redirect_uris)
        request = request_of(endpoint, body)
        response = yield request
        if response.status == 429:  # noqa: PLR2004
            summary = f"Registration number {len(picture.registered) + len(refused) + 1} gets 429."
            return [*findings, found("NET-06", summary, seen(request, response), verdict="risk")]
        reply = response.json
        if _is_client(response):
            picture.registered[profile.name] = _filled_in(body, reply)
            findings += _reply(request, response, reply, findings)
        else:
            refused[profile.name] = (request, response)
    if refused:
        findings.append((yield from _refusal(picture, endpoint, refused)))
    return findings


def _is_client(response: Response) -> bool:
    reply = response.json
    return response.status in {200, 201} and isinstance(reply, dict) and isinstance(reply.get("client_id"), str)


def _filled_in(body: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
    """Return the client as registered; what the reply says of redirect URIs counts only when it is a list of some."""
    uris = reply.get("redirect_uris")
    usable = isinstance(uris, list) and uris and all(isinstance(uri, str) for uri in uris)
    return body | reply | ({} if usable else {"redirect_uris": body["redirect_uris"]})


def _reply(request: Request, response: Response, reply: dict[str, Any], earlier: list[Finding]) -> list[Finding]:
    nulls = [name for name, value in reply.items() if value is None]
    wrong = [f"{name} is null" for name in nulls]
    if isinstance(reply.get("scope"), list):
        wrong.append("scope is a list")
    if reply.get("client_secret") and "client_secret_expires_at" not in reply:
        wrong.append("client_secret comes without client_secret_expires_at")
    if not wrong or any(finding.rule == "REG-04" for finding in earlier):
        return []
    return [found("REG-04", f"In the reply, {', '.join(wrong)}.", [*seen(request, response, body=False), *wrong])]


def _refusal(picture: Picture, endpoint: str, refused: dict[str, tuple[Request, Response]]) -> Any:
    """Tell a policy against strangers from a validator of redirect URIs, and find the URI it refuses."""
    first = next(iter(refused.values()))
    everyone = len(refused) == len(picture.clients)
    if everyone and first[1].status in {401, 403}:
        return found("REG-05", f"Registration answers {first[1].status} to everyone.", seen(*first))
    evidence: list[str] = []
    for name, pair in refused.items():
        profile = picture.clients[name]
        evidence += [f"{profile.title}:", *seen(*pair)]
        if len(profile.redirect_uris) == 1:
            evidence.append(f"  {profile.redirect_uris[0]}: refused")
            continue
        for uri in profile.redirect_uris:
            response = yield request_of(endpoint, body_of(profile, (uri,)))
            evidence.append(f"  {uri}: {'accepted' if _is_client(response) else f'refused ({response.status})'}")
            if _is_client(response):
                picture.registered[f"{name} {uri}"] = _filled_in(body_of(profile, (uri,)), response.json)
    words = b"".join(response.body for _, response in refused.values())
    if everyone and b"redirect" not in words:
        return found("REG-05", "Registration refuses every client.", evidence)
    return found("REG-02", f"Registration refuses {', '.join(refused)}.", evidence, clients=tuple(refused))


def forget(picture: Picture) -> Steps:
    """Delete what was registered, where the server offers that."""
    endpoint = str((picture.server or {}).get("registration_endpoint"))
    for reply in picture.registered.values():
        at, secret = reply.get("registration_client_uri"), reply.get("registration_access_token")
        # Only to whoever issued the secret: a reply may name any address of the world, or of the inside.
        if isinstance(at, str) and isinstance(secret, str) and _origin(at) == _origin(endpoint):
            yield Request("DELETE", at, {"authorization": f"Bearer {secret}"})
    return []


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()
