"""What browser-based clients are allowed: preflights, origins, and the headers that a page may read.

Spec: MCP 2026-07-28 basic/transports; Fetch, "CORS protocol"
"""

from __future__ import annotations

from doorward.doctor.engine.check import Finding, Picture, Steps, found, seen
from doorward.doctor.engine.messages import initialize
from doorward.doctor.engine.requests import Request, Response, Together

_WANTED_HEADERS = ("authorization", "content-type", "mcp-protocol-version", "mcp-session-id")
_NEWER_HEADERS = ("mcp-method", "mcp-name")
"""Requested only if the newer era is spoken: some servers refuse the whole preflight for one name."""


def browsers(picture: Picture) -> Steps:
    """Ask like a browser-based client: preflight, then what the 401 exposes."""
    origin = _origin(picture)
    if not origin:
        return []
    wanted = (*_WANTED_HEADERS, *(_NEWER_HEADERS if picture.reached.is_discovered else ()))
    request = _preflight(picture.endpoint, origin, "POST", wanted, picture)
    simple = initialize(picture, headers={"origin": origin})
    preflight, answer = (yield Together((request, simple))).parts
    if answer.status == 403 and picture.initialize.status != 403:  # noqa: PLR2004
        summary = f"Pages of {origin} may not call the endpoint."
        return [found("NET-07", summary, seen(simple, answer), verdict="note")]
    if picture.is_down(preflight):
        return []
    if not _is_answered(preflight):
        summary = "The preflight is not answered: a page cannot call the endpoint, a client with a proxy can."
        return [found("CORS-01", summary, seen(request, preflight), verdict="risk")]
    return _headers_missing(wanted, (request, preflight), (simple, answer))


def _origin(picture: Picture) -> str:
    return next((profile.origin for profile in picture.clients.values() if profile.origin), "")


def _preflight(url: str, origin: str, method: str, names: tuple[str, ...], picture: Picture | None = None) -> Request:
    wish = {"access-control-request-method": method, "access-control-request-headers": ",".join(names)}
    own = dict(picture.headers) if picture else {}
    return Request("OPTIONS", url, {"origin": origin, **wish, **own})


def _is_answered(preflight: Response) -> bool:
    return preflight.status in {200, 204} and "access-control-allow-origin" in preflight.headers


def _headers_missing(
    wanted: tuple[str, ...], preflight: tuple[Request, Response], real: tuple[Request, Response]
) -> list[Finding]:
    missing = _not_allowed(preflight[1], wanted)
    if missing:
        return [found("CORS-02", f"Not allowed: {', '.join(missing)}.", seen(*preflight), verdict="risk")]
    simple, answer = real
    exposed = answer.headers.get("access-control-expose-headers", "").lower()
    if "access-control-allow-origin" not in answer.headers:
        return [found("CORS-02", "The answer itself has no CORS headers.", seen(simple, answer), verdict="risk")]
    if answer.status == 401 and "www-authenticate" not in exposed and exposed != "*":  # noqa: PLR2004
        return [found("CORS-02", "The challenge is not exposed to browsers.", seen(simple, answer), verdict="risk")]
    if answer.status == 200 and "mcp-session-id" in answer.headers and "mcp-session-id" not in exposed != "*":  # noqa: PLR2004
        summary = "The session id is not exposed to browsers."
        return [found("CORS-02", summary, seen(simple, answer, body=False), verdict="risk")]
    return []


def _not_allowed(preflight: Response, names: tuple[str, ...]) -> list[str]:
    allowed = {name.strip() for name in preflight.headers.get("access-control-allow-headers", "").lower().split(",")}
    # The wildcard covers every name but `authorization`, also next to others.
    return [name for name in names if name not in allowed and ("*" not in allowed or name == "authorization")]


def oauth_paths(picture: Picture) -> Steps:
    """Fetch the documents and call the OAuth endpoints as a page does."""
    origin, server = _origin(picture), picture.server or {}
    if not origin or not picture.documents:
        return []
    register, token = server.get("registration_endpoint"), server.get("token_endpoint")
    # A JSON body needs a preflight, a form does not; to be readable, the response itself needs the header.
    asked = [_preflight(register, origin, "POST", ("content-type",))] if isinstance(register, str) else []
    form = {"origin": origin, "content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    plain = [Request("GET", url, {"origin": origin, "accept": "application/json"}) for url in picture.documents]
    plain += [Request("POST", token, form, b"grant_type=authorization_code")] if isinstance(token, str) else []
    answers = (yield Together((*asked, *plain))).parts
    pairs = list(zip((*asked, *plain), answers, strict=True))
    shut = [pair for pair in pairs[: len(asked)] if not _is_answered(pair[1])]
    silent = [pair for pair in pairs[len(asked) :] if "access-control-allow-origin" not in pair[1].headers]
    if not shut and not silent:
        return []
    evidence = [f"{request.method} {request.url}: {answer.status}, no leave" for request, answer in [*shut, *silent]]
    evidence += seen(*(shut or silent)[0], body=False)
    summary = "A page cannot read the metadata, or cannot use the OAuth endpoints; a client with a proxy can."
    return [found("CORS-02" if silent else "CORS-01", summary, evidence, verdict="risk")]
