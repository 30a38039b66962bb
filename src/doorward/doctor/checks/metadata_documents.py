"""Authorization server metadata: every document at every location, byte by byte, and all listed servers.

Spec: RFC 8414 s2, s3; OpenID Connect Discovery 1.0 s4; MCP 2026-07-28 basic/authorization
"""

from __future__ import annotations

from typing import Any

from doorward.doctor.checks.agents import documents as documents_by_agent
from doorward.doctor.checks.documents import Seen, bad_documents, differences, kept_too_long, read
from doorward.doctor.checks.inner_urls import inner_urls
from doorward.doctor.engine.check import Finding, Picture, Steps, differing, found, seen
from doorward.doctor.engine.parts import Metadata
from doorward.doctor.engine.requests import Request
from doorward.doctor.network.links import urlsplit

_AS = "/.well-known/oauth-authorization-server"
_OIDC = "/.well-known/openid-configuration"
_REQUIRED = ("issuer", "authorization_endpoint", "token_endpoint", "response_types_supported")
_LISTS = (
    "response_types_supported", "grant_types_supported", "scopes_supported", "code_challenge_methods_supported",
    "token_endpoint_auth_methods_supported",
)  # fmt: skip
_ALIKE = ("issuer", "authorization_endpoint", "token_endpoint", "registration_endpoint")
_FLAG = "client_id_metadata_document_supported"
_METHODS = "token_endpoint_auth_methods_supported"
_ISSUERS_MAX = 3
_RULES = ("DSC-02", "DSC-07", "DSC-10", "DSC-12", "REG-01", "CIM-02", "TOK-01")
Documents = list[tuple[Request, dict[str, Any]]]


def server(picture: Picture) -> Steps:
    """Fetch the authorization server metadata at every location of the specification."""
    listed = (picture.resource or {}).get("authorization_servers")
    issuers = [each for each in listed if isinstance(each, str)][:_ISSUERS_MAX] if isinstance(listed, list) else []
    if not issuers and picture.is_open and picture.resource is None:
        picture.skip("the server asks for no sign-in", *_RULES)
        return []
    issuers = issuers or [picture.origin]
    places = {issuer: _places(issuer) for issuer in issuers}
    also = [f"{picture.origin}{_AS}"] if _is_elsewhere(picture, issuers[0]) else []
    answers = yield from read([*(url for each in places.values() for url in each), *also])
    mine = [pair for pair in answers if pair[0].url.partition("?")[0] in places[issuers[0]]]
    findings = bad_documents(mine)
    documents = _documents(mine)
    if not documents and all(picture.is_down(answer) for _, answer in mine):
        return findings
    if not documents:
        evidence = [line for pair in mine for line in seen(*pair, body=False)]
        verdict = "note" if picture.token_supplied_by_user else "broken"
        findings.append(found("DSC-06", "No authorization server metadata at any location.", evidence, verdict=verdict))
        return findings
    picture.server_metadata = Metadata(documents[0][1], (documents[0][0].url,))
    findings += _of_each(picture, issuers[0], documents)
    findings += _apart(documents)
    findings += _others(picture, places, answers)
    if also:
        findings += _on_another_host(picture, issuers[0], {pair[0].url: pair for pair in answers}[also[0]])
    return [*findings, *kept_too_long(mine)]


def _places(issuer: str) -> list[str]:
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    inserted = [f"{origin}{_AS}{path}", f"{origin}{_OIDC}{path}"]
    return [*inserted, f"{origin}{path}{_OIDC}"] if path else inserted


def _is_elsewhere(picture: Picture, issuer: str) -> bool:
    return urlsplit(issuer).netloc.lower() != urlsplit(picture.url).netloc.lower()


def _documents(answers: Seen) -> Documents:
    return [(request, document) for request, response in answers if (document := response.document)]


def _of_each(picture: Picture, issuer: str, documents: Documents) -> list[Finding]:
    findings: list[Finding] = []
    for request, document in documents:
        for finding in _members(picture, issuer, request, document):
            if finding.rule not in {earlier.rule for earlier in findings}:
                findings.append(finding)
    return findings


def _members(picture: Picture, issuer: str, request: Request, document: dict[str, Any]) -> list[Finding]:
    findings: list[Finding] = []
    at = f"> GET {request.url}"
    said = document.get("issuer")
    if isinstance(said, str) and said != issuer:
        findings.append(_other_issuer(at, issuer, said))
    wrong = _wrong_members(document)
    if wrong:
        findings.append(found("DSC-10", f"Not as it must be: {', '.join(wrong)}.", [at, *wrong]))
    methods = document.get("code_challenge_methods_supported")
    if not isinstance(methods, list) or "S256" not in methods:
        evidence = [at, f"code_challenge_methods_supported: {methods!r}"]
        findings.append(found("DSC-07", "The metadata does not advertise S256.", evidence))
    findings += inner_urls(picture.url, "The authorization server metadata", document)
    return findings + _ways_in(at, document)


