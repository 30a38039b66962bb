"""The token endpoint, with a code that nobody issued and each way to authenticate a client.

Spec: RFC 6749 s2.3, s4.1.3, s5.2
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote, urlencode

from doorward.doctor.check import Finding, Picture, Steps, found, seen
from doorward.doctor.checks.browsers import oauth_paths
from doorward.doctor.exchange import Request

# Verifier of RFC 7636 appendix B: the code beside it is made up, so it opens nothing.
_VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

_OWN_FAULTS = frozenset({"server_error", "temporarily_unavailable"})
"""Errors of a server that has read the request, and fell over its content."""


def token(picture: Picture) -> Steps:
    """Redeem a made-up code as one client of each authentication method."""
    endpoint = (picture.server or {}).get("token_endpoint")
    if not isinstance(endpoint, str) or not picture.registered:
        picture.skip("no client could be registered", "TOK-03", "TOK-04")
        return []
    findings: list[Finding] = []
    tried: set[str] = set()
    stopped: list[str] = []
    evidence: list[str] = []
    for name, client in picture.registered.items():
        method = str(client.get("token_endpoint_auth_method") or "client_secret_basic")
        if method in tried or name not in picture.clients:
            continue
        tried.add(method)
        request = _redeem(endpoint, client, method)
        response = yield request
        text = response.body.decode("utf-8", "replace")
        error = response.json.get("error") if isinstance(response.json, dict) else None
        if error in _OWN_FAULTS:
            summary = f"A made-up code gets {response.status} {error} in place of 400 invalid_grant."
            return [found("TOK-04", summary, seen(request, response), verdict="risk")]
        if response.status == 415 or response.status >= 500 or (error == "invalid_request" and "grant_type" in text):  # noqa: PLR2004
            return [found("TOK-04", "A form is not read as one.", seen(request, response))]
        if 300 <= response.status < 400:  # noqa: PLR2004
            return [found("TOK-04", "The token endpoint redirects.", seen(request, response))]
        if error in {"invalid_client", "unauthorized_client"}:
            stopped += [other for other in picture.clients if _method(picture, other) == method]
            evidence += [f"registered with {method}:", *seen(request, response)]
    if stopped:
        findings.append(found("TOK-03", "A client that has just registered is refused.", evidence, clients=stopped))
    return findings


def _method(picture: Picture, name: str) -> str:
    registered = picture.registered.get(name, {})
    return str(registered.get("token_endpoint_auth_method") or picture.clients[name].auth_method)


def _redeem(endpoint: str, client: dict[str, Any], method: str) -> Request:
    client_id, secret = str(client["client_id"]), str(client.get("client_secret", ""))
    form = {
        "grant_type": "authorization_code",
        "code": "doorward-check-made-up",
        "redirect_uri": client["redirect_uris"][0],
        "code_verifier": _VERIFIER,
    }
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    if method == "client_secret_basic":
        pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
        headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    else:
        form |= {"client_id": client_id} | ({"client_secret": secret} if secret else {})
    return Request("POST", endpoint, headers, urlencode(form).encode())


CHECKS = (token, oauth_paths)
