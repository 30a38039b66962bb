"""The doctor as an OAuth client: authorization, token and revocation requests, and what to keep of them.

Knows how to build a request, not what its response means.

Implements RFC 6749 s2.3, s4.1, s6; RFC 7009 s2.1; RFC 7636 s4; RFC 8707 s2.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from doorward import base64url
from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import Request, Response
from doorward.doctor.network.links import urlsplit

_SECRET_MEMBERS = ("access_token", "refresh_token", "id_token")
_ENTROPY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Flow:
    """One pass through the authorization endpoint."""

    client: dict[str, Any]
    redirect_uri: str
    state: str = field(default_factory=lambda: secrets.token_urlsafe(_ENTROPY_BYTES))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(_ENTROPY_BYTES), repr=False)

    def url(self, picture: Picture, **changes: str) -> str:
        """Return the URL that the browser opens."""
        endpoint = str((picture.server or {})["authorization_endpoint"])
        digest = hashlib.sha256(self.verifier.encode()).digest()
        wanted = {
            "response_type": "code",
            "client_id": str(self.client["client_id"]),
            "redirect_uri": self.redirect_uri,
            "code_challenge": base64url.encode(digest),
            "code_challenge_method": "S256",
            "state": self.state,
            "resource": resource_of(picture),
            "scope": wanted_scope(picture),
        } | changes
        query = urlencode({name: value for name, value in wanted.items() if value})
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"


def resource_of(picture: Picture) -> str:
    """Return the advertised resource; empty if there is none."""
    value = (picture.resource or {}).get("resource")
    return value if isinstance(value, str) else ""


def wanted_scope(picture: Picture) -> str:
    """Return the scopes that a client requests: those the server names, plus `offline_access` if it is offered."""
    listed = (picture.resource or {}).get("scopes_supported")
    named = picture.challenge.get("scope", "").split() or (listed if isinstance(listed, list) else [])
    offered = (picture.server or {}).get("scopes_supported")
    staying = ["offline_access"] if isinstance(offered, list) and "offline_access" in offered else []
    return " ".join(dict.fromkeys([*map(str, named), *staying]))


def parameters_of(response: Response, redirect_uri: str) -> dict[str, str] | None:
    """Return the parameters of a redirect to the client; None if it leads elsewhere."""
    location = response.headers.get("location", "")
    there, here = urlsplit(location), urlsplit(redirect_uri)
    if not 300 <= response.status < 400 or there[:3] != here[:3]:  # noqa: PLR2004
        return None
    return dict(parse_qsl(there.query))


def token_request(picture: Picture, client: dict[str, Any], form: dict[str, str], *, wait: float = 0.0) -> Request:
    """Return a request to the token endpoint, with the client's registered authentication method."""
    return _authenticated(str((picture.server or {})["token_endpoint"]), client, form, wait)


def code_request(picture: Picture, flow: Flow, code: str, *, resource: str | None = None) -> Request:
    """Return the request that redeems a code."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": flow.redirect_uri,
        "code_verifier": flow.verifier,
        "resource": resource or resource_of(picture),
    }
    return token_request(picture, flow.client, form)


def refresh_request(picture: Picture, refresh_token: str, *, wait: float = 0.0) -> Request:
    """Return the request that refreshes the sign-in."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "resource": resource_of(picture)}
    assert picture.sign_in is not None
    return token_request(picture, picture.sign_in.client, form, wait=wait)


def revocation_request(picture: Picture, token: str, hint: str) -> Request | None:
    """Return a revocation request; None if the server has no endpoint for it."""
    endpoint = (picture.server or {}).get("revocation_endpoint")
    if picture.sign_in is None or not isinstance(endpoint, str):
        return None
    return _authenticated(endpoint, picture.sign_in.client, {"token": token, "token_type_hint": hint}, 0.0)


def take(picture: Picture, reply: dict[str, Any]) -> None:
    """Use the tokens of a reply from now on; a missing refresh token leaves the old one in place."""
    remember_secrets(picture, reply)
    assert picture.sign_in is not None
    picture.sign_in = replace(picture.sign_in, reply=picture.sign_in.reply | reply)
    picture.token = str(reply["access_token"])


def remember_secrets(picture: Picture, reply: dict[str, Any]) -> None:
    """Keep issued secrets out of the report."""
    picture.secrets.update(str(reply[name]) for name in _SECRET_MEMBERS if reply.get(name))


def _authenticated(endpoint: str, client: dict[str, Any], form: dict[str, str], wait: float) -> Request:
    client_id, secret = str(client["client_id"]), str(client.get("client_secret") or "")
    method = str(client.get("token_endpoint_auth_method") or "client_secret_basic")
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    if method == "client_secret_basic" and secret:
        pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
        headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    else:
        form = form | {"client_id": client_id} | ({"client_secret": secret} if secret else {})
    body = urlencode({name: value for name, value in form.items() if value})
    return Request("POST", endpoint, headers, body.encode(), wait_seconds=wait)
