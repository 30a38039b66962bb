"""One sign-in by a person, with the doctor's own client: its redirect, and what the code gives.

The doctor registers, waits for the redirect and redeems the code. It fills in no form and gives no consent.

Spec: RFC 6749 s4.1; RFC 7636 s4; RFC 9207 s2
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from doorward.doctor.checks.registration import NAME, filled_in, request_of
from doorward.doctor.checks.token_replies import error_of, reply_faults, tokens_of, without_tokens
from doorward.doctor.engine.check import Finding, Picture, Steps, differing, found, seen
from doorward.doctor.engine.own_client import Flow, code_request, parameters_of, take
from doorward.doctor.engine.parts import SignedIn
from doorward.doctor.engine.requests import Ask, Request, Response, SignIn

OWN_CLIENT = "doorward"
"""The name in `Picture.registered` of the client that signs in."""
_AFTER_LOGIN = ("AUT-05", "AUT-06", "TOK-02", "TOK-06", "TOK-07", "TOK-08", "STO-02")
_TRIES = 4
"""How many attempts, each over a new connection, before a code counts as refused."""
_FLAG = "authorization_response_iss_parameter_supported"
Exchanged = Generator[Ask, Response, tuple[list[Finding], Response | None]]


def sign_in(picture: Picture) -> Steps:
    """Ask the person to sign in, and redeem the code."""
    why = _obstacle(picture)
    client = None if why else (yield from _own_client(picture))
    if client is None:
        picture.skip(why or "the doctor could not register a client of its own", *_AFTER_LOGIN)
        return [] if picture.is_open else (yield from _error_redirect(picture))
    flow = Flow(client, picture.callback)
    answer = yield SignIn(flow.url(picture), flow.redirect_uri)
    findings, parameters = came_back(picture, flow, answer)
    if not parameters.get("code"):
        why = f"the sign-in came back with {parameters['error']}" if "error" in parameters else "nobody signed in"
        picture.skip(why if not findings else "the sign-in did not end in a code", *_AFTER_LOGIN)
        return findings
    further, issued = yield from exchange(picture, flow, parameters["code"])
    reply = None if issued is None else tokens_of(issued)
    if issued is None or reply is None:
        picture.skip("the code could not be exchanged", *_AFTER_LOGIN)
    else:
        picture.sign_in = SignedIn(client, issued, {})
        take(picture, reply)
        if not reply.get("refresh_token"):
            evidence = [f"> POST {(picture.server or {})['token_endpoint']}", f"members: {', '.join(sorted(reply))}"]
            evidence.append(f"expires_in: {reply.get('expires_in')!r}")
            further.append(found("TOK-01", "The token reply of a sign-in holds no refresh token.", evidence))
    return findings + further


def _obstacle(picture: Picture) -> str:
    """Return why sign-in is impossible; empty if it is possible."""
    server = picture.server or {}
    if picture.is_open:
        return "the server asks for no sign-in"
    if picture.token:
        return "a token was handed in, so nobody signs in"
    if not picture.may_sign_in:
        return "needs --login"
    for name in ("authorization_endpoint", "token_endpoint", "registration_endpoint"):
        if not isinstance(server.get(name), str):
            return f"the metadata names no {name}"
    return ""


def _own_client(picture: Picture) -> Generator[Ask, Response, dict[str, Any] | None]:
    body = {
        "client_name": f"{NAME}, signing in",
        "redirect_uris": [picture.callback],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
    }
    response = yield request_of(str((picture.server or {})["registration_endpoint"]), body)
    reply = response.json
    if response.status not in {200, 201} or not isinstance(reply, dict) or not isinstance(reply.get("client_id"), str):
        return None
    picture.registered[OWN_CLIENT] = client = filled_in(body, reply)
    return client


def came_back(picture: Picture, flow: Flow, answer: Response) -> tuple[list[Finding], dict[str, str]]:
    """Judge the redirect to the client, and return its parameters; with a wrong state, none may be used."""
    parameters = parameters_of(answer, flow.redirect_uri)
    if parameters is None:
        return [], {}
    picture.secrets.add(parameters.get("code", ""))
    line = f"< {answer.headers['location']}"
    findings: list[Finding] = []
    if answer.status in {307, 308}:
        summary = "The redirect to the client keeps the POST of the consent form."
        findings.append(found("AUT-06", summary, ["the callback was asked with POST", line]))
    if parameters.get("state") != flow.state:
        summary = "The redirect brings back another state than was sent, so no client goes on."
        evidence = [line, *differing("sent", flow.state, "came back", parameters.get("state", ""))]
        return [*findings, found("AUT-09", summary, evidence)], {}
    return findings + _issuer(picture, line, parameters), parameters


def _issuer(picture: Picture, line: str, parameters: dict[str, str]) -> list[Finding]:
    """Compare `iss` byte for byte; it may be missing only if the metadata does not promise it."""
    server = picture.server or {}
    said, issuer, promised = parameters.get("iss"), str(server.get("issuer", "")), server.get(_FLAG) is True
    if said is None and not promised:
        return []
    if said is None:
        summary = "The metadata promises iss, and the redirect has none."
        return [found("AUT-05", summary, [f"{_FLAG}: true", line])]
    if said != issuer:
        evidence = [line, *differing("issuer", issuer, "iss", said)]
        return [found("AUT-05", "iss of the redirect is not the issuer.", evidence)]
    return []


def _error_redirect(picture: Picture) -> Steps:
    """Request a response without a page: the error must name the issuer as a success does."""
    server = picture.server or {}
    if (
        not picture.registered
        or not isinstance(server.get("authorization_endpoint"), str)
        or server.get(_FLAG) is not True
    ):
        return []
    client = next(iter(picture.registered.values()))
    flow = Flow(client, str(client["redirect_uris"][0]))
    request = Request("GET", flow.url(picture, prompt="none"), {"accept": "text/html"})
    response = yield request
    parameters = parameters_of(response, flow.redirect_uri) or {}
    if "error" not in parameters or not _issuer(picture, "", parameters):
        return []
    summary = "The metadata promises iss, and a refusal does not bring the issuer: a success may lack it too."
    return [found("AUT-05", summary, [f"{_FLAG}: true", *seen(request, response, body=False)], verdict="risk")]


def exchange(picture: Picture, flow: Flow, code: str, *, wrong_resource: str = "") -> Exchanged:
    """Redeem a code; retry over new connections while it is refused.

    Returns the faults, and the response with the tokens.

    `wrong_resource`: name this one first, like a client with an outdated document; that must not consume the code.
    """
    findings: list[Finding] = []
    first: tuple[Request, Response] | None = None
    if wrong_resource:
        request = code_request(picture, flow, code, resource=wrong_resource)
        first = request, (yield request)
        if tokens_of(first[1]):
            return [], first[1]
    tries: list[tuple[Request, Response]] = []
    for _ in range(_TRIES):
        request = code_request(picture, flow, code)
        response = yield request
        tries.append((request, response))
        if error_of(response) not in {"invalid_grant", "invalid_client"}:
            break
    request, response = tries[-1]
    reply = tokens_of(response)
    if reply is None:
        return [_refused(first, request, response)], None
    if len(tries) > 1:
        evidence = [f"try {number}: {answer.status} {error_of(answer)}" for number, (_, answer) in enumerate(tries, 1)]
        summary = f"The code was refused {len(tries) - 1} times before it was taken: not every node knows it."
        findings.append(found("STO-02", summary, [f"> POST {request.url}", *evidence]))
    return findings + reply_faults(request, response), response


def _refused(first: tuple[Request, Response] | None, request: Request, response: Response) -> Finding:
    """Return why there are no tokens, as far as the response shows."""
    error = error_of(response)
    if first is not None:
        evidence = ["with another resource:", *seen(*first), "then with the advertised one:", *seen(request, response)]
        return found("TOK-06", "A try with another resource spends the code.", evidence)
    if error == "invalid_client":
        return found("TOK-03", "The client that has just signed somebody in is refused.", seen(request, response))
    if error == "invalid_target":
        return found("AUT-07", "The token endpoint refuses the advertised resource.", seen(request, response))
    if error:
        return found("TOK-06", "A code that was issued a moment ago is refused.", seen(request, response))
    summary = f"The exchange of a good code is answered with {response.status or 'nothing'}, and no tokens."
    verdict = "broken" if response.status else "risk"
    return found("TOK-05", summary, without_tokens(request, response), verdict=verdict)
