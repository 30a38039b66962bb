"""The authorization endpoint up to the login page: scopes, resource, loopback ports, long requests, metadata documents.

Nothing is submitted and no consent is given. Faults of the page itself are in `pages.py`.

Spec: RFC 6749 s4.1.1; RFC 8252 s7.3; RFC 8707 s2; MCP 2026-07-28 basic/authorization
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any
from urllib.parse import parse_qs, unquote_to_bytes, urlencode

from doorward.doctor.checks import pages
from doorward.doctor.checks.agents import BROWSER
from doorward.doctor.checks.registration import LOOPBACK
from doorward.doctor.engine.check import Finding, Picture, Steps, found, seen
from doorward.doctor.engine.requests import Ask, Pairs, Request, Response, Together
from doorward.doctor.engine.rules import rules
from doorward.doctor.network.links import urlsplit
from doorward.oauth.addresses import is_plain_loopback, names_this_machine

# The challenge of the verifier in RFC 7636 appendix B: it protects nothing here, because no code is redeemed.
_CODE_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
_OTHER_PORT = 49152
_PROVIDER_ERROR = re.compile(rb"AADSTS[0-9]{4,7}")
_OF_THE_PROVIDER = frozenset({"invalid_target", "invalid_scope", "invalid_resource"})
_LONG_STATE_CHARS = 2048
_ERRORS = ("invalid_scope", "invalid_target", "invalid_client", "invalid_request")
_RULES = ("AUT-01", "AUT-02", "AUT-03", "AUT-04", "AUT-07", "AUT-08", "AUT-09", "AUT-10")


def request_of(
    picture: Picture, client: dict[str, Any], *, redirect_uri: str | None = None, **changes: str | None
) -> Request:
    """Return what the browser of a user opens, as the client asked it to."""
    endpoint = str((picture.server or {})["authorization_endpoint"])
    resource = (picture.resource or {}).get("resource")
    wanted = {
        "response_type": "code",
        "client_id": client["client_id"],
        "redirect_uri": redirect_uri or client["redirect_uris"][0],
        "code_challenge": _CODE_CHALLENGE,
        "code_challenge_method": "S256",
        "state": "doorward-check",
        "resource": resource if isinstance(resource, str) else None,
        "scope": scope_of(picture),
    } | changes
    query = urlencode({name: value for name, value in wanted.items() if value})
    headers = {"accept": "text/html", "user-agent": BROWSER}
    return Request("GET", f"{endpoint}{'&' if '?' in endpoint else '?'}{query}", headers)


def scope_of(picture: Picture) -> str | None:
    """Return the scopes that the challenge names, else those of the resource metadata."""
    scopes = (picture.resource or {}).get("scopes_supported")
    listed = " ".join(map(str, scopes)) if isinstance(scopes, list) else None
    return picture.challenge.get("scope") or listed


def error_of(response: Response) -> str:
    """Return the error of an answer: the code in its redirect or body, or its status; empty when it goes on."""
    if 300 <= response.status < 400:  # noqa: PLR2004
        query = parse_qs(urlsplit(response.headers.get("location", "")).query)
        return query.get("error", [""])[0]
    if response.status in range(200, 300):
        return ""
    text = response.body.decode("utf-8", "replace")
    return next((code for code in _ERRORS if code in text), "") or str(response.status or response.fault)


def authorize(picture: Picture) -> Steps:
    """Open the page as the first registered client, and change one thing at a time."""
    if not isinstance((picture.server or {}).get("authorization_endpoint"), str) or not picture.registered:
        picture.skip("no client could be registered", *_RULES)
        return []
    client = next(iter(picture.registered.values()))
    request = request_of(picture, client)
    hops = yield from pages.walk(request, [str(uri) for uri in client["redirect_uris"]])
    if error := error_of(hops[0][1]):
        return (yield from _refused(picture, client, hops[0], error))
    if refused := _by_the_provider(hops):
        picture.skip("the identity provider refuses the request", *(name for name in _RULES if name != "AUT-03"))
        return [_provider(picture, hops, refused)]
    findings = yield from _changes(picture, client, hops)
    findings += yield from _loopback(picture)
    findings += yield from pages.page(picture, hops)
    return findings


def _refused(
    picture: Picture, client: dict[str, Any], hop: tuple[Request, Response], error: str
) -> Generator[Ask, Response, list[Finding]]:
    """Find what of an honest request is refused, by leaving it out."""
    asked = (request_of(picture, client, scope=None), request_of(picture, client, resource=None))
    bare, without = (yield Together(asked)).parts
    if (named := _provider_words(hop[1])).startswith("AADSTS"):
        return [_provider(picture, [hop], named)]
    if error == "invalid_scope" or not error_of(bare):
        return [found("AUT-04", "The scopes that the server itself names are refused.", seen(*hop))]
    if error == "invalid_target" or not error_of(without):
        return [found("AUT-07", "The advertised resource is refused.", seen(*hop))]
    picture.skip(f"the authorize endpoint answers {error}", *_RULES)
    return []


def _by_the_provider(hops: pages.Hops) -> str:
    """Return the error of an identity provider, which says it on a page or in a redirect back."""
    for _, response in hops[1:] or hops:
        named, error = _provider_words(response), error_of(response)
        if named.startswith("AADSTS") or error in _OF_THE_PROVIDER:
            return named or error
    return ""


def _provider_words(response: Response) -> str:
    """Return the error code of an identity provider in a page, or in what a redirect says."""
    text = response.body + unquote_to_bytes(response.headers.get("location", ""))
    named = _PROVIDER_ERROR.search(text)
    return named[0].decode() if named else ""


def _provider(picture: Picture, hops: pages.Hops, error: str) -> Finding:
    pair = [f"resource: {(picture.resource or {}).get('resource')!r}", f"scope: {scope_of(picture)!r}"]
    evidence = [*pair, f"error of the identity provider: {error}", *seen(*hops[-1])]
    summary = f"The identity provider refuses the request: {error}."
    return found("AUT-03", summary, evidence)


def _changes(picture: Picture, client: dict[str, Any], hops: pages.Hops) -> Generator[Ask, Response, list[Finding]]:
    """Ask for a scope more, with parameters that are not known, with a long state, and as clients with a document."""
    scopes = " ".join(filter(None, (scope_of(picture), "offline_access")))
    asked = {
        "offline": request_of(picture, client, scope=scopes),
        "unknown": request_of(picture, client, nonce="doorward-check", prompt="consent", doorward_check="1"),
        "long": request_of(picture, client, state="s" * _LONG_STATE_CHARS),
    }
    documents = _documents(picture)
    answers = (yield Together((*asked.values(), *documents.values()))).parts
    pairs = dict(
        zip((*asked, *documents), zip((*asked.values(), *documents.values()), answers, strict=True), strict=True)
    )
    findings = yield from _offline(picture, client, pairs["offline"])
    if error_of(pairs["unknown"][1]) not in {"", "429", "login_required", "interaction_required", "consent_required"}:
        summary = "Parameters that the endpoint does not know are refused in place of ignored."
        findings.append(found("AUT-07", summary, seen(*pairs["unknown"])))
    findings += _long(hops, pairs["long"])
    return findings + _with_documents({name: pairs[name] for name in documents})


def _offline(
    picture: Picture, client: dict[str, Any], pair: tuple[Request, Response]
) -> Generator[Ask, Response, list[Finding]]:
    """Judge the answer to `offline_access`: some clients ask for it whatever is advertised, the others where it is."""
    if error_of(pair[1]) != "invalid_scope":
        return []
    scopes = " ".join(filter(None, (scope_of(picture), "doorward-check-unknown")))
    unknown = yield request_of(picture, client, scope=scopes)
    any_other = "is refused too" if error_of(unknown) == "invalid_scope" else "is left out"
    evidence = [f"scope: {scopes.replace('doorward-check-unknown', 'offline_access')}", *seen(*pair)]
    evidence.append(f"a scope that nobody knows {any_other}")
    summary = "offline_access is refused in place of left out."
    advertised = (picture.server or {}).get("scopes_supported")
    if isinstance(advertised, list) and "offline_access" in advertised:
        return [found("AUT-04", summary, evidence)]
    return [found("AUT-04", summary, evidence, verdict="risk", clients=["claude-code"])]


def _long(hops: pages.Hops, pair: tuple[Request, Response]) -> list[Finding]:
    """Judge a request with a state of two thousand characters, and whether all of it goes on to the provider."""
    request, response = pair
    short, long = (len(each.headers.get("location", "")) for each in (hops[0][1], response))
    lengths = [f"request: {len(request.url)} characters", f"redirect: {short} characters, with the long state {long}"]
    if response.status in {400, 414, 431} or response.status >= 500:  # noqa: PLR2004
        summary = f"A state of {_LONG_STATE_CHARS} characters gets {response.status}."
        return [found("AUT-08", summary, [*lengths, f"< {response.status}"])]
    back = urlsplit(response.headers.get("location", "")).query
    if long - short >= _LONG_STATE_CHARS and "error=" not in back and "code=" not in back:
        summary = "The client's state is packed into the URL for the identity provider, which cuts long ones."
        return [found("AUT-08", summary, lengths, verdict="risk")]
    return []


def _documents(picture: Picture) -> dict[str, Request]:
    """Return a request for each client with a public metadata document, where the server can be expected to read it."""
    if (picture.server or {}).get("client_id_metadata_document_supported") is not True:
        picture.skip("Client ID Metadata Documents are not offered", "CIM-01")
        return {}
    if picture.address != "public" or names_this_machine(urlsplit(picture.url).hostname or ""):
        picture.skip("a server at an inner address may have no way to the documents of the vendors", "CIM-01")
        return {}
    known = {each.name: each for each in picture.clients.values() if each.document}
    if not known:
        picture.skip("where the documents of these clients are is not known", "CIM-01")
    return {
        f"document of {name}": request_of(
            picture, {"client_id": each.document}, redirect_uri=each.document_redirect_uri
        )
        for name, each in known.items()
    }


def _with_documents(pairs: Pairs) -> list[Finding]:
    refused = {name: pair for name, pair in pairs.items() if error_of(pair[1]) not in {"", "429"}}
    if not refused:
        return []
    stopped = [name.removeprefix("document of ") for name in refused]
    evidence = [f"{name}: {error_of(response) or 'accepted'}" for name, (_, response) in pairs.items()]
    evidence += seen(*next(iter(refused.values())))
    summary = "The metadata document of a client is refused as client_id, although such documents are offered."
    return [found("CIM-01", summary, evidence, clients=stopped)]


def _loopback(picture: Picture) -> Generator[Ask, Response, list[Finding]]:
    """Open the page with another port than the registered one, for every loopback client and host."""
    asked: list[tuple[str, str, Request, Request]] = []
    for name, client in picture.registered.items():
        # The others keep to the port that they register.
        if name not in (*rules()["AUT-01"].clients, LOOPBACK):
            continue
        uris = [str(uri) for uri in client["redirect_uris"] if _is_loopback(str(uri))]
        for uri in uris if name == LOOPBACK else uris[:1]:
            moved = _on_another_port(uri)
            usual = request_of(picture, client, redirect_uri=uri)
            asked.append((name, uri, usual, request_of(picture, client, redirect_uri=moved)))
    if not asked:
        return []
    answers = (yield Together(tuple(moved for *_, moved in asked))).parts
    refused = [place for place, answer in enumerate(answers) if error_of(answer) not in {"", "429"}]
    if not refused:
        return []
    usual_answers = (yield Together(tuple(asked[place][2] for place in refused))).parts
    refused = [place for place, usual in zip(refused, usual_answers, strict=True) if not error_of(usual)]
    table = [
        f"registered {uri}, asked with port {_OTHER_PORT}: {'refused' if place in refused else 'accepted'}"
        for place, (_, uri, *_) in enumerate(asked)
    ]
    return _port_findings(asked, answers, refused, table)


def _port_findings(
    asked: list[tuple[str, str, Request, Request]], answers: tuple[Response, ...], refused: list[int], table: list[str]
) -> list[Finding]:
    stopped = list(dict.fromkeys(asked[place][0] for place in refused if asked[place][0] != LOOPBACK))
    portless = [place for place in refused if asked[place][0] == LOOPBACK and "[::1]" not in asked[place][1]]
    if stopped:
        first = next(place for place in refused if asked[place][0] == stopped[0])
        evidence = [*table, *seen(asked[first][3], answers[first])]
        summary = "Another loopback port than the registered one is refused, so a later sign-in fails."
        return [found("AUT-01", summary, evidence, clients=stopped)]
    if portless:
        evidence = [*table, *seen(asked[portless[0]][3], answers[portless[0]])]
        summary = "A loopback redirect URI that is registered without a port is refused with one."
        return [found("AUT-01", summary, evidence, verdict="risk", clients=["claude-code"])]
    return []


def _is_loopback(uri: str) -> bool:
    parts = urlsplit(uri)
    return parts.scheme == "http" and is_plain_loopback(parts.hostname or "")


def _on_another_port(uri: str) -> str:
    parts = urlsplit(uri)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return parts._replace(netloc=f"{host}:{_OTHER_PORT}").geturl()
