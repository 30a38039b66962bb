"""Challenge, protected resource metadata, authorization server metadata: every document at every location.

Spec: RFC 9728 s3, s5.1; RFC 8414 s3; MCP 2026-07-28 basic/authorization
"""

from __future__ import annotations

from typing import Any

from doorward.doctor.check import Finding, Picture, Steps, challenge_of, differing, found, seen
from doorward.doctor.exchange import Request, Response
from doorward.doctor.links import urlsplit
from doorward.doctor.messages import initialize, post

_PRM = "/.well-known/oauth-protected-resource"
_AS = "/.well-known/oauth-authorization-server"
_OIDC = "/.well-known/openid-configuration"
_REQUIRED = ("issuer", "authorization_endpoint", "token_endpoint", "response_types_supported")
_LOCAL = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "[::1]", "::1"})  # noqa: S104
_UNKNOWN_TOKEN = "doorward-check-made-up"
Seen = list[tuple[Request, Response]]


def challenge(picture: Picture) -> Steps:
    """Read what a request without a token is told."""
    request, response = initialize(picture), picture.initialize
    if picture.is_open:
        picture.skip("the server asks for no sign-in", "RS-02", "DSC-03", "NET-03")
        call = post(picture, "tools/call", {"name": "doorward-check-none", "arguments": {}})
        answer = yield call
        if answer.status == 401:  # noqa: PLR2004
            picture.challenge = challenge_of(answer)
            return [found("RS-03", "initialize is open, and tools/call asks for a token.", seen(call, answer))]
        return []
    picture.challenge = parameters = challenge_of(response)
    findings: list[Finding] = []
    if "x-amzn-remapped-www-authenticate" in response.headers:
        findings.append(found("NET-03", "The challenge arrives under another name.", seen(request, response)))
    at = parameters.get("resource_metadata", "")
    if response.status != 401:  # noqa: PLR2004
        summary = f"A request without a token gets {response.status} in place of 401."
        findings.append(found("DSC-03", summary, seen(request, response)))
    elif not parameters:
        findings.append(found("DSC-03", "The 401 has no Bearer challenge.", seen(request, response)))
    elif not at.startswith(("http://", "https://")):
        summary = "The challenge names no absolute resource_metadata URL."
        findings.append(found("DSC-03", summary, seen(request, response)))
    return findings


def bad_token(picture: Picture) -> Steps:
    """Send a token that nobody issued."""
    if picture.is_open:
        return []
    request = initialize(picture, headers={"authorization": f"Bearer {_UNKNOWN_TOKEN}"})
    response = yield request
    if response.status == 401 and "www-authenticate" in response.headers:  # noqa: PLR2004
        return []
    summary = f"A made-up token gets {response.status or 'no answer'}" + (
        " without a challenge." if response.status == 401 else " in place of 401."  # noqa: PLR2004
    )
    return [found("RS-02", summary, seen(request, response))]


def resource(picture: Picture) -> Steps:
    """Read the protected resource metadata at the challenge's URL, the path form and the root form."""
    named = picture.challenge.get("resource_metadata", "")
    forms = [f"{picture.origin}{_PRM}{picture.path}", f"{picture.origin}{_PRM}"]
    places = [named] if named.startswith(("http://", "https://")) else []
    answers: Seen = []
    for url in dict.fromkeys([*places, *forms]):
        request = Request("GET", url, {"accept": "application/json"})
        answers.append((request, (yield request)))
    findings = _bad_documents(answers)
    documents = [(request, response.document) for request, response in answers if response.document]
    if not documents:
        if not picture.is_open:
            evidence = [line for pair in answers for line in seen(*pair, body=False)]
            findings.append(found("DSC-06", "No resource metadata at any location.", evidence))
        return _with_inner_urls(picture, named, "the challenge", findings)
    if places and answers[0][1].document is None:
        findings.append(found("DSC-06", "The URL in the challenge has no document.", seen(*answers[0])))
    if not places and all(request.url != forms[0] for request, _ in documents) and picture.path:
        findings.append(found("DSC-06", "The path form is missing.", seen(*answers[0]), verdict="risk"))
    request, picture.resource = documents[0]
    picture.documents = [each.url for each, _ in documents]
    findings += _resource_members(picture, request, picture.resource or {})
    return findings


def _bad_documents(answers: Seen) -> list[Finding]:
    findings: list[Finding] = []
    pages = [pair for pair in answers if pair[1].media_type == "text/html" and pair[1].status == 200]  # noqa: PLR2004
    pages += [pair for pair in answers if 300 <= pair[1].status < 400]  # noqa: PLR2004
    guarded = [pair for pair in answers if pair[1].status in {401, 403}]
    if pages:
        findings.append(found("DSC-05", "A page answers where metadata belongs.", seen(*pages[0])))
    if guarded:
        findings.append(found("DSC-08", "A metadata location asks for a login.", seen(*guarded[0])))
    return findings


