"""Both protocol eras, and a session that does not exist.

Spec: MCP 2026-07-28 basic/versioning; MCP 2025-11-25 basic/lifecycle, basic/transports
"""

from __future__ import annotations

from typing import Any

from doorward.doctor.check import Finding, Picture, Steps, found, seen
from doorward.doctor.exchange import Response
from doorward.doctor.messages import discover, initialize, post
from doorward.mcp.era import LEGACY_VERSIONS, UNSUPPORTED_VERSION

_FUTURE = "2099-01-01"


def _error_code(response: Response) -> Any:
    body = response.json
    error = body.get("error") if isinstance(body, dict) else None
    return error.get("code") if isinstance(error, dict) else None


def new_era(picture: Picture) -> Steps:
    """Probe with server/discover, as clients of both eras do first."""
    request = discover(picture)
    response = yield request
    speaks_rpc = isinstance(response.json, dict) and "jsonrpc" in response.json
    if picture.is_open:
        clear = speaks_rpc and response.status in {200, 400, 404}
    else:
        clear = response.status == 401 or (speaks_rpc and response.status in {400, 404})  # noqa: PLR2004
        if response.status == 401 and picture.initialize.status == 401 and picture.challenge:  # noqa: PLR2004
            clear = "www-authenticate" in response.headers
    if clear:
        return []
    summary = f"server/discover is answered with {response.status or 'nothing'}, without a JSON-RPC error."
    return [found("VER-01", summary, seen(request, response))]


def versions(picture: Picture) -> Steps:
    """Begin a handshake with every version, and with one that does not exist."""
    plain = picture.initialize
    if _error_code(plain) == UNSUPPORTED_VERSION or (picture.discovered and plain.status != 200):  # noqa: PLR2004
        return [_modern_only(picture)]
    if not picture.is_open:
        picture.skip("needs a token: the server answers nothing else without one", "SES-02")
    refused: list[str] = []
    for version in (*LEGACY_VERSIONS, _FUTURE):
        request = initialize(picture, version=version)
        response = yield request
        if response.status != picture.initialize.status or (picture.is_open and _error_code(response) is not None):
            refused += [f"asked for {version}:", *seen(request, response)]
    return [found("VER-02", "A version is refused in place of negotiated.", refused)] if refused else []


def _modern_only(picture: Picture) -> Finding:
    """Tell a server of one era that says so, from one that leaves its older clients to guess."""
    request, response = initialize(picture), picture.initialize
    body = response.json
    data = body["error"].get("data") if _error_code(response) == UNSUPPORTED_VERSION else None
    if isinstance(data, dict) and data.get("supported"):
        summary = "Only the newer era is served, and the refusal names its versions."
        return found("VER-03", summary, seen(request, response), verdict="note")
    return found("VER-03", "The handshake of the older era is refused, without a word why.", seen(request, response))


def dead_session(picture: Picture) -> Steps:
    """Use a session id that nobody issued."""
    opened = picture.initialize.headers.get("mcp-session-id")
    if picture.initialize.status != 200:  # noqa: PLR2004
        return []
    headers = {"mcp-session-id": "doorward-check-made-up", "mcp-protocol-version": LEGACY_VERSIONS[0]}
    request = post(picture, "tools/list", {}, headers)
    response = yield request
    if response.status == 404 or (opened is None and response.status == 200):  # noqa: PLR2004
        return []
    findings: list[Finding] = []
    findings.append(found("SES-02", f"A session id that is not known gets {response.status}.", seen(request, response)))
    return findings


CHECKS = (new_era, versions, dead_session)
