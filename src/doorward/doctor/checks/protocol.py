"""MCP itself, in each era that the server speaks: how it begins, and how it answers rare messages.

All requests are harmless: notifications, pings, and methods and tools that do not exist.

Spec: MCP 2025-11-25 basic/lifecycle, basic/transports; MCP 2026-07-28 basic/transports; JSON-RPC 2.0 s5, s6
"""

from __future__ import annotations

from dataclasses import replace

from doorward.doctor.checks.versions import error_code, with_token
from doorward.doctor.engine.calls import UNKNOWN_NAME, ask, compact
from doorward.doctor.engine.check import Finding, Picture, Steps, found, seen
from doorward.doctor.engine.dialogue import Era
from doorward.doctor.engine.messages import discover, initialize
from doorward.doctor.engine.requests import Request, Response, Together
from doorward.doctor.engine.rules import rules
from doorward.mcp.era import HEADER_MISMATCH

STAGES = ("protocol", "catalogue", "sessions", "streams", "renewed")
UNKNOWN_METHOD = "doorward-check/none"
_TEXT_ID = "doorward-check"
_LARGE_ID = 2**53 - 1
_OTHER_NAME = "doorward-check-other"
_ODD_NAME = "doorward-check-ö"


def begin(picture: Picture) -> Steps:
    """Start both eras, with the token if one is needed."""
    mcp = picture.mcp
    if not picture.can_call:
        _skip_all(picture, "needs a token: use --login or --token")
        return []
    handshake, probe = picture.initialize, picture.discover
    if not picture.is_open:
        handshake = picture.first_call
        if not handshake.status:
            handshake = yield initialize(picture, headers=_bearer(picture))
        probe = yield replace(discover(picture), headers={**discover(picture).headers, **_bearer(picture)})
    mcp.begun = True
    mcp.handshake = handshake if _has_result(handshake) else None
    mcp.discovery = probe if _has_result(probe) else None
    findings = _stripped(picture, probe)
    if not mcp.eras:
        _skip_all(picture, "neither initialize nor server/discover is answered")
    elif mcp.handshake is None:
        picture.skip("the server speaks only the newer era, which has no sessions", *_LEGACY_ONLY)
    elif mcp.discovery is None:
        picture.skip("the server speaks only the older era", "VER-04", "VER-06")
    return findings


_LEGACY_ONLY = ("SES-01", "SES-02", "SES-03", "SES-04")


def _skip_all(picture: Picture, why: str) -> None:
    names = [rule.id for rule in rules().values() if rule.stage in STAGES and not rule.unseen]
    picture.skip(why, *names)


def _bearer(picture: Picture) -> dict[str, str]:
    return {"authorization": f"Bearer {picture.token}"}


def _has_result(response: Response) -> bool:
    message = response.json
    return response.status == 200 and isinstance(message, dict) and isinstance(message.get("result"), dict)  # noqa: PLR2004


def _stripped(picture: Picture, probe: Response) -> list[Finding]:
    """Return a finding if a correct probe of the newer era arrives without its headers."""
    if error_code(probe) != HEADER_MISMATCH:
        return []
    summary = (
        "server/discover with every header it needs is refused as if headers were missing: something removes them."
    )
    return [found("VER-04", summary, seen(discover(picture), probe))]


def notifications(picture: Picture) -> Steps:
    """Notify the server that the handshake is complete."""
    if not picture.mcp.eras:
        return []
    legacy = picture.mcp.handshake is not None
    era: Era = "legacy" if legacy else "modern"
    method = "notifications/initialized" if legacy else "notifications/cancelled"
    request = ask(picture, era, method, None if legacy else {"requestId": UNKNOWN_NAME}, rpc_id=None)
    response = yield request
    if response.status == 202 and not response.body.strip():  # noqa: PLR2004
        return []
    evidence = seen(request, response)
    if response.status == 202:  # noqa: PLR2004
        return [found("TRN-05", "A notification gets 202 with a body.", evidence, verdict="risk")]
    if response.status == 204:  # noqa: PLR2004
        return [found("TRN-05", "A notification gets 204 in place of 202.", evidence, verdict="risk")]
    if response.status == 200:  # noqa: PLR2004
        return [found("TRN-05", "A notification gets 200 in place of 202.", evidence)]
    if response.status in {401, 403, 404} and not legacy:
        return []
    summary = f"A notification gets {response.status or 'no answer'} in place of 202."
    return [found("TRN-05", summary, evidence, clients=list(picture.clients))]


