"""The authorization endpoint up to the login page: scopes, resource, loopback ports, and the page's policy.

Nothing is submitted and no consent is given. Spec: RFC 6749 s4.1.1; RFC 8252 s7.3; RFC 8707 s2
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any
from urllib.parse import parse_qs, urlencode

from doorward.doctor.check import Finding, Picture, Steps, found, seen
from doorward.doctor.exchange import Request, Response
from doorward.doctor.links import urljoin, urlsplit
from doorward.doctor.rules import rules

# Of the verifier in RFC 7636 appendix B: it protects nothing here, since no code is ever asked for.
_CODE_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
_HOPS = 4
_OTHER_PORT = 49152
# No tag holds another one: each character is looked at once, however many tags are begun and not ended.
_META = re.compile(r"(?i)<meta\s([^<>]++)>")
_CONTENT = re.compile(r"""(?i)\bcontent=(?:"([^"]*)"|'([^']*)')""")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _ask(
    picture: Picture, client: dict[str, Any], *, redirect_uri: str | None = None, **changes: str | None
) -> Request:
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
        "scope": _scope(picture),
    } | changes
    query = urlencode({name: value for name, value in wanted.items() if value})
    return Request("GET", f"{endpoint}{'&' if '?' in endpoint else '?'}{query}", {"accept": "text/html"})


def _scope(picture: Picture) -> str | None:
    scopes = (picture.resource or {}).get("scopes_supported")
    listed = " ".join(map(str, scopes)) if isinstance(scopes, list) else None
    return picture.challenge.get("scope") or listed


def _error(response: Response) -> str:
    """Return the error of an answer: the code in its redirect or body, or its status; empty when it goes on."""
    if 300 <= response.status < 400:  # noqa: PLR2004
        query = parse_qs(urlsplit(response.headers.get("location", "")).query)
        return query.get("error", [""])[0]
    if response.status in range(200, 300):
        return ""
    text = response.body.decode("utf-8", "replace")
    named = next((code for code in ("invalid_scope", "invalid_target", "invalid_client") if code in text), "")
    return named or str(response.status or response.fault)


def authorize(picture: Picture) -> Steps:
    """Open the page as the first registered client, and change one thing at a time."""
    if not isinstance((picture.server or {}).get("authorization_endpoint"), str) or not picture.registered:
        picture.skip("no client could be registered", "AUT-01", "AUT-02", "AUT-04", "AUT-07")
        return []
    client = next(iter(picture.registered.values()))
    request = _ask(picture, client)
    response = yield request
    findings: list[Finding] = []
    if error := _error(response):
        bare = yield _ask(picture, client, scope=None)
        without = yield _ask(picture, client, resource=None)
        if error == "invalid_scope" or not _error(bare):
            findings.append(
                found("AUT-04", "The scopes that the server itself names are refused.", seen(request, response))
            )
        elif error == "invalid_target" or not _error(without):
            findings.append(found("AUT-07", "The advertised resource is refused.", seen(request, response)))
        else:
            picture.skip(f"the authorize endpoint answers {error}", "AUT-01", "AUT-02")
        return findings
    findings += yield from _offline(picture, client)
    findings += yield from _loopback(picture)
    findings += yield from _page(picture, client)
    return findings


def _offline(picture: Picture, client: dict[str, Any]) -> Steps:
    """Ask for `offline_access` too: some clients do whatever is advertised, the others where it is."""
    request = _ask(picture, client, scope=" ".join(filter(None, (_scope(picture), "offline_access"))))
    refusal = yield request
    if _error(refusal) != "invalid_scope":
        return []
    summary = "offline_access is refused in place of left out."
    advertised = (picture.server or {}).get("scopes_supported")
    if isinstance(advertised, list) and "offline_access" in advertised:
        return [found("AUT-04", summary, seen(request, refusal))]
    return [found("AUT-04", summary, seen(request, refusal), verdict="risk", clients=["claude-code"])]


def _loopback(picture: Picture) -> Steps:
    """Open the page with another port than the registered one, for every loopback client."""
    evidence: list[str] = []
    stopped: list[str] = []
    for name, client in picture.registered.items():
        # The others keep to the port that they register.
        if name not in rules()["AUT-01"].clients:
            continue
        loopback = [str(uri) for uri in client["redirect_uris"] if _is_loopback(str(uri))]
        if not loopback:
            continue
        parts = urlsplit(loopback[0])
        moved = parts._replace(netloc=f"{parts.hostname}:{_OTHER_PORT}").geturl()
        usual = yield _ask(picture, client, redirect_uri=loopback[0])
        request = _ask(picture, client, redirect_uri=moved)
        response = yield request
        if not _error(response) or _error(usual):
            continue
        stopped.append(name)
        evidence += [f"registered: {loopback[0]}", f"asked with: {moved}"]
        evidence += seen(request, response) if len(stopped) == 1 else [f"< {response.status}"]
    if not stopped:
        return []
    summary = "Another loopback port than the registered one is refused, so a later sign-in fails."
    return [found("AUT-01", summary, evidence, clients=stopped)]


def _is_loopback(uri: str) -> bool:
    parts = urlsplit(uri)
    return parts.scheme == "http" and parts.hostname in _LOOPBACK


def _page(picture: Picture, client: dict[str, Any]) -> Generator[Request, Response, list[Finding]]:
    """Follow the server's own redirects to the page a person sees, and read its policy."""
    request = _ask(picture, client)
    origin = urlsplit(request.url).netloc
    for _ in range(_HOPS):
        response = yield request
        target = urljoin(request.url, response.headers.get("location", ""))
        if not 300 <= response.status < 400 or urlsplit(target).netloc != origin:  # noqa: PLR2004
            break
        cookies = response.headers.get("set-cookie", "").partition(";")[0]
        headers = dict(request.headers) | ({"cookie": cookies} if cookies else {})
        request = Request("GET", target, headers)
    else:
        return []
    text = response.body.decode("utf-8", "replace")
    policies = [response.headers.get("content-security-policy", "")]
    policies += _meta_policies(text)
    for policy in policies:
        for directive in policy.replace(",", ";").split(";"):
            name, *allowed = directive.split()[:50] or [""]
            if name.lower() != "form-action" or "*" in allowed:
                continue
            blocked = [
                profile.name
                for profile in picture.clients.values()
                if not any(_permits(allowed, uri) for uri in profile.redirect_uris)
            ]
            if blocked:
                evidence = [*seen(request, response, body=False), f"directive: {directive.strip()}"]
                summary = "form-action of the page blocks the redirect to the client."
                return [found("AUT-02", summary, evidence, clients=blocked)]
    return []


def _meta_policies(page: str) -> list[str]:
    tags = [tag for tag in _META.findall(page) if "content-security-policy" in tag.lower()]
    return [double or single for tag in tags for double, single in _CONTENT.findall(tag)]


def _permits(allowed: list[str], uri: str) -> bool:
    parts = urlsplit(uri)
    host = f"{parts.scheme}://{parts.netloc}"
    return any(source in {f"{parts.scheme}:", host, parts.netloc} or source.startswith(host) for source in allowed)
