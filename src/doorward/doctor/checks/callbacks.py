"""Whether the authorization endpoint accepts each client with the redirect URI that it just registered.

Registration may accept what the authorization endpoint, or a list elsewhere, refuses. Pages are opened, not submitted.

Spec: RFC 6749 s3.1.2.3, s4.1.2.1
"""

from __future__ import annotations

from collections.abc import Generator, Mapping

from doorward.doctor.checks.authorize import error_of, request_of
from doorward.doctor.checks.registration import LOOPBACK, LOOPBACK_URIS, body_of, filled_in
from doorward.doctor.checks.registration import request_of as registration_of
from doorward.doctor.checks.registration_replies import is_client
from doorward.doctor.engine.check import Finding, Picture, Steps, found, seen
from doorward.doctor.engine.requests import Ask, Request, Response, Together
from doorward.doctor.engine.rules import Profile
from doorward.doctor.network.links import urlsplit

_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
_NOT_THERE = frozenset({404, 405, 410, 501})
_BUSY = frozenset({0, 429})


def callbacks(picture: Picture) -> Steps:
    """Open the page once for every client; for refused ones again, and with their other redirect URIs."""
    if not isinstance((picture.server or {}).get("authorization_endpoint"), str):
        return []
    names = [name for name in (*picture.clients, LOOPBACK) if name in picture.registered]
    asked = {name: _page(picture, name, _of_interest(picture, name)) for name in names}
    refused = _refused(asked, (yield Together(tuple(asked.values()))).parts) if asked else {}
    if not set(refused) & set(picture.clients):
        return []
    if len(refused) == len(asked) and LOOPBACK not in asked:
        asked |= yield from _control(picture)
    again = {name: asked[name] for name in asked if name in {*refused, LOOPBACK}}
    still = _refused(again, (yield Together(tuple(again.values()))).parts)
    refused |= {name: each for name, each in still.items() if name == LOOPBACK}
    if len(still) < len(refused):
        evidence = [*_table(picture, asked, refused), f"asked again: {len(still)} of {len(refused)} refused"]
        return [found("REG-03", "A client that has just registered is known now and then only.", evidence)]
    others = {
        f"{name} {uri}": _page(picture, name, uri)
        for name in still
        for uri in picture.registered[name]["redirect_uris"]
        if name in picture.clients and uri != _of_interest(picture, name)
    }
    shut = _refused(others, (yield Together(tuple(others.values()))).parts) if others else {}
    open_to = {name: [key for key in others if key not in shut and key.startswith(f"{name} ")] for name in still}
    return [_finding(picture, asked, refused, open_to)]


def _control(picture: Picture) -> Generator[Ask, Response, dict[str, Request]]:
    """Register a native client as a control: if it is accepted, the redirect URI makes the difference."""
    endpoint = (picture.server or {}).get("registration_endpoint")
    if not isinstance(endpoint, str) or not picture.may_register:
        return {}
    body = body_of(Profile(LOOPBACK, "a native client", "", LOOPBACK_URIS, 0), LOOPBACK_URIS)
    reply = yield registration_of(endpoint, body)
    if not is_client(reply):
        return {}
    picture.registered[LOOPBACK] = filled_in(body, reply.json)
    return {LOOPBACK: _page(picture, LOOPBACK, LOOPBACK_URIS[0])}


def _page(picture: Picture, name: str, uri: str) -> Request:
    return request_of(picture, picture.registered[name], redirect_uri=str(uri))


def _of_interest(picture: Picture, name: str) -> str:
    """Return the redirect URI that an allowlist most likely lacks: one that is not on this machine."""
    uris = [str(uri) for uri in picture.registered[name]["redirect_uris"]]
    return next((uri for uri in uris if urlsplit(uri).hostname not in _THIS_MACHINE), uris[0])


def _refused(asked: Mapping[str, Request], answers: tuple[Response, ...]) -> dict[str, Response]:
    """Return those that get an error page; a redirect with an error means that the redirect URI was accepted."""
    pairs = zip(asked, answers, strict=True)
    return {name: each for name, each in pairs if each.status >= 400 and each.status not in _BUSY and error_of(each)}  # noqa: PLR2004


def _table(picture: Picture, asked: Mapping[str, Request], refused: Mapping[str, Response]) -> list[str]:
    """Return one refusal, and the names of the other refused clients."""
    name = next(each for each in refused if each in picture.clients)
    lines = seen(asked[name], refused[name])
    for each in asked:
        title = picture.clients[each].title if each in picture.clients else "a client of this machine alone"
        lines.append(f"{title}: {'refused' if each in refused else 'taken'}")
    return lines


def _finding(
    picture: Picture, asked: Mapping[str, Request], refused: Mapping[str, Response], open_to: Mapping[str, list[str]]
) -> Finding:
    """Distinguish a list of redirect URIs from a list of clients; a client with one accepted URI is only at risk."""
    evidence = _table(picture, asked, refused) + [f"taken: {key}" for keys in open_to.values() for key in keys]
    words = b" ".join(each.body.lower() for each in refused.values())
    if len(refused) < len(asked) or b"redirect" in words:
        stopped = [each for each in refused if each in picture.clients and not open_to[each]]
        if stopped:
            summary = "The authorization endpoint refuses a redirect URI that registration has accepted."
            return found("REG-02", summary, evidence, clients=stopped)
        summary = "The authorization endpoint refuses one of a client's redirect URIs, and takes another."
        return found("REG-02", summary, evidence, clients=[each for each in open_to if open_to[each]], verdict="risk")
    status = next(iter(refused.values())).status
    if status in _NOT_THERE:
        summary = f"The metadata names an authorization_endpoint that answers {status}."
        return found("DSC-10", summary, evidence)
    summary = f"The authorization endpoint answers {status} to every client that has just registered."
    verdict = "broken" if all(each.status < 500 for each in refused.values()) else "risk"  # noqa: PLR2004
    return found("REG-03", summary, evidence, severity="blocker", verdict=verdict)
