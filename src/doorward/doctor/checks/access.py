"""The first call with a token, and the token's own claims: audience, signing key, and lifetime.

An opaque token is judged only by the response. Nothing is verified here: that is the resource's task. The question is
whether the resource can accept what it sees.

Spec: RFC 7519 s4.1; RFC 7515 s4.1; RFC 8707 s2; RFC 6750 s3.1
"""

from __future__ import annotations

import base64
import re
from collections.abc import Generator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from doorward import strict_json
from doorward.doctor.checks.token_replies import error_faults
from doorward.doctor.engine.check import Finding, Picture, Steps, differing, found, seen
from doorward.doctor.engine.messages import initialize
from doorward.doctor.engine.own_client import Flow, code_request, resource_of
from doorward.doctor.engine.requests import Ask, Request, Response, Together

_RULES = ("RS-01", "RS-05", "RS-06", "RS-07")
_WANTS_JWT = re.compile(r"(?i)\b(jwts?|jws|compact|segments?|json web)\b")
_SKEW_SECONDS = 30
"""Hosts that differ by less count as one clock: a request takes time, and Date has no fractions."""
_TIMES_END = 1 << 40
_TRIES = 3
_JWT_PARTS, _JWE_PARTS = 3, 5


@dataclass(frozen=True, slots=True)
class Jwt:
    """The claims of a token, unverified."""

    header: dict[str, Any]
    claims: dict[str, Any]

    @property
    def audience(self) -> list[str]:
        """`aud`, as a list; it may be a single string."""
        value = self.claims.get("aud", [])
        return [str(each) for each in (value if isinstance(value, list) else [value])]


def read_jwt(token: str) -> Jwt | None:
    """Decode a token without verifying it; return None if it is not a JWT."""
    parts = token.split(".")
    if len(parts) != _JWT_PARTS:
        return None
    try:
        header, claims = (
            strict_json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2]
        )
    except (ValueError, strict_json.InvalidJson):
        return None
    return Jwt(header, claims) if isinstance(header, dict) and isinstance(claims, dict) else None


def first_call(picture: Picture) -> Steps:
    """Start a handshake with the token, and find why the resource refuses it."""
    if not picture.token:
        why = "the server asks for no sign-in" if picture.is_open else "needs a token: use --login or --token"
        picture.skip(why, *_RULES)
        return []
    request = initialize(picture, headers={"authorization": f"Bearer {picture.token}"})
    picture.first_call = response = yield request
    jwt = read_jwt(picture.token)
    refused = response.status == 401  # noqa: PLR2004
    findings = _clocks(picture, jwt, refused=refused)
    if jwt and _has_expired(picture, jwt):
        picture.skip("the token that was handed in has expired", *_RULES)
    elif jwt is None:
        picture.skip("the token is no JWT, so it names no audience and no key", "RS-05")
        if refused:
            findings += _opaque(picture, request, response)
    else:
        findings += yield from _key(picture, jwt, refused=refused)
        findings += _audience(picture, jwt, request, response)
        if refused and not findings:
            findings.append(_unknown_cause(picture, request, response, "The claims look right."))
    if mixed := (yield from _now_and_then(request, response)):
        findings, refused = mixed, True
    if refused:
        # Requests with this token would get 401, which says nothing about the rest of the server.
        picture.secrets.add(picture.token)
        picture.token = ""
    return findings


def _now_and_then(request: Request, response: Response) -> Generator[Ask, Response, list[Finding]]:
    """Ask again over new connections: a token accepted on only some of them is known to only some nodes."""
    answers = (yield Together((request,) * _TRIES)).parts
    statuses = [response.status, *(each.status for each in answers)]
    if not {200, 401} <= set(statuses):
        return []
    evidence = [f"> POST {request.url}, each time with the same token", *(f"< {each}" for each in statuses)]
    summary = "The same token is refused over one connection, and taken over another."
    return [found("STO-02", summary, evidence)]


def error_reply(picture: Picture) -> Steps:
    """Redeem an invented code: the error must have the shape that clients parse."""
    if not isinstance((picture.server or {}).get("token_endpoint"), str) or not picture.registered:
        picture.skip("no client could be registered", "TOK-05")
        return []
    client = next(iter(picture.registered.values()))
    request = code_request(picture, Flow(client, str(client["redirect_uris"][0])), "doorward-check-made-up")
    response = yield request
    return [] if response.status in range(300, 400) else error_faults(request, response)  # TRN-10 tells redirects


def _opaque(picture: Picture, request: Request, response: Response) -> list[Finding]:
    """Judge the refusal of an opaque token."""
    if not picture.signed_in:
        picture.skip("the token that was handed in is refused", *_RULES[1:])
        summary = "The token that was handed in gets 401: it may have expired, or be none of this server's."
        return [found("RS-01", summary, seen(request, response), verdict="note")]
    words = response.headers.get("www-authenticate", "") + response.body.decode("utf-8", "replace")
    parts = picture.token.count(".") + 1
    encrypted = parts == _JWE_PARTS
    if encrypted or _WANTS_JWT.search(words):
        shape = "is encrypted" if encrypted else "is no JWT"
        summary = f"The authorization server issues a token that {shape}, and the resource cannot read it."
        evidence = [*seen(request, response), f"parts of the token, between dots: {parts}"]
        offered = (picture.server or {}).get("introspection_endpoint")
        return [found("RS-07", summary, [*evidence, f"introspection_endpoint: {offered!r}"])]
    return [_unknown_cause(picture, request, response, "The token cannot be read from outside.")]


