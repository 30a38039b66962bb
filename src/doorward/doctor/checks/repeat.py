"""Intermittent failures: the same request over fresh connections, at once and after a while.

A mix of outcomes is the finding, with their shares as evidence. If everything fails, another rule says why.

Spec: RFC 7591 s3.2.1; RFC 6749 s3.2.1, s4.1.2
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

from doorward.doctor.checks.pages import walk
from doorward.doctor.checks.registration import body_of, filled_in, request_of
from doorward.doctor.checks.sign_in import came_back, exchange
from doorward.doctor.checks.token_replies import error_of, tokens_of
from doorward.doctor.engine.check import Picture, Steps, found, seen
from doorward.doctor.engine.own_client import (
    Flow,
    code_request,
    parameters_of,
    remember_secrets,
    resource_of,
    revocation_request,
)
from doorward.doctor.engine.requests import Ask, Request, Response, SignIn, Together
from doorward.doctor.network.links import urlsplit

_AT_ONCE = 10
_PAUSE_SECONDS = 60.0
_SETTLING_SECONDS = 3.0
_ROUNDS_LIMIT = 20
_PAGES_LIMIT = 10
_WRONG_RESOURCE = "https://doorward-check.invalid/mcp"
Answers = Generator[Ask, Response, list[Response]]


def _can(picture: Picture, *names: str) -> bool:
    """Return whether there is a client to ask with; if not, note why the rules are skipped."""
    server = picture.server or {}
    ends = ("authorization_endpoint", "token_endpoint")
    if not picture.repeat:
        picture.skip("needs --repeat", *names)
    elif not picture.registered or not all(isinstance(server.get(end), str) for end in ends):
        picture.skip("no client could be registered", *names)
    else:
        return True
    return False


def vanishing(picture: Picture) -> Steps:
    """Ask for a client that was registered a while ago, at once and after a pause."""
    if not _can(picture, "REG-03"):
        return []
    client = next(iter(picture.registered.values()))
    flow = Flow(client, str(client["redirect_uris"][0]))
    ask = Request("GET", flow.url(picture), {"accept": "text/html"})
    at_once = yield from _many(ask, picture.repeat)
    redeem = code_request(picture, flow, "doorward-check-made-up")
    before = yield redeem
    waited = yield Request(ask.method, ask.url, ask.headers, wait_seconds=_PAUSE_SECONDS)
    later = [*_counted([waited]), *(yield from _many(ask, picture.repeat - 1))]
    redeemed = yield redeem
    if all(map(_refused, at_once)):
        picture.skip("the authorize endpoint lets the client in at no time", "REG-03")
        return []
    lost = [each for each in (*at_once, *later) if _refused(each)]
    # If the client was refused before the pause too, its authentication is at fault.
    forgotten = error_of(redeemed) == "invalid_client" != error_of(before)
    if not lost and not forgotten:
        return []
    evidence = [
        f"> GET {ask.url.partition('?')[0]} with client_id={client['client_id']}",
        f"at once: {_share(at_once)}",
        f"after {_PAUSE_SECONDS:g} s: {_share(later)}",
        f"then the token endpoint: {redeemed.status} {error_of(redeemed)}",
        *(seen(ask, lost[0], body=False)[1:] if lost else ()),
    ]
    gone = not lost or (bool(later) and all(map(_refused, later)))
    how = "gone after a while" if gone else "known now and then only"
    return [found("REG-03", f"A registered client is {how}.", evidence)]


def _many(request: Request, count: int) -> Answers:
    """Send the same request over new connections, a few at a time."""
    answers: list[Response] = []
    for start in range(0, count, _AT_ONCE):
        size = min(_AT_ONCE, count - start)
        answers += (yield Together((request,) * size)).parts
    return _counted(answers)


def _counted(answers: Sequence[Response]) -> list[Response]:
    """Return the responses that say something about the client, without rate limits and crashes."""
    return [each for each in answers if 0 < each.status < 500 and each.status != 429]  # noqa: PLR2004


def _refused(response: Response) -> bool:
    return response.status >= 400 or "error=" in response.headers.get("location", "")  # noqa: PLR2004


def _share(answers: Sequence[Response]) -> str:
    """Return how many failed, and with which statuses."""
    bad = [each for each in answers if _refused(each)]
    statuses = ", ".join(sorted({str(each.status) for each in bad}))
    return f"{len(bad)} of {len(answers)} refused" + (f" ({statuses})" if bad else "")


def settling(picture: Picture) -> Steps:
    """Register, and use the client immediately over new connections, as hosted clients do."""
    endpoint = (picture.server or {}).get("registration_endpoint")
    if not _can(picture, "STO-01") or not isinstance(endpoint, str):
        picture.skip("there is no registration endpoint", "STO-01")
        return []
    profile = next(iter(picture.clients.values()))
    at_once: list[Response] = []
    late: list[Request] = []
    rounds = 0
    for rounds in range(1, min(picture.repeat, _ROUNDS_LIMIT) + 1):
        body = body_of(profile, (picture.callback,)) | {"token_endpoint_auth_method": "none"}
        reply = (yield request_of(endpoint, body)).json
        if not isinstance(reply, dict) or not isinstance(reply.get("client_id"), str):
            break
        picture.registered[f"round {rounds}"] = client = filled_in(body, reply)
        flow = Flow(client, picture.callback)
        both = (
            Request("GET", flow.url(picture), {"accept": "text/html"}),
            code_request(picture, flow, "doorward-check-made-up"),
        )
        answers = (yield Together(both)).parts
        at_once += answers
        late += [request for request, each in zip(both, answers, strict=True) if _unknown(each)]
    settled: list[Response] = []
    for request in late[:_AT_ONCE]:
        settled.append((yield replace(request, wait_seconds=0.0 if settled else _SETTLING_SECONDS)))
    if not late or all(map(_unknown, settled)):
        return []
    evidence = [
        f"> POST {endpoint}, then at once authorize and token over new connections, {rounds} times",
        f"at once: the client was not known in {len(late)} of {len(at_once)} answers",
        f"{_SETTLING_SECONDS:g} s later: in {sum(map(_unknown, settled))} of {len(settled)}",
    ]
    return [found("STO-01", "A client is not known at once after its registration, and known later.", evidence)]


def _unknown(response: Response) -> bool:
    """Return whether a response says that the client is unknown, as a page or as an OAuth error."""
    if response.media_type == "application/json":
        return error_of(response) == "invalid_client"
    return 400 <= response.status < 500 and response.status != 429  # noqa: PLR2004


def one_node(picture: Picture) -> Steps:
    """Load the page that authorize leads to over new connections: every node must know a pending sign-in."""
    if not _can(picture, "STO-02"):
        return []
    client = next(iter(picture.registered.values()))
    flow = Flow(client, str(client["redirect_uris"][0]))
    hops = yield from walk(Request("GET", flow.url(picture), {"accept": "text/html"}), [flow.redirect_uri])
    request, page = hops[-1]
    # An identity provider's page is not the server's, so it shows nothing.
    elsewhere = urlsplit(request.url).netloc != urlsplit(hops[0][0].url).netloc
    if len(hops) == 1 or elsewhere or page.status >= 500 or 300 <= page.status < 400:  # noqa: PLR2004
        return []
    answers: list[Response] = []
    for _ in range(min(picture.repeat, _PAGES_LIMIT)):
        answers.append((yield request))  # noqa: PERF401 - a comprehension cannot yield
    bad = [place for place, each in enumerate(answers) if _refused(each) and each.status != 429]  # noqa: PLR2004
    # A page that loads only once is another fault. Here, a load must succeed after a failed one.
    if not bad or all(map(_refused, answers[bad[0] :])):
        return []
    evidence = [
        f"> GET {request.url.partition('?')[0]}",
        "statuses, in order: " + ", ".join(str(each.status) for each in answers),
    ]
    return [found("STO-02", "A sign-in under way is known on some connections only.", evidence)]


def second_sign_in(picture: Picture) -> Steps:
    """Sign in again with a second tab open, and make a mistake before the code is redeemed."""
    if picture.sign_in is None or not picture.may_sign_in or not picture.repeat:
        picture.skip("needs --login and --repeat", "TOK-06")
        return []
    flow, other = (Flow(picture.sign_in.client, picture.callback) for _ in range(2))
    answer = yield SignIn(flow.url(picture), flow.redirect_uri, meanwhile=other.url(picture))
    parameters = parameters_of(answer, flow.redirect_uri)
    if parameters is None:
        picture.skip("the second sign-in did not come back", "TOK-06")
        evidence = ["opened: the sign-in page, and then the same page once more in a second tab"]
        evidence.append(f"what came back from the first one: {answer.sentence or answer.status}")
        return [found("AUT-09", "With a second tab open, the first sign-in does not end.", evidence, verdict="risk")]
    mine = other if parameters.get("state") == other.state else flow
    findings, parameters = came_back(picture, mine, answer)
    if "code" not in parameters:
        picture.skip("the second sign-in did not end in a code", "TOK-06")
        return findings
    wrong = _WRONG_RESOURCE if resource_of(picture) else ""
    further, issued = yield from exchange(picture, mine, parameters["code"], wrong_resource=wrong)
    yield from _give_back(picture, (issued and tokens_of(issued)) or {})
    return findings + further


def _give_back(picture: Picture, reply: dict[str, Any]) -> Generator[Ask, Response, None]:
    remember_secrets(picture, reply)
    for hint in ("refresh_token", "access_token"):
        request = revocation_request(picture, str(reply.get(hint, "")), hint) if reply.get(hint) else None
        if request is not None:
            yield request


CHECKS = (vanishing, settling, one_node, second_sign_in)
