"""Required members of a registration reply, and how an invalid body must be refused.

Spec: RFC 7591 s3.2.1, s3.2.2; RFC 7592 s3
"""

from __future__ import annotations

import json
from typing import Any

from doorward.doctor.engine.check import Finding, found, seen
from doorward.doctor.engine.requests import Request, Response

_CREATED = 201
_DEFAULT_METHOD = "client_secret_basic"
_SILENT_STATUSES = frozenset({0, 401, 403, 404, 405, 429})
"""Statuses of a policy or a limit, which apply before the body is read."""


def is_client(response: Response) -> bool:
    """Return whether a response contains a client."""
    reply = response.json
    return response.status in {200, 201} and isinstance(reply, dict) and isinstance(reply.get("client_id"), str)


def reply_faults(request: Request, response: Response) -> list[Finding]:
    """Judge the reply to a successful registration."""
    reply, asked = response.json, json.loads(request.body)
    wrong = [*_of_types(reply), *_of_the_secret(reply), *_of_the_echo(asked, reply)]
    if "json" not in response.media_type:
        wrong.append(f"the type is {response.media_type or 'missing'}")
    doubts = [f"the status is {response.status} in place of 201"] if response.status != _CREATED else []
    if not wrong and not doubts:
        return []
    summary = f"In the reply, {', '.join([*wrong, *doubts])}."
    evidence = [*seen(request, response, body=False), *wrong, *doubts]
    return [found("REG-04", summary, evidence, verdict="broken" if wrong else "risk")]


def _of_types(reply: dict[str, Any]) -> list[str]:
    wrong = [f"{name} is null" for name, value in reply.items() if value is None]
    if isinstance(reply.get("scope"), list):
        wrong.append("scope is a list")
    for name in ("client_id_issued_at", "client_secret_expires_at"):
        value = reply.get(name, 0)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            wrong.append(f"{name} is not a number")
    return wrong


def _of_the_secret(reply: dict[str, Any]) -> list[str]:
    wrong = []
    if reply.get("client_secret") and "client_secret_expires_at" not in reply:
        wrong.append("client_secret comes without client_secret_expires_at")
    if ("registration_client_uri" in reply) != ("registration_access_token" in reply):
        wrong.append("registration_client_uri and registration_access_token do not come together")
    return wrong


def _of_the_echo(asked: dict[str, Any], reply: dict[str, Any]) -> list[str]:
    """Check that the reply repeats what the server made of the client's values."""
    wrong = []
    if not isinstance(reply.get("redirect_uris"), list):
        wrong.append("redirect_uris is not named again as a list")
    method = asked.get("token_endpoint_auth_method", _DEFAULT_METHOD)
    if "token_endpoint_auth_method" not in reply and method != _DEFAULT_METHOD:
        wrong.append(f"token_endpoint_auth_method is not named again, so it would be {_DEFAULT_METHOD}")
    return wrong


def of_an_invalid_body(request: Request, response: Response) -> list[Finding]:
    """Judge the response to an invalid body: a program must be able to parse it."""
    if response.status in _SILENT_STATUSES or response.status in range(200, 300):
        return []
    error = response.json
    if response.status in range(400, 500) and isinstance(error, dict) and isinstance(error.get("error"), str):
        return []
    how = "a redirect" if response.status in range(300, 400) else "an answer that names no error code"
    summary = f"A body that is wrong gets {response.status}, {how}."
    return [found("REG-04", summary, seen(request, response))]
