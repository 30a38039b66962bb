"""The token endpoint, with an invented code: each client authentication method, and each kind of body.

Spec: RFC 6749 s2.3, s4.1.3, s5.2; RFC 7591 s2
"""

from __future__ import annotations

import base64
import json
from collections.abc import Generator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from doorward.doctor.checks.agents import BROWSER, as_client, is_wall
from doorward.doctor.checks.browsers import oauth_paths
from doorward.doctor.engine.check import Finding, Picture, Steps, found, seen
from doorward.doctor.engine.requests import Ask, Pairs, Request, Response, together

# The verifier of RFC 7636 appendix B: its code is invented, so it opens nothing.
_VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
_METHODS = ("none", "client_secret_basic", "client_secret_post")
_FORM = "application/x-www-form-urlencoded"
_TWO_TYPES = f"{_FORM}, application/json"
_TOO_MANY = 429
_NOT_THE_CLIENT = frozenset({"invalid_client", "unauthorized_client"})

_OWN_FAULTS = frozenset({"server_error", "temporarily_unavailable"})
"""Errors of a server that parsed the request and rejected its content."""


def token(picture: Picture) -> Steps:
    """Redeem an invented code as one client of each authentication method, and with other kinds of body."""
    endpoint = (picture.server or {}).get("token_endpoint")
    if not isinstance(endpoint, str) or not picture.registered:
        picture.skip("no client could be registered", "TOK-03", "TOK-04")
        return []
    clients = _one_of_each(picture)
    asked = {
        method: as_client(picture, _redeem(endpoint, client, method), picture.clients[name])
        for method, (name, client) in clients.items()
    }
    if not asked:
        picture.skip("no client could be registered with a method that is known", "TOK-03", "TOK-04")
        return []
    form = next(iter(asked.values()))
    others = {
        "JSON": _with_body(form, "application/json", json.dumps(dict(parse_qsl(form.body.decode()))).encode()),
        "two types": _with_body(form, _TWO_TYPES, form.body),
    }
    pairs = yield from together(asked | others)
    if walled := [method for method in asked if is_wall(pairs[method][1]) and pairs[method][1].status != _TOO_MANY]:
        return (yield from _wall(pairs[walled[0]], [clients[method][0] for method in walled]))
    if findings := _of_forms({method: pairs[method] for method in asked}):
        return findings
    findings = _of_other_bodies({kind: pairs[kind] for kind in others})
    refused = [method for method in asked if _error(pairs[method][1]) in _NOT_THE_CLIENT]
    if refused:
        findings.append((yield from _table(picture, endpoint, clients, pairs, refused)))
    return findings


def _wall(pair: tuple[Request, Response], stopped: list[str]) -> Generator[Ask, Response, list[Finding]]:
    """Distinguish a rule against agents from an endpoint closed to everyone: retry as a browser."""
    request, response = pair
    plain = yield replace(request, headers={**request.headers, "user-agent": BROWSER})
    if is_wall(plain):
        return [found("TOK-04", f"The token endpoint answers {response.status} to everyone.", seen(request, response))]
    evidence = [*seen(request, response), f"with the agent of a browser: {plain.status}"]
    summary = "The token endpoint refuses the agents of clients, and answers a browser."
    return [found("NET-01", summary, evidence, clients=stopped)]


def _one_of_each(picture: Picture) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return a registered client for each method, as the registration replies name it."""
    clients: dict[str, tuple[str, dict[str, Any]]] = {}
    for name, client in picture.registered.items():
        method = str(client.get("token_endpoint_auth_method") or "client_secret_basic")
        if name in picture.clients and method in _METHODS:
            clients.setdefault(method, (name, client))
    return clients


def _of_forms(pairs: Pairs) -> list[Finding]:
    """Find an endpoint that does not parse forms, or redirects them."""
    for request, response in pairs.values():
        text = response.body.decode("utf-8", "replace")
        unread = _error(response) == "invalid_request" and "grant_type" in text
        if response.status in range(300, 400):
            return [found("TRN-10", "The token endpoint redirects.", seen(request, response), folds=False)]
        if _error(response) in _OWN_FAULTS:
            summary = f"A made-up code gets {response.status} {_error(response)} in place of 400 invalid_grant."
            return [found("TOK-04", summary, seen(request, response), verdict="risk")]
        if response.status == 415 or response.status >= 500 or unread:  # noqa: PLR2004
            return [found("TOK-04", "A form is not read as one.", seen(request, response))]
    return []


def _of_other_bodies(pairs: Pairs) -> list[Finding]:
    """Find a parser that crashes on a body that it may refuse."""
    fallen = {kind: pair for kind, pair in pairs.items() if pair[1].status >= 500}  # noqa: PLR2004
    if not fallen:
        return []
    evidence = [f"{kind}: {response.status}" for kind, (_, response) in pairs.items()]
    evidence += seen(*next(iter(fallen.values())))
    summary = f"A body of another type ({', '.join(fallen)}) is answered with a fault of the server."
    return [found("TOK-04", summary, evidence, verdict="risk")]


def _table(
    picture: Picture,
    endpoint: str,
    clients: dict[str, tuple[str, dict[str, Any]]],
    pairs: Pairs,
    refused: list[str],
) -> Generator[Ask, Response, Finding]:
    """Try every method with every client, to see which method the endpoint reads."""
    cells = {
        f"{registered} by {sent}": _redeem(endpoint, client, sent)
        for registered, (_, client) in clients.items()
        for sent in _METHODS
        if sent != registered
    }
    outcome = {name: answer for name, (_, answer) in (yield from together(cells)).items()}
    outcome |= {f"{method} by {method}": pairs[method][1] for method in clients}
    advertised = (picture.server or {}).get("token_endpoint_auth_methods_supported")
    evidence = [f"token_endpoint_auth_methods_supported: {advertised!r}"]
    for registered in clients:
        words = [f"{sent} {_word(outcome[f'{registered} by {sent}'])}" for sent in _METHODS]
        evidence.append(f"registered with {registered}, sent with: {', '.join(words)}")
    evidence += seen(*pairs[refused[0]])
    stopped = [name for name in picture.clients if _method(picture, name) in refused]
    return found("TOK-03", "A client that has just registered is refused.", evidence, clients=stopped)


def _word(response: Response) -> str:
    return _error(response) or str(response.status)


def _error(response: Response) -> str:
    body = response.json
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, str) else ""


def _method(picture: Picture, name: str) -> str:
    registered = picture.registered.get(name, {})
    return str(registered.get("token_endpoint_auth_method") or picture.clients[name].auth_method)


def _with_body(request: Request, media_type: str, body: bytes) -> Request:
    return replace(request, headers={**request.headers, "content-type": media_type}, body=body)


def _redeem(endpoint: str, client: dict[str, Any], method: str) -> Request:
    client_id, secret = str(client["client_id"]), str(client.get("client_secret") or "")
    form = {
        "grant_type": "authorization_code",
        "code": "doorward-check-made-up",
        "redirect_uri": client["redirect_uris"][0],
        "code_verifier": _VERIFIER,
    }
    headers = {"content-type": _FORM, "accept": "application/json"}
    if method == "client_secret_basic":
        pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
        headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    else:
        form |= {"client_id": client_id} | ({"client_secret": secret} if secret and method != "none" else {})
    return Request("POST", endpoint, headers, urlencode(form).encode())


CHECKS = (token, oauth_paths)
