"""A successful sign-in after which neither handshake nor probe returns a result.

Rules of later hops look at MCP responses. If there are none, the one existing response shows the cause. Sends no
requests. A refused token (401) and a timeout belong to other rules.

Spec: MCP 2025-11-25 basic/lifecycle, basic/transports; RFC 6750 s3.1; RFC 6585 s5
"""

from __future__ import annotations

import re
from dataclasses import replace

from doorward.doctor.checks.agents import is_wall
from doorward.doctor.checks.versions import error_code
from doorward.doctor.engine.check import Finding, Picture, Steps, challenge_of, found, seen
from doorward.doctor.engine.dialogue import Said
from doorward.doctor.network.links import urlsplit
from doorward.mcp.events import read_events

_EVENTS = "text/event-stream"
_TOO_LARGE = frozenset({413, 431, 494})
_NAMES_HEADERS = re.compile(rb"(?i)(header|cookie)[^<]{0,40}(too (large|big|long)|limit)|too large[^<]{0,40}header")
_FIX = (
    "Send initialize with a good token, and look in the logs of the server and of everything in front of it for why "
    "it is not answered with a result: until it is, no client gets further."
)


def unanswered_initialize(picture: Picture) -> Steps:
    """Judge the response to initialize if no era could be started."""
    yield from ()
    # If a request without a token gets another refusal than 401, that is the cause, and was reported already.
    guarded = bool(picture.token) and picture.initialize.status == 401  # noqa: PLR2004
    if not picture.mcp.begun or picture.mcp.eras or not (guarded or picture.is_open):
        return []
    said = next(iter(picture.mcp.answers("initialize")), None) if picture.is_open else _with_token(picture)
    if said is None or said.response.fault == "timeout":
        return []
    unread = _unread_stream(said)
    if unread or picture.is_open:
        return unread
    return [_cause(picture, said)]


def _with_token(picture: Picture) -> Said | None:
    bearer = f"Bearer {picture.token}"
    said = picture.mcp.answers("initialize")
    return next((each for each in said if each.request.headers.get("authorization") == bearer), None)


def _unread_stream(said: Said) -> list[Finding]:
    """Find a stream in which a client sees no message at all; the framing rules judge visible ones."""
    response = said.response
    if response.status != 200 or response.media_type != _EVENTS or not said.whole:  # noqa: PLR2004
        return []
    stream = read_events(response.body)
    if stream.messages or stream.lost:
        return []
    summary = "The answer to initialize is an event stream without one message in it."
    return [found("STR-04", summary, seen(said.request, response))]


def _cause(picture: Picture, said: Said) -> Finding:
    """Return the rule that explains such a response to a request with a valid token."""
    request, response = said.request, said.response
    evidence = ["with the token:", *seen(request, response), f"without one: {picture.initialize.status}"]
    everybody = list(picture.clients)
    if response.status in _TOO_LARGE or (response.status >= 400 and _NAMES_HEADERS.search(response.body)):  # noqa: PLR2004
        evidence.append(f"bytes of the token: {len(picture.token)}")
        return found("NET-08", "A request with the token is refused: its headers are too large.", evidence)
    if response.status in range(300, 400):
        return _redirect(picture, said, evidence)
    if response.status == 403:  # noqa: PLR2004
        return _forbidden(picture, said, evidence)
    if response.status == 429:  # noqa: PLR2004
        return found("NET-06", "The first call with the token is refused with 429.", evidence, clients=everybody)
    served_as_page = response.status == 200 and response.media_type not in {"application/json", _EVENTS}  # noqa: PLR2004
    if served_as_page:
        kind = response.media_type or "without a type"
        return found("TRN-08", f"With the token, initialize is answered as {kind}.", evidence, severity="blocker")
    how = f"with {response.status}" if response.status else "with a connection that is cut"
    code = error_code(response)
    how += f" and the JSON-RPC error {code}" if code is not None else ""
    summary = f"The sign-in works, and then initialize is answered {how}: no client gets further."
    return replace(found("RS-01", summary, evidence, clients=everybody), fix=_FIX)


def _redirect(picture: Picture, said: Said, evidence: list[str]) -> Finding:
    here, there = urlsplit(said.request.url), urlsplit(said.response.headers.get("location", ""))
    slash = there.netloc in {"", here.netloc} and there.path.rstrip("/") == here.path.rstrip("/")
    rule = "TRN-01" if slash and there.path != here.path else "TRN-10"
    summary = "Without a token the endpoint answers; with one it redirects, and clients do not follow with the token."
    return found(rule, summary, evidence, clients=list(picture.clients))


def _forbidden(picture: Picture, said: Said, evidence: list[str]) -> Finding:
    if is_wall(said.response):
        summary = "The first call with the token gets 403, and not from the MCP server: a rule at the edge drops it."
        return found("NET-01", summary, evidence, clients=list(picture.clients))
    if challenge_of(said.response).get("error") == "insufficient_scope":
        summary = "The token lacks a scope for initialize itself."
        return found("RS-04", summary, evidence, verdict="risk")
    summary = "initialize gets 403 without error=insufficient_scope: no client can tell what it lacks."
    return found("RS-04", summary, evidence, severity="blocker", clients=list(picture.clients))


CHECKS = (unanswered_initialize,)