def _resource_members(picture: Picture, request: Request, document: dict[str, Any]) -> list[Finding]:
    findings: list[Finding] = []
    servers, value = document.get("authorization_servers"), document.get("resource")
    listed = isinstance(servers, list) and servers and all(isinstance(server, str) for server in servers)
    if not isinstance(value, str) or not listed:
        wrong = "resource" if not isinstance(value, str) else "authorization_servers"
        evidence = [f"> GET {request.url}", f"{wrong}: {document.get(wrong)!r}"]
        return [found("DSC-09", f"{wrong} is missing or of the wrong type.", evidence)]
    inner = _with_inner_urls(picture, value, "resource", [])
    for server in servers or ():
        inner = inner or _with_inner_urls(picture, server, "authorization_servers", [])
    if inner:
        findings += inner
    if value != picture.url and value != picture.url.removesuffix("/"):
        exact = [client.name for client in picture.clients.values() if client.exact_resource]
        evidence = [f"> GET {request.url}", *differing("typed", picture.url, "resource", value)]
        findings.append(found("DSC-01", "resource is not the URL that was typed.", evidence, clients=exact))
    return findings


def _with_inner_urls(picture: Picture, url: str, field: str, findings: list[Finding]) -> list[Finding]:
    """Add a finding when a public server names an address of its inside."""
    if not url:
        return findings
    mine, theirs = urlsplit(picture.url), urlsplit(url)
    local = (theirs.hostname or "") in _LOCAL and (mine.hostname or "") not in _LOCAL
    downgraded = mine.scheme == "https" and theirs.scheme == "http"
    if local or downgraded:
        evidence = [f"{field}: {url}", f"typed: {picture.url}"]
        return [*findings, found("DSC-04", f"{field} shows an address of the inside.", evidence)]
    return findings


def server(picture: Picture) -> Steps:
    """Read the authorization server metadata at every location of the specification."""
    listed = (picture.resource or {}).get("authorization_servers")
    named = isinstance(listed, list) and bool(listed) and isinstance(listed[0], str)
    if not named and picture.is_open and picture.resource is None:
        picture.skip("the server asks for no sign-in", "DSC-02", "DSC-07", "DSC-10", "REG-01", "CIM-02", "TOK-01")
        return []
    issuer = listed[0] if named and isinstance(listed, list) else picture.origin
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    places = [f"{origin}{_AS}{path}", f"{origin}{_OIDC}{path}"]
    if path:
        places.append(f"{origin}{path}{_OIDC}")
    answers: Seen = []
    for url in places:
        request = Request("GET", url, {"accept": "application/json"})
        answers.append((request, (yield request)))
    findings = _bad_documents(answers)
    documents = [(request, response.document) for request, response in answers if response.document]
    if not documents:
        evidence = [line for pair in answers for line in seen(*pair, body=False)]
        findings.append(found("DSC-06", "No authorization server metadata at any location.", evidence))
        return findings
    picture.server = documents[0][1]
    picture.documents.append(documents[0][0].url)
    for request, document in documents:
        for finding in _server_members(picture, issuer, request, document or {}):
            if finding.rule not in {earlier.rule for earlier in findings}:
                findings.append(finding)
    return findings


def _server_members(picture: Picture, issuer: str, request: Request, document: dict[str, Any]) -> list[Finding]:
    findings: list[Finding] = []
    at = f"> GET {request.url}"
    said = document.get("issuer")
    if isinstance(said, str) and said != issuer:
        evidence = [at, *differing("asked for", issuer, "issuer", said)]
        findings.append(found("DSC-02", "The document names another issuer.", evidence))
    missing = [name for name in _REQUIRED if not document.get(name)]
    nulls = [name for name, value in document.items() if value is None]
    if missing or nulls:
        evidence = [at, *(f"missing: {name}" for name in missing), *(f"null: {name}" for name in nulls)]
        findings.append(found("DSC-10", f"Missing or null: {', '.join([*missing, *nulls])}.", evidence))
    methods = document.get("code_challenge_methods_supported")
    if not isinstance(methods, list) or "S256" not in methods:
        evidence = [at, f"code_challenge_methods_supported: {methods!r}"]
        findings.append(found("DSC-07", "The metadata does not advertise S256.", evidence))
    for name in ("authorization_endpoint", "token_endpoint", "registration_endpoint"):
        value = document.get(name)
        if isinstance(value, str) and "DSC-04" not in {finding.rule for finding in findings}:
            findings = _with_inner_urls(picture, value, name, findings)
    return findings + _ways_in(at, document)


def _ways_in(at: str, document: dict[str, Any]) -> list[Finding]:
    findings: list[Finding] = []
    registration, by_url = document.get("registration_endpoint"), document.get("client_id_metadata_document_supported")
    if not registration and by_url is not True:
        evidence = [
            at,
            f"registration_endpoint: {registration!r}",
            f"client_id_metadata_document_supported: {by_url!r}",
        ]
        findings.append(found("REG-01", "Neither registration nor metadata documents are offered.", evidence))
    methods = document.get("token_endpoint_auth_methods_supported")
    if by_url is True and "none" not in (methods or ()):
        evidence = [at, f"token_endpoint_auth_methods_supported: {methods!r}"]
        findings.append(found("CIM-02", "Metadata documents are offered, and the method none is not.", evidence))
    grants = document.get("grant_types_supported")
    if isinstance(grants, list) and "refresh_token" not in grants:
        evidence = [at, f"grant_types_supported: {grants!r}"]
        findings.append(found("TOK-01", "refresh_token is not among the grant types.", evidence))
    return findings