def _other_issuer(at: str, issuer: str, said: str) -> Finding:
    evidence = [at, *differing("asked for", issuer, "issuer", said)]
    return found("DSC-02", "The document names another issuer.", evidence)


def _wrong_members(document: dict[str, Any]) -> list[str]:
    wrong = [f"{name} is missing" for name in _REQUIRED if document.get(name, "") in ("", [])]
    for name, value in document.items():
        if value is None:
            wrong.append(f"{name} is null")
        elif name.endswith("_supported") and name.startswith(
            ("response_types", "grant_types", "scopes", _METHODS, "code_")
        ):
            if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
                wrong.append(f"{name} is not a list of strings")
        elif name.endswith("_endpoint") and not (isinstance(value, str) and value.startswith(("https://", "http://"))):
            wrong.append(f"{name} is not an absolute URL")
    return wrong


def _ways_in(at: str, document: dict[str, Any]) -> list[Finding]:
    findings: list[Finding] = []
    registration, by_url = document.get("registration_endpoint"), document.get(_FLAG)
    if not registration and by_url is not True:
        evidence = [
            at,
            f"registration: no (registration_endpoint: {registration!r})",
            f"metadata documents: no ({_FLAG}: {by_url!r})",
            "registered by hand: cannot be seen",
        ]
        findings.append(found("REG-01", "Neither registration nor metadata documents are offered.", evidence))
    methods = document.get(_METHODS)
    if by_url is True and "none" not in (methods if isinstance(methods, list) else ()):
        evidence = [at, f"{_METHODS}: {methods!r}"]
        findings.append(found("CIM-02", "Metadata documents are offered, and the method none is not.", evidence))
    grants = document.get("grant_types_supported")
    if isinstance(grants, list) and "refresh_token" not in grants:
        evidence = [at, f"grant_types_supported: {grants!r}"]
        findings.append(found("TOK-01", "refresh_token is not among the grant types.", evidence))
    return findings


def _apart(documents: Documents) -> list[Finding]:
    """Compare the documents of one issuer: a client reads only one of them."""
    first, one = documents[0]
    findings: list[Finding] = []
    for request, other in documents[1:]:
        at = [f"> GET {first.url}", f"> GET {request.url}"]
        both = [name for name in _ALIKE if one.get(name) and other.get(name)]
        if lines := differences(one, other, both):
            summary = "Two documents of the authorization server disagree."
            findings.append(found("DSC-10", summary, [*at, *lines]))
        if lines := differences(one, other, [_FLAG]):
            summary = "Metadata documents are offered in one document and not in the other."
            findings.append(found("CIM-02", summary, [*at, *lines], verdict="risk"))
    return findings


def _others(picture: Picture, places: dict[str, list[str]], answers: Seen) -> list[Finding]:
    """Examine the servers that are listed after the first one."""
    del picture
    issuers = list(places)
    if len(issuers) == 1:
        return []
    for issuer in issuers[1:]:
        for request, document in _documents([pair for pair in answers if pair[0].url in places[issuer]]):
            said = document.get("issuer")
            if isinstance(said, str) and said != issuer:
                return [_other_issuer(f"> GET {request.url}", issuer, said)]
    evidence = [f"authorization_servers: {', '.join(issuers)}"]
    evidence += [f"{request.url}: {response.status}" for request, response in answers]
    summary = f"{len(issuers)} authorization servers are listed, and clients take the first."
    return [found("DSC-12", summary, evidence, verdict="risk")]


def _on_another_host(picture: Picture, issuer: str, pair: Any) -> list[Finding]:
    """Examine what a client finds that asks the endpoint's own host, whatever the resource metadata says."""
    request, response = pair
    evidence = [f"authorization_servers: {issuer}", f"typed: {picture.url}", *seen(request, response, body=False)]
    document = response.document
    summary = "The authorization server is on another host; a client that looks at this one finds none."
    if document is None:
        return [found("DSC-12", summary, evidence, verdict="note")]
    said = document.get("issuer")
    if said == issuer:
        return []
    evidence += differing("listed", issuer, "issuer here", str(said))
    summary = "The authorization server is on another host, and this one names itself or a third."
    return [found("DSC-12", summary, evidence, verdict="risk")]


CHECKS = (server, documents_by_agent)
