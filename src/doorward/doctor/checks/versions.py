"""Both protocol eras: the probe for the newer one, and every version of the older one, with and without a token.

Spec: MCP 2026-07-28 basic/versioning; MCP 2025-11-25 basic/lifecycle
"""

from __future__ import annotations

from dataclasses import replace

from doorward.doctor.engine.check import Finding, Picture, Steps, found, seen
from doorward.doctor.engine.dialogue import Said
from doorward.doctor.engine.messages import discover, initialize
from doorward.doctor.engine.requests import Request, Response, Together
from doorward.mcp.era import LEGACY_VERSIONS, UNSUPPORTED_VERSION

_FUTURE = "2099-01-01"
_VERSIONS = (*LEGACY_VERSIONS, _FUTURE)


def error_code(response: Response) -> object:
    """Return the code of a JSON-RPC error; None if there is none."""
    message = response.json
    error = message.get("error") if isinstance(message, dict) else None
    return error.get("code") if isinstance(error, dict) else None


def new_era(picture: Picture) -> Steps:
    """Judge the response to server/discover, which clients of both eras send first."""
    request, response = discover(picture), picture.discover
    if not response.status and not response.fault:
        response = yield request
        picture.reached = replace(picture.reached, discover=response)
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
    """Start a handshake with every version, and with one that does not exist."""
    plain = picture.initialize
    if error_code(plain) == UNSUPPORTED_VERSION or (picture.reached.is_discovered and plain.status != 200):  # noqa: PLR2004
        return [_refused_handshake(initialize(picture), plain)]
    requests = tuple(initialize(picture, version=version) for version in _VERSIONS)
    answers = (yield Together(requests)).parts
    refused: list[str] = []
    for version, request, response in zip(_VERSIONS, requests, answers, strict=True):
        if response.status != picture.initialize.status or (picture.is_open and error_code(response) is not None):
            refused += [f"asked for {version}:", *seen(request, response)]
    return [found("VER-02", "A version is refused in place of negotiated.", refused)] if refused else []


def _refused_handshake(request: Request, response: Response) -> Finding:
    """Distinguish a server of one era that says so from one that leaves older clients guessing."""
    if _names_its_versions(response):
        summary = "Only the newer era is served, and the refusal names its versions."
        return found("VER-03", summary, seen(request, response), verdict="note")
    return found("VER-03", "The handshake of the older era is refused, without a word why.", seen(request, response))


def _names_its_versions(response: Response) -> bool:
    message = response.json
    if error_code(response) != UNSUPPORTED_VERSION or not isinstance(message, dict):
        return False
    data = message["error"].get("data")
    return isinstance(data, dict) and bool(data.get("supported"))


def with_token(picture: Picture) -> Steps:
    """Ask again with the token: some servers check the version before it, some after."""
    if not picture.token or not picture.mcp.eras or picture.is_open:
        return []
    findings = _probe_with_token(picture)
    if picture.mcp.handshake is None:
        if picture.mcp.discovery is not None:
            findings += _modern_only_with_token(picture)
        return findings
    bearer = {"authorization": f"Bearer {picture.token}"}
    requests = tuple(initialize(picture, version=version, headers=bearer) for version in _VERSIONS[1:])
    answers = (yield Together(requests)).parts
    refused: list[str] = []
    for version, request, response in zip(_VERSIONS[1:], requests, answers, strict=True):
        if response.status != 200 or error_code(response) is not None:  # noqa: PLR2004
            refused += [f"with a token, asked for {version}:", *seen(request, response)]
    return [*findings, found("VER-02", "A version is refused with a token.", refused)] if refused else findings


def _last(picture: Picture, method: str) -> Said | None:
    bearer = f"Bearer {picture.token}"
    own = [each for each in picture.mcp.answers(method) if each.request.headers.get("authorization") == bearer]
    return own[-1] if own else None


def _probe_with_token(picture: Picture) -> list[Finding]:
    probe = _last(picture, "server/discover")
    if probe is None:
        return []
    response = probe.response
    speaks_rpc = isinstance(response.json, dict) and "jsonrpc" in response.json
    if speaks_rpc and response.status in {200, 400, 404}:
        return []
    answer = "is not answered" if not response.status else f"gets {response.status}"
    summary = f"With a good token, server/discover {answer}; it is no JSON-RPC answer that tells the era."
    return [found("VER-01", summary, seen(probe.request, response))]


def _modern_only_with_token(picture: Picture) -> list[Finding]:
    said = _last(picture, "initialize")
    return [] if said is None else [_refused_handshake(said.request, said.response)]


CHECKS = (new_era, versions)