def _unknown_cause(picture: Picture, request: Request, response: Response, words: str) -> Finding:
    without = picture.initialize
    told = response.headers.get("www-authenticate", "") + response.body.decode("utf-8", "replace")
    # A server that checked the token says invalid_token; one that never saw it answers as it does without a token.
    same = (response.headers.get("www-authenticate"), response.body)
    same_as_none = same == (without.headers.get("www-authenticate"), without.body) and "invalid_token" not in told
    if picture.signed_in and same_as_none:
        summary = "The token that was issued a moment ago is answered like none at all, as if it did not arrive."
        return found("NET-03", summary, seen(request, response))
    when = "was issued a moment ago" if picture.signed_in else "was handed in"
    verdict = "broken" if picture.signed_in else "risk"
    if _answer_of(response) == _answer_of(picture.initialize):
        words = "The answer is that to a request without a token: Authorization may be dropped on the way (see NET-03)."
    return found("RS-01", f"The token that {when} gets 401. {words}", seen(request, response), verdict=verdict)


def _answer_of(response: Response) -> tuple[int, str | None, bytes]:
    return response.status, response.headers.get("www-authenticate"), response.body


def _audience(picture: Picture, jwt: Jwt, request: Request, response: Response) -> list[Finding]:
    """Compare audience and issuer with the metadata."""
    expected = resource_of(picture)
    if not expected or expected in jwt.audience:
        return []
    said = ", ".join(jwt.audience) or "(none)"
    evidence = [
        *differing("resource", expected, "aud", said),
        f"iss: {jwt.claims.get('iss')!r}",
        *seen(request, response),
    ]
    if response.status == 401:  # noqa: PLR2004
        return [found("RS-01", "The audience of the token is not the resource, and the resource refuses it.", evidence)]
    summary = "The audience of the token is not the resource; this resource takes it all the same."
    return [found("RS-01", summary, evidence, verdict="risk")]


def _key(picture: Picture, jwt: Jwt, *, refused: bool) -> Generator[Ask, Response, list[Finding]]:
    """Look for the token's signing key among the published keys."""
    at = (picture.server or {}).get("jwks_uri")
    if not isinstance(at, str):
        picture.skip("the metadata names no jwks_uri", "RS-05")
        return []
    request = Request("GET", at, {"accept": "application/json"})
    response = yield request
    verdict = "broken" if refused else "risk"
    keys = keys_of(response)
    if keys is None:
        return [found("RS-05", "There are no keys at jwks_uri.", seen(request, response), verdict=verdict)]
    kid, alg = jwt.header.get("kid"), jwt.header.get("alg")
    kids = [key.get("kid") for key in keys]
    evidence = [
        f"> GET {at}",
        f"kid of the token: {kid!r} ({alg})",
        f"published: {', '.join(map(str, kids)) or 'none'}",
    ]
    if kid is None and len(keys) > 1:
        return [found("RS-05", "The token does not name its key, and several are published.", evidence, verdict="risk")]
    if kid is not None and kid not in kids:
        return [found("RS-05", "The token is signed with a key that is not published.", evidence, verdict=verdict)]
    return []


def keys_of(response: Response) -> list[dict[str, Any]] | None:
    """Return the keys of a JWK set; None if it is not one."""
    keys = (response.document or {}).get("keys")
    return [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else None


def _clocks(picture: Picture, jwt: Jwt | None, *, refused: bool) -> list[Finding]:
    """Compare the resource's clock with the token and with the authorization server."""
    there = _date(picture.first_call)
    if there is None:
        picture.skip("the resource sends no Date, so its clock cannot be seen", "RS-06")
        return []
    issued = Response(0) if picture.sign_in is None else picture.sign_in.issued
    clocks = {f"Date of {(picture.server or {}).get('token_endpoint')}": _date(issued)}
    clocks |= {name: _time(jwt, name) for name in ("nbf", "iat")}
    known = {name: at - there for name, at in clocks.items() if at is not None}
    lines = [f"Date of {picture.endpoint}: {there:.0f}", *(f"{name}: {by:+.0f} s" for name, by in known.items())]
    # A token that the user supplied may be old; it is only wrong if it lies in the future.
    apart = [
        by for name, by in known.items() if by > _SKEW_SECONDS or (name.startswith("Date") and by < -_SKEW_SECONDS)
    ]
    if apart:
        ahead = any(known.get(name, 0) > _SKEW_SECONDS for name in ("nbf", "iat"))
        summary = f"The clocks differ by {abs(apart[0]):.0f} seconds."
        return [found("RS-06", summary, lines, verdict="broken" if refused and ahead else "risk")]
    expires = _time(jwt, "exp")
    if expires is not None and expires <= there and picture.signed_in:
        return [found("RS-06", "The token has expired when it is issued.", [*lines, f"exp: {expires - there:+.0f} s"])]
    return []


def _has_expired(picture: Picture, jwt: Jwt) -> bool:
    """Return whether the user supplied an expired token: its refusal is not the server's fault."""
    expires, there = _time(jwt, "exp"), _date(picture.first_call)
    return not picture.signed_in and expires is not None and there is not None and expires <= there


def _time(jwt: Jwt | None, name: str) -> float | None:
    value = jwt.claims.get(name) if jwt else None
    usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _TIMES_END
    return float(value) if usable and value is not None else None


def _date(response: Response) -> float | None:
    try:
        return parsedate_to_datetime(response.headers["date"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return None
