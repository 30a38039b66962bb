"""The challenge and the protected resource metadata: responses without a token, and every place of the document.

Spec: RFC 9728 s3, s5.1; RFC 6750 s3; MCP 2026-07-28 basic/authorization
"""

from __future__ import annotations

import json
from typing import Any

from doorward import base64url
from doorward.doctor.checks.documents import PRM, Seen, bad_documents, differences, kept_too_long, read
from doorward.doctor.checks.inner_urls import inner_urls
from doorward.doctor.engine.check import Finding, Picture, Steps, challenge_of, differing, found, seen
from doorward.doctor.engine.messages import discover, initialize, post
from doorward.doctor.engine.parts import Metadata
from doorward.doctor.engine.requests import Request, Response, Together
from doorward.doctor.network.links import urlsplit

_UNKNOWN_TOKEN = "doorward-check-made-up"
_ABSOLUTE = ("http://", "https://")
_MEMBERS = ("resource", "authorization_servers")


def challenge(picture: Picture) -> Steps:
    """Read the responses to requests without a token: POST of both eras, and GET."""
    if picture.is_open:
        return (yield from _open(picture))
    request, response = initialize(picture), picture.initialize
    picture.challenge = parameters = challenge_of(response)
    if "x-amzn-remapped-www-authenticate" in response.headers:
        return [
            found("NET-03", "The challenge arrives under another name.", seen(request, response)),
            found("DSC-03", "The 401 has no Bearer challenge.", seen(request, response)),
        ]
    at = parameters.get("resource_metadata", "")
    summary = ""
    if response.status != 401:  # noqa: PLR2004
        summary = f"A request without a token gets {response.status} in place of 401."
        if picture.is_down(response):
            summary = f"Requests meet a fault of the server, or of what is in front of it: {response.status}."
    elif not parameters:
        summary = "The 401 has no Bearer challenge."
    elif not at.startswith(_ABSOLUTE):
        summary = "The challenge names no absolute resource_metadata URL."
    if summary:
        verdict = "note" if picture.token_supplied_by_user else "broken"
        return [found("DSC-03", summary, [*seen(request, response), *_of_the_others(picture)], verdict=verdict)]
    return _in_other_words(picture, at) + inner_urls(picture.url, "The challenge", {"resource_metadata_uri": at})


def _open(picture: Picture) -> Steps:
    picture.skip("the server asks for no sign-in", "RS-02", "DSC-03", "NET-03")
    # A server that keeps sessions complains about a missing one before it asks for a token.
    session = picture.initialize.headers.get("mcp-session-id", "")
    call = post(picture, "tools/call", {"name": "doorward-check-none", "arguments": {}}, {"mcp-session-id": session})
    answer = yield call
    if answer.status == 401:  # noqa: PLR2004
        picture.challenge = challenge_of(answer)
        return [found("RS-03", "initialize is open, and tools/call asks for a token.", seen(call, answer))]
    return []


def _others(picture: Picture) -> tuple[tuple[str, Request, Response], ...]:
    return (
        ("server/discover", discover(picture), picture.discover),
        ("GET", Request("GET", picture.endpoint), picture.get),
    )


def _of_the_others(picture: Picture) -> list[str]:
    return [
        f"{name}: {answer.status} {answer.headers.get('www-authenticate', 'without a challenge')}"
        for name, _, answer in _others(picture)
        if answer.status
    ]


def _in_other_words(picture: Picture, at: str) -> list[Finding]:
    """Find a request that is refused without the challenge that the first one gets."""
    for name, request, answer in _others(picture):
        if answer.status != 401 or challenge_of(answer).get("resource_metadata") == at:  # noqa: PLR2004
            continue
        summary = f"{name} is refused without the challenge that initialize gets."
        evidence = [*seen(request, answer), f"initialize: {picture.initialize.headers.get('www-authenticate')}"]
        verdict = "risk" if name == "GET" else "broken"
        return [found("DSC-03", summary, evidence, verdict=verdict)]
    return []


def bad_token(picture: Picture) -> Steps:
    """Send invented tokens: a random string, a truncated JWT, an expired JWT."""
    if picture.is_open:
        return []
    tokens = {"a made-up token": _UNKNOWN_TOKEN} | _jwts(picture.origin)
    requests = tuple(initialize(picture, headers={"authorization": f"Bearer {each}"}) for each in tokens.values())
    answers = (yield Together(requests)).parts
    wrong = [place for place, answer in enumerate(answers) if not _is_challenged(answer)]
    table = [
        f"{kind}: {answer.status} {answer.headers.get('www-authenticate', 'without a challenge')}"
        for kind, answer in zip(tokens, answers, strict=True)
    ]
    if wrong:
        answer, kind = answers[wrong[0]], list(tokens)[wrong[0]]
        how = " without a challenge" if answer.status == 401 else " in place of 401"  # noqa: PLR2004
        summary = f"{kind.capitalize()} gets {answer.status or 'no answer'}{how}."
        return [found("RS-02", summary, [*seen(requests[wrong[0]], answer), *table])]
    return _not_arriving(picture, requests[0], answers[0])


def _is_challenged(answer: Response) -> bool:
    return answer.status == 401 and "www-authenticate" in answer.headers  # noqa: PLR2004


