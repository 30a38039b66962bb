"""Faults of a token endpoint response, judged by its members alone.

Implements RFC 6749 s5.1, s5.2.
"""

from __future__ import annotations

from typing import Any

from doorward.doctor.engine.check import Finding, found, seen
from doorward.doctor.engine.requests import Request, Response

_READS_NUMBERS_ONLY = ("codex", "librechat")
_TEXTS = ("access_token", "token_type", "refresh_token", "scope")


def error_of(response: Response) -> str:
    """Return the OAuth error code of a response; empty if it names none."""
    body = response.json
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, str) else ""


def tokens_of(response: Response) -> dict[str, Any] | None:
    """Return a usable token reply, even if other members are odd."""
    body = response.document
    return body if body and isinstance(body.get("access_token"), str) and body["access_token"] else None


def without_tokens(request: Request, response: Response) -> list[str]:
    """Return a request and its response as evidence; of a success, only the names of its members.

    Attacks: no mask recognises a token under an unknown name.
    """
    if response.status >= 400 or not response.status:  # noqa: PLR2004
        return seen(request, response)
    names = sorted(response.json) if isinstance(response.json, dict) else []
    return [*seen(request, response, body=False), f"members: {', '.join(names) or 'none'}"]


def reply_faults(request: Request, response: Response) -> list[Finding]:
    """Judge the reply that contains tokens."""
    body = response.document or {}
    wrong = [f"{name} is missing" for name in ("access_token", "token_type") if name not in body]
    wrong += [f"{name} is null" for name, value in body.items() if value is None]
    wrong += [f"{name} is {_kind(body[name])}" for name in _TEXTS if not isinstance(body.get(name, ""), str | None)]
    if response.media_type != "application/json":
        wrong.append(f"the content type is {response.media_type or 'missing'}")
    expires = body.get("expires_in", 0)
    evidence = [f"> POST {request.url}", f"< {response.status}", f"members: {', '.join(sorted(body)) or 'none'}"]
    if wrong:
        return [found("TOK-05", f"In the token reply, {', '.join(wrong)}.", [*evidence, *wrong])]
    if isinstance(expires, bool | str) or not isinstance(expires, int | float):
        line = f"expires_in: {expires!r} ({_kind(expires)})"
        summary = f"In the token reply, expires_in is {_kind(expires)}."
        return [found("TOK-05", summary, [*evidence, line], clients=_READS_NUMBERS_ONLY)]
    kept = response.headers.get("cache-control", "")
    if "no-store" not in kept.lower():
        evidence.append(f"cache-control: {kept or '(none)'}")
        return [found("TOK-05", "The token reply does not forbid that it is stored.", evidence, verdict="note")]
    return []


def error_faults(request: Request, response: Response) -> list[Finding]:
    """Judge the response to a request that cannot be granted."""
    body = response.json
    if response.status == 200:  # noqa: PLR2004
        summary = "A request that cannot be granted is answered with 200."
    elif not isinstance(body, dict):
        summary = f"The error of the token endpoint is no JSON object, but {response.media_type or 'of no type'}."
    elif not isinstance(body.get("error"), str):
        summary = "The error of the token endpoint has no member error."
    else:
        return []
    return [found("TOK-05", summary, without_tokens(request, response))]


def _kind(value: object) -> str:
    names = {str: "text", bool: "true or false", list: "a list", dict: "an object", int: "a number", float: "a number"}
    return names.get(type(value), "null")
