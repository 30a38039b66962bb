"""The endpoint itself, without a token: what answers, at which spelling, and whether it is Streamable HTTP at all.

Spec: MCP 2026-07-28 basic/transports; RFC 9110 s15.4, s12.5.1
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from doorward.doctor.checks.agents import agents
from doorward.doctor.checks.browsers import browsers
from doorward.doctor.engine.check import Finding, Picture, Steps, found, seen
from doorward.doctor.engine.messages import BOTH_TYPES, discover, initialize
from doorward.doctor.engine.parts import Reached
from doorward.doctor.engine.requests import Ask, Request, Response, Together
from doorward.doctor.network.links import urljoin, urlsplit

_LOGIN_WORDS = ("login", "signin", "sign-in", "/sso", "cdn-cgi/access", ".cloudflareaccess.com", "accounts.google.com")
_IN_FRONT = (
    ("cloudflareaccess.com", "Cloudflare Access"), ("cf_authorization", "Cloudflare Access"),
    ("cf-mitigated", "a Cloudflare challenge"), ("just a moment", "a Cloudflare challenge"),
    ("_vercel_sso_nonce", "Vercel deployment protection"), ("vercel.com/sso", "Vercel deployment protection"),
    ("ngrok", "the warning page of ngrok"), ("loca.lt", "the warning page of localtunnel"),
    ("x-ms-edge", "a Microsoft dev tunnel"), ("accounts.google.com", "a Google sign-in"),
    ("login.microsoftonline.com", "a Microsoft sign-in"),
)  # fmt: skip
"""Lower-case marks of products in front of servers."""
_NOT_THERE = frozenset({400, 404, 405, 410, 415, 501})
_PLACES = ("/mcp", "/mcp/", "/", "/api/mcp", "/sse")


def front(picture: Picture) -> Steps:
    """Find out what answers: the server, a login page, or a check of host names."""
    yield from ()
    request, response = initialize(picture), picture.initialize
    location = response.headers.get("location", "")
    text = response.body[:2000].lower()
    if response.status == 421 or (response.status in {400, 403} and b"host" in text and b"origin" not in text):  # noqa: PLR2004
        return [found("NET-02", "The public host name is refused.", seen(request, response))]
    html = response.media_type == "text/html"
    to_login = 300 <= response.status < 400 and any(word in location.lower() for word in _LOGIN_WORDS)  # noqa: PLR2004
    marks = f"{response.headers} {text.decode('utf-8', 'replace')}".lower()
    who = next((name for mark, name in _IN_FRONT if mark in marks), "")
    # A page with 429 or 503 is a login wall only if it says so: the server may just be down.
    if to_login or (html and response.status in ({200, 401, 403, 429, 503, 511} if who else {200, 401, 403, 511})):
        summary = f"A page answers in place of the MCP server{f'; it looks like {who}' if who else ''}."
        return [found("NET-04", summary, seen(request, response))]
    return []


def spellings(picture: Picture) -> Steps:
    """Request the URL with and without its last slash; follow a redirect to the same host."""
    findings: list[Finding] = []
    typed = (initialize(picture), picture.initialize)
    other = picture.url.removesuffix("/") if picture.url.endswith("/") else picture.url + "/"
    if typed[1].status in range(300, 400):
        findings += yield from _redirected(picture, *typed)
    elif urlsplit(picture.url).path.strip("/"):
        request = initialize(picture, url=other)
        response = yield request
        target = urljoin(request.url, response.headers.get("location", ""))
        if response.status in range(300, 400) and _same_but_slash(request.url, target):
            summary = f"{urlsplit(other).path} leads to {target} in place of answering."
            evidence = seen(request, response)
            findings.append(found("TRN-01", summary, evidence, verdict="risk", severity="minor", folds=False))
    return findings


def _same_but_slash(url: str, target: str) -> bool:
    mine, theirs = urlsplit(url), urlsplit(target)
    return mine.path.rstrip("/") == theirs.path.rstrip("/") and mine.hostname == theirs.hostname


def _redirected(picture: Picture, request: Request, response: Response) -> Steps:
    """Report a redirect of the typed URL, and examine its target if that is on the same host."""
    target = urljoin(request.url, response.headers.get("location", ""))
    mine, theirs = urlsplit(request.url), urlsplit(target)
    goes_on = False
    if mine.hostname == theirs.hostname and (theirs.scheme, theirs.port) in {(mine.scheme, mine.port), ("https", None)}:
        goes_on = yield from _moved(picture, target)
    name = "TRN-01" if _same_but_slash(request.url, target) and mine.scheme == theirs.scheme else "TRN-10"
    path = mine.path or "/"
    summary = f"{path} leads to {target} in place of answering." if goes_on else f"POST is redirected to {target}."
    evidence = [*seen(request, response), f"leads to: {target}"]
    if goes_on:
        evidence += [f"there: {picture.initialize.status}. What follows was examined there."]
    return [found(name, summary, evidence, folds=not goes_on)]


def _moved(picture: Picture, target: str) -> Generator[Ask, Response, bool]:
    """Make the target the endpoint, if it speaks MCP."""
    there = replace(picture, reached=Reached(target))
    answers = (yield Together((initialize(there), discover(there)))).parts
    if not speaks(answers[0]):
        return False
    picture.reached = Reached(target, answers[0], answers[1])
    return True


def speaks(response: Response) -> bool:
    """Return whether a response to initialize may come from an MCP server."""
    body = response.json
    return response.status == 401 or (isinstance(body, dict) and "jsonrpc" in body)  # noqa: PLR2004


def elsewhere(picture: Picture) -> Steps:
    """If POST is refused, look for the 2024 transport there, and for MCP at other usual paths."""
    response = picture.initialize
    if response.status not in _NOT_THERE or speaks(response):
        return []
    request = Request("GET", picture.url, {"accept": "text/event-stream", **picture.headers}, until=b"\n\n")
    missing = response.status in {404, 405, 410}
    places = _other_places(picture.url) if missing else []
    answers = (yield Together((request, *(initialize(picture, url=place) for place in places)))).parts
    events = answers[0]
    if events.media_type == "text/event-stream" and b"event: endpoint" in events.body.replace(b":e", b": e"):
        summary = "POST is refused, and GET opens the event stream of 2024."
        return [found("TRN-02", summary, seen(request, events))]
    if not missing:
        return []
    evidence = [*seen(initialize(picture), response), f"> GET {request.url}", f"< {events.status}"]
    evidence += [f"POST {place}: {answer.status}" for place, answer in zip(places, answers[1:], strict=True)]
    there = [place for place, answer in zip(places, answers[1:], strict=True) if speaks(answer)]
    if there:
        return [found("TRN-09", f"MCP is not at the URL that was typed; it answers at {there[0]}.", evidence)]
    if events.status in {404, 410}:
        return [
            found("TRN-09", "There is nothing at this URL: POST and GET are not found.", evidence, severity="blocker")
        ]
    if events.media_type == "text/html":
        return [found("TRN-09", "There is a page for people at this URL, and no MCP.", evidence, severity="blocker")]
    return []


def _other_places(url: str) -> list[str]:
    """Return the parents of a path, and the usual paths of MCP."""
    parts = urlsplit(url)
    steps = parts.path.strip("/").split("/")
    parents = ["/" + "/".join(steps[:count]) for count in range(len(steps) - 1, 0, -1)][:3]
    mine = parts.path.rstrip("/")
    others = [place for place in dict.fromkeys([*parents, *_PLACES]) if place.rstrip("/") != mine]
    return [parts._replace(path=place, query="").geturl() for place in others]


def root(picture: Picture) -> Steps:
    """Request the root as JSON: a client that starts discovery there takes a banner for metadata."""
    if not picture.path:
        return []
    request = Request("GET", f"{picture.origin}/", {"accept": "application/json"})
    response = yield request
    banner = response.document
    if banner is None or "resource" in banner or "jsonrpc" in banner:
        return []
    summary = "GET on the root is answered with JSON that a client may read as metadata."
    return [found("TRN-09", summary, seen(request, response), verdict="risk", clients=["codex"], folds=False)]


def accept(picture: Picture) -> Steps:
    """Send each variant of Accept that clients use."""
    values = ("*/*", BOTH_TYPES, "application/json, text/event-stream, */*;q=0.1")
    requests = tuple(initialize(picture, headers={"accept": value}) for value in values)
    answers = (yield Together(requests)).parts
    refused = [place for place, answer in enumerate(answers) if answer.status == 406]  # noqa: PLR2004
    if not refused:
        return []
    # Correct clients name both types, so refusing the wildcard alone affects only others, and proxies.
    verdict = "risk" if refused == [0] else "broken"
    evidence = [f"accept {value}: {answer.status}" for value, answer in zip(values, answers, strict=True)]
    evidence += seen(requests[refused[0]], answers[refused[0]])
    return [found("TRN-03", "A usual Accept header is refused with 406.", evidence, verdict=verdict)]


def get(picture: Picture) -> Steps:
    """Send GET to the endpoint."""
    request = Request("GET", picture.endpoint, {"accept": "text/event-stream", **picture.headers}, until=b"")
    picture.get = response = yield request
    streams = response.status == 200 and response.media_type == "text/event-stream"  # noqa: PLR2004
    # Servers with sessions answer 400 or 404 to a GET without one.
    if (
        streams
        or response.status in {401, 405}
        or picture.is_down(response)
        or (picture.is_open and response.status in {400, 404, 406})
    ):
        return []
    if not response.status or response.status >= 500 or response.status in {200, 204, 403, 404, 400}:  # noqa: PLR2004
        return [found("TRN-04", "GET is answered with neither a stream nor 405.", seen(request, response))]
    return []


CHECKS = (front, spellings, elsewhere, root, agents, accept, get, browsers)