def _jwts(issuer: str) -> dict[str, str]:
    header = {"alg": "RS256", "typ": "at+jwt", "kid": "doorward-check"}
    claims = {"iss": issuer, "aud": issuer, "sub": "doorward-check", "iat": 1_577_836_800, "exp": 1_577_840_400}
    parts = [base64url.encode(json.dumps(part).encode()) for part in (header, claims)]
    return {"a JWT that is cut off": ".".join(parts), "an expired JWT": ".".join([*parts, "A" * 342])}


def _not_arriving(picture: Picture, request: Request, answer: Response) -> list[Finding]:
    """Compare with the response without a token: if they are equal, the token may not arrive."""
    plain = picture.initialize
    if not picture.challenge:
        return []
    same = (answer.headers.get("www-authenticate"), answer.body) == (plain.headers.get("www-authenticate"), plain.body)
    if not same or b"invalid_token" in answer.body or "invalid_token" in answer.headers["www-authenticate"]:
        return []
    summary = "A made-up token is answered like none at all: it may be taken away before it arrives."
    return [found("NET-03", summary, seen(request, answer), verdict="note")]


def resource(picture: Picture) -> Steps:
    """Fetch the protected resource metadata at the challenge's URL, the path form and the root form."""
    named = picture.challenge.get("resource_metadata", "")
    forms = [f"{picture.origin}{PRM}{picture.path}", f"{picture.origin}{PRM}"]
    places = [named] if named.startswith(_ABSOLUTE) else []
    answers = yield from read([*places, *forms])
    findings = bad_documents(answers)
    documents = [(request, document) for request, response in answers if (document := response.document)]
    if not documents and (picture.is_open or all(picture.is_down(answer) for _, answer in answers)):
        return findings
    if not documents:
        return [*findings, (yield from _nowhere(picture, answers)), *kept_too_long(answers)]
    if places and answers[0][1].document is None:
        findings.append(found("DSC-06", "The URL in the challenge has no document.", seen(*answers[0])))
    if not places and all(request.url != forms[0] for request, _ in documents) and picture.path:
        findings.append(found("DSC-06", "The path form is missing.", seen(*answers[0]), verdict="risk"))
    request, document = documents[0]
    picture.resource_metadata = Metadata(document, tuple(each.url for each, _ in documents))
    findings += _members(picture, request, document, forms[1])
    return [*findings, *_at_other_places(documents, forms[1]), *kept_too_long(answers)]


def _nowhere(picture: Picture, answers: Seen) -> Any:
    """Look at a location that no client tries, where an application mounted below a path puts the document."""
    evidence = [line for pair in answers for line in seen(*pair, body=False)]
    summary = "No resource metadata at any location."
    if picture.path:
        appended = Request("GET", f"{picture.origin}{picture.path}{PRM}", {"accept": "application/json"})
        response = yield appended
        if response.document:
            summary = "The resource metadata is only at a location that no client asks."
            evidence += seen(appended, response)
    return found("DSC-06", summary, evidence, verdict="note" if picture.token_supplied_by_user else "broken")


def _members(picture: Picture, request: Request, document: dict[str, Any], root: str) -> list[Finding]:
    servers, value = document.get("authorization_servers"), document.get("resource")
    listed = isinstance(servers, list) and servers and all(isinstance(server, str) for server in servers)
    if not isinstance(value, str) or not listed:
        wrong = "resource" if not isinstance(value, str) else "authorization_servers"
        evidence = [f"> GET {request.url}", f"{wrong}: {document.get(wrong)!r}"]
        return [found("DSC-09", f"{wrong} is missing or of the wrong type.", evidence)]
    findings = inner_urls(picture.url, "The resource metadata", document)
    methods = document.get("bearer_methods_supported", ["header"])
    if not isinstance(methods, list) or "header" not in methods:
        evidence = [f"> GET {request.url}", f"bearer_methods_supported: {methods!r}"]
        findings.append(found("DSC-09", "The method header is not among the bearer methods.", evidence, verdict="risk"))
    if value in {picture.url, picture.url.removesuffix("/"), picture.endpoint}:
        return findings
    evidence = [f"> GET {request.url}", *differing("typed", picture.url, "resource", value)]
    if request.url == root and picture.path and _is_other_path(picture, value):
        summary = "The document at the root speaks for another endpoint, and this one has none of its own."
        findings.append(found("TRN-09", summary, evidence))
    exact = [client.name for client in picture.clients.values() if client.exact_resource]
    findings.append(found("DSC-01", "resource is not the URL that was typed.", evidence, clients=exact))
    return findings


def _is_other_path(picture: Picture, value: str) -> bool:
    mine, theirs = urlsplit(picture.url), urlsplit(value)
    return mine.netloc == theirs.netloc and theirs.path.rstrip("/") not in {"", mine.path.rstrip("/")}


def _at_other_places(documents: list[tuple[Request, dict[str, Any]]], root: str) -> list[Finding]:
    """Compare the documents: the root form may describe the origin, but otherwise all must agree."""
    first, first_document = documents[0]
    for request, document in documents[1:]:
        apart = differences(first_document, document, _MEMBERS)
        value = str(document.get("resource"))
        if not apart or (request.url == root and not urlsplit(value).path.strip("/")):
            continue
        evidence = [f"> GET {first.url}", f"> GET {request.url}", *apart]
        if request.url == root:
            summary = "The root form says something else than the document of this endpoint."
            return [found("DSC-06", summary, evidence, verdict="risk", clients=["gemini-cli"])]
        return [found("DSC-06", "Two locations of the same document disagree.", evidence)]
    return []
