"""Streams: whether they open at once, arrive as they are sent, and how they end.

Spec: MCP 2025-11-25 basic/transports; MCP 2026-07-28 basic/transports, server/subscriptions; RFC 9110 s8.4
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from doorward.doctor.engine.calls import ask, bare
from doorward.doctor.engine.check import Finding, Picture, Steps, found, seen
from doorward.doctor.engine.dialogue import Said
from doorward.doctor.engine.messages import initialize
from doorward.doctor.engine.requests import Ask, Request, Response

_LIMIT_SECONDS = 3.0
_HELD_SECONDS = 130.0
_ACKNOWLEDGED = b"subscriptions/acknowledged"
_NEVER = b"\x00doorward-check\x00"
_PACKED = "gzip, br"
_KNOWN_CUTS = {30: "Google Cloud", 55: "Heroku", 60: "nginx and AWS", 100: "Cloudflare", 125: "Cloudflare"}
"""Seconds without a byte after which each party by default considers a connection dead."""
_CUT_TOLERANCE_SECONDS = 2.0
_SILENT_SECONDS = 20.0
_ONE_BURST = 0.05


def standing(picture: Picture) -> Steps:
    """Open the stream of GET, as clients of the older era do after the handshake."""
    if picture.mcp.handshake is None:
        return []
    request = replace(bare(picture, "GET"), until=b"", limit_seconds=_LIMIT_SECONDS)
    response = yield request
    if response.status == 405 or _is_stream(response):  # noqa: PLR2004
        return []
    if response.fault == "timeout":
        summary = f"GET opens a stream whose head does not arrive within {_LIMIT_SECONDS:g} seconds."
        return [found("STR-01", summary, seen(request, response))]
    if response.status == 401:  # noqa: PLR2004
        return []
    if not picture.mcp.mcp_session and response.status in {400, 404, 406}:
        return []
    summary = f"GET after the handshake gets {response.status or 'no answer'}: neither a stream nor 405."
    return [found("TRN-04", summary, seen(request, response))]


def _is_stream(response: Response) -> bool:
    return response.status == 200 and response.media_type == "text/event-stream"  # noqa: PLR2004


def listen(picture: Picture) -> Request:
    """Return the request for a stream of the newer era, whose first event arrives at once."""
    wanted = {"notifications": {"toolsListChanged": True}}
    request = ask(picture, "modern", "subscriptions/listen", wanted)
    return replace(request, until=_ACKNOWLEDGED, limit_seconds=_LIMIT_SECONDS)


def held_back(picture: Picture) -> Steps:
    """Open a stream of the newer era, uncompressed and compressed, and wait for its first event."""
    if picture.mcp.discovery is None:
        return (yield from _packed_list(picture))
    request = listen(picture)
    plain = yield request
    if plain.fault == "timeout" and not plain.body:
        opens = "opens, and its first event" if plain.status else "is asked for, and its head"
        summary = f"A stream {opens} does not arrive within {_LIMIT_SECONDS:g} seconds."
        return [found("STR-01", summary, [*seen(request, plain), *_times(plain)])]
    if not _is_stream(plain):
        return (yield from _packed_list(picture))
    packed_request = replace(request, headers={**request.headers, "accept-encoding": _PACKED})
    packed = yield packed_request
    coding = packed.headers.get("content-encoding", "")
    if coding in {"", "identity"} or _ACKNOWLEDGED in packed.body or (coding != "gzip" and packed.arrivals):
        return []
    evidence = ["without compression:", *_times(plain), f"with accept-encoding: {_PACKED}:"]
    summary = f"A stream that is packed with {coding} brings no event within {_LIMIT_SECONDS:g} seconds."
    return [found("STR-02", summary, [*evidence, f"< content-encoding: {coding}", *seen(packed_request, packed)])]


def _packed_list(picture: Picture) -> Generator[Ask, Response, list[Finding]]:
    """Request the tools with compression, if responses are streams and no stream stays open."""
    streamed = [each.era for each in picture.mcp.answers("tools/list") if _is_stream(each.response)]
    era = next((each for each in picture.mcp.eras if each in streamed), None)
    if era is None:
        return []
    request = ask(picture, era, "tools/list", headers={"accept-encoding": _PACKED})
    response = yield request
    coding = response.headers.get("content-encoding", "")
    if coding in {"", "identity"} or not _is_stream(response):
        return []
    summary = f"Event streams are packed with {coding}; whether each event is flushed cannot be seen on a short one."
    return [found("STR-02", summary, [*seen(request, response, body=False), *_times(response)], verdict="risk")]


def _times(response: Response) -> list[str]:
    shown = [f"{at:.2f} s: {size} bytes" for at, size in response.arrivals[:6]]
    return [f"arrivals: {', '.join(shown) or 'none'}; {response.elapsed_seconds:.2f} s in all"]


def bursts(picture: Picture) -> Steps:
    """Check the existing streams for several events that were delayed and then arrived together."""
    yield from ()
    for each in picture.mcp.answers():
        response = each.response
        events = response.body.count(b"data:")
        if not _is_stream(response) or events < 3 or response.elapsed_seconds < 1 or not response.arrivals:  # noqa: PLR2004
            continue
        if response.arrivals[0][0] > (1 - _ONE_BURST) * response.elapsed_seconds:
            summary = f"{events} events of one answer arrive in one burst after {response.elapsed_seconds:.0f} seconds."
            return [found("STR-01", summary, [*_times(response), *_heads(each)], verdict="risk")]
    return []


def _heads(said: Said) -> list[str]:
    hint = said.response.headers.get("x-accel-buffering", "missing")
    return [*seen(said.request, said.response, body=False), f"< x-accel-buffering: {hint}"]


def kept_open(picture: Picture) -> Steps:
    """Keep a stream open for longer than proxies tolerate silence."""
    if not picture.mcp.eras:
        return []
    if not picture.repeat:
        picture.skip("needs --repeat", "STR-03")
        return []
    request = response = None
    if picture.mcp.handshake is not None:
        # Use a new session: a server may allow one stream for each, and the first one's was just left.
        bearer = {"authorization": f"Bearer {picture.token}"} if picture.token else {}
        session = (yield initialize(picture, headers=bearer)).headers.get("mcp-session-id")
        request = bare(picture, "GET", {"mcp-session-id": session} if session else None)
        response = yield _left_open(request)
    if picture.mcp.discovery is not None and (response is None or not _is_stream(response)):
        request = listen(picture)
        response = yield _left_open(request)
    if request is None or response is None:
        return []
    if not _is_stream(response) or response.fault == "timeout":
        return []
    silent = _silence(response)
    if response.fault != "cut" and silent < _SILENT_SECONDS:
        return []  # ended properly by the server, which lets its clients reconnect
    cause = next(
        (f" ({name} cut after {at})" for at, name in _KNOWN_CUTS.items() if abs(silent - at) < _CUT_TOLERANCE_SECONDS),
        "",
    )
    summary = f"The stream ends after {response.elapsed_seconds:.0f} seconds, {silent:.0f} of them silent{cause}."
    return [found("STR-03", summary, [*seen(request, response, body=False), *_times(response)], verdict="risk")]


def _left_open(request: Request) -> Request:
    return replace(request, until=_NEVER, limit_seconds=_HELD_SECONDS)


def _silence(response: Response) -> float:
    """Return the seconds of silence before the end."""
    return response.elapsed_seconds - (response.arrivals[-1][0] if response.arrivals else 0.0)


CHECKS = (standing, held_back, kept_open, bursts)
