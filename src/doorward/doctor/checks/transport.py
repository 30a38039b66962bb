"""The endpoint itself, without a token and without following anything.

Spec: MCP 2026-07-28 basic/transports; RFC 9110 s15.4, s12.5.1
"""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from doorward.doctor.check import Finding, Picture, Steps, found, seen
from doorward.doctor.exchange import Request, Response
from doorward.doctor.messages import BOTH_TYPES, initialize

_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_BLOCKING = frozenset({403, 406, 429, 503})
_WANTED_HEADERS = ("authorization", "content-type", "mcp-protocol-version", "mcp-session-id")


def front(picture: Picture) -> Steps:
    """Who answers: the server, a login page, a guard of host names."""
    yield from ()
    request, response = initialize(picture), picture.initialize
    location = response.headers.get("location", "")
    text = response.body[:2000].lower()
    if response.status == 421 or (response.status in {400, 403} and b"host" in text and b"origin" not in text):  # noqa: PLR2004
        return [found("NET-02", "The public host name is refused.", seen(request, response))]
    html = response.media_type == "text/html"
    to_login = 300 <= response.status < 400 and any(  # noqa: PLR2004
        word in location.lower() for word in ("login", "signin", "sign-in", "/sso", "cdn-cgi/access")
    )
    if to_login or (html and response.status in {200, 401, 403, 511}):
        return [found("NET-04", "A page answers in place of the MCP server.", seen(request, response))]
    return []


def spellings(picture: Picture) -> Steps:
    """Ask the URL with and without its last slash."""
    found_here: list[Finding] = []
    other = picture.url.removesuffix("/") if picture.url.endswith("/") else picture.url + "/"
    if not urlsplit(picture.url).path.strip("/"):
        other = picture.url
    answers = [(initialize(picture), picture.initialize)]
    if other != picture.url:
        request = initialize(picture, url=other)
        answers.append((request, (yield request)))
    for request, response in answers:
        if not 300 <= response.status < 400:  # noqa: PLR2004
            continue
        target = urljoin(request.url, response.headers.get("location", ""))
        mine, theirs = urlsplit(request.url), urlsplit(target)
        if mine.path.rstrip("/") == theirs.path.rstrip("/") and mine.hostname == theirs.hostname:
            typed = request.url == picture.url
            summary = f"{mine.path} leads to {target} in place of answering."
            verdict = "broken" if typed else "risk"
            severity = None if typed else "minor"
            found_here.append(found("TRN-01", summary, seen(request, response), verdict=verdict, severity=severity))  # type: ignore[arg-type]
        elif request.url == picture.url:
            found_here.append(found("TRN-10", f"POST is redirected to {target}.", seen(request, response)))
    return found_here


def older_transport(picture: Picture) -> Steps:
    """Look for the transport of 2024 where Streamable HTTP is not."""
    if picture.initialize.status not in {400, 404, 405, 410, 415, 501}:
        return []
    request = Request("GET", picture.url, {"accept": "text/event-stream", **picture.headers}, until=b"\n\n")
    response = yield request
    if response.media_type != "text/event-stream" or b"event: endpoint" not in response.body.replace(b":e", b": e"):
        return []
    return [found("TRN-02", "POST is refused, and GET opens the event stream of 2024.", seen(request, response))]


def agents(picture: Picture) -> Steps:
    """Ask with the user agents of the clients, and compare."""
    request = initialize(picture, headers={"user-agent": _BROWSER})
    plain = yield request
    stopped: list[str] = []
    evidence = seen(request, plain, body=False)
    for profile in picture.clients.values():
        request = initialize(picture, headers={"user-agent": profile.user_agent})
        response = yield request
        if response.status in _BLOCKING and response.status != plain.status:
            stopped.append(profile.name)
            evidence += [f"as {profile.user_agent}:", *seen(request, response)]
    if not stopped:
        return []
    return [found("NET-01", "Some user agents are refused where a browser's is not.", evidence, clients=stopped)]


def accept(picture: Picture) -> Steps:
    """Send the ways in which clients spell Accept."""
    refused: list[str] = []
    verdict = "risk"
    for value in ("*/*", BOTH_TYPES, "application/json, text/event-stream, */*;q=0.1"):
        request = initialize(picture, headers={"accept": value})
        response = yield request
        if response.status == 406:  # noqa: PLR2004
            refused += [f"accept: {value}", *seen(request, response)]
            # A correct client names both types, so the wildcard alone hits only the others, and proxies.
            verdict = "risk" if value == "*/*" else "broken"
    return [found("TRN-03", "A usual Accept header is refused with 406.", refused, verdict=verdict)] if refused else []


def get(picture: Picture) -> Steps:
    """Send GET to the endpoint."""
    request = Request("GET", picture.url, {"accept": "text/event-stream", **picture.headers}, until=b"")
    response = yield request
    streams = response.status == 200 and response.media_type == "text/event-stream"  # noqa: PLR2004
    # 400 and 404 are what session-keeping servers say of a GET without a session.
    if streams or response.status in {401, 405} or (picture.is_open and response.status in {400, 404, 406}):
        return []
    if not response.status or response.status >= 500 or response.status in {200, 204, 403, 404, 400}:  # noqa: PLR2004
        return [found("TRN-04", "GET is answered with neither a stream nor 405.", seen(request, response))]
    return []


def browsers(picture: Picture) -> Steps:
    """Ask as a client that runs in a browser: preflight, then what the 401 exposes."""
    client = next((profile for profile in picture.clients.values() if profile.origin), None)
    if client is None or client.origin is None:
        return []
    wish = {"access-control-request-method": "POST", "access-control-request-headers": ",".join(_WANTED_HEADERS)}
    request = Request("OPTIONS", picture.url, {"origin": client.origin, **wish, **picture.headers})
    preflight = yield request
    simple = initialize(picture, headers={"origin": client.origin})
    answer = yield simple
    if answer.status == 403 and picture.initialize.status != 403:  # noqa: PLR2004
        summary = f"Pages of {client.origin} may not call the endpoint."
        return [found("NET-07", summary, seen(simple, answer), verdict="note")]
    if preflight.status not in {200, 204} or "access-control-allow-origin" not in preflight.headers:
        summary = "The preflight is not answered: a page cannot call the endpoint, a client with a proxy can."
        return [found("CORS-01", summary, seen(request, preflight), verdict="risk")]
    return _headers_missing(request, preflight, simple, answer)


def _headers_missing(request: Request, preflight: Response, simple: Request, answer: Response) -> list[Finding]:
    allowed = preflight.headers.get("access-control-allow-headers", "").lower()
    missing = [name for name in _WANTED_HEADERS if name not in allowed and (allowed != "*" or name == "authorization")]
    if missing:
        return [found("CORS-02", f"Not allowed: {', '.join(missing)}.", seen(request, preflight), verdict="risk")]
    exposed = answer.headers.get("access-control-expose-headers", "").lower()
    if "access-control-allow-origin" not in answer.headers:
        return [found("CORS-02", "The answer itself has no CORS headers.", seen(simple, answer), verdict="risk")]
    if answer.status == 401 and "www-authenticate" not in exposed and exposed != "*":  # noqa: PLR2004
        return [found("CORS-02", "The challenge is not exposed to browsers.", seen(simple, answer), verdict="risk")]
    return []


CHECKS = (front, spellings, older_transport, agents, accept, get, browsers)