def odd_messages(picture: Picture) -> Steps:
    """Send rare messages: a batch, ids of each type, an unknown method, unusual names."""
    requests: dict[str, Request] = {}
    if picture.mcp.handshake is not None:
        both = [{"jsonrpc": "2.0", "id": number, "method": "ping"} for number in (1, 2)]
        requests["batch"] = replace(ask(picture, "legacy", "ping"), body=compact(both))
        requests["legacy ping"] = ask(picture, "legacy", "ping", rpc_id=_TEXT_ID)
        requests["legacy unknown"] = ask(picture, "legacy", UNKNOWN_METHOD, rpc_id=_LARGE_ID)
    if picture.mcp.discovery is not None:
        requests["ping"] = ask(picture, "modern", "ping", rpc_id=_TEXT_ID)
        requests["unknown"] = ask(picture, "modern", UNKNOWN_METHOD, rpc_id=_LARGE_ID)
        call = {"name": UNKNOWN_NAME, "arguments": {}}
        requests["wrong name"] = ask(picture, "modern", "tools/call", call, headers={"mcp-name": _OTHER_NAME})
        requests["odd name"] = ask(picture, "modern", "tools/call", {"name": _ODD_NAME, "arguments": {}})
    if not requests:
        return []
    parts = (yield Together(tuple(requests.values()))).parts
    answers = dict(zip(requests, parts, strict=True))
    findings: list[Finding] = []
    if "batch" in answers:
        findings += _batch(requests["batch"], answers["batch"])
    if "ping" in answers:
        findings += _names(picture, requests, answers)
    return findings


def _batch(request: Request, response: Response) -> list[Finding]:
    message = response.json
    evidence = ["> a list of two pings, with the ids 1 and 2", *seen(request, response)]
    if response.status == 200 and (message is not None or response.media_type == "text/event-stream"):  # noqa: PLR2004
        ids = [
            each.get("id") for each in (message if isinstance(message, list) else [message]) if isinstance(each, dict)
        ]
        if all(each in (1, 2) for each in ids):
            return [found("TRN-06", "A list of messages is served, as in early 2025.", evidence, verdict="note")]
        summary = "A list of messages gets an answer with an id that nobody sent."
        return [found("TRN-06", summary, evidence, verdict="risk")]
    if not response.status or response.status >= 500:  # noqa: PLR2004
        summary = f"A list of messages gets {response.status or 'no answer'} in place of 400."
        return [found("TRN-06", summary, evidence, verdict="risk")]
    if isinstance(message, dict) and message.get("id") not in (None, 1, 2, ""):
        summary = "The refusal of a list of messages carries an id that nobody sent."
        return [found("TRN-06", summary, evidence, verdict="risk")]
    return []


def _names(picture: Picture, requests: dict[str, Request], answers: dict[str, Response]) -> list[Finding]:
    """Judge how the server compares Mcp-Name with the body."""
    odd, wrong = answers["odd name"], answers["wrong name"]
    if error_code(odd) == HEADER_MISMATCH:
        sent = requests["odd name"].headers["mcp-name"]
        evidence = [f"> mcp-name: {sent}", f"> params.name: {_ODD_NAME}", *seen(requests["odd name"], odd)]
        return [found("VER-04", "An encoded Mcp-Name is compared without being decoded.", evidence)]
    if wrong.status and error_code(wrong) != HEADER_MISMATCH and wrong.status not in {401, 403, 429}:
        evidence = [
            f"> mcp-name: {_OTHER_NAME}",
            f"> params.name: {UNKNOWN_NAME}",
            *seen(requests["wrong name"], wrong),
        ]
        summary = "An Mcp-Name that differs from the body is not refused: what filters by it can be passed by."
        return [found("VER-04", summary, evidence, verdict="risk", severity="minor", clients=list(picture.clients))]
    return []


CHECKS = (begin, with_token, notifications, odd_messages)
