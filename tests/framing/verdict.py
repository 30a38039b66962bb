"""What went over one connection to the door, judged: one answer to each request, and to no other.

A call carries a tag that names its user; the server behind the door repeats the tag, and the user whom the door named
to it. So an answer says whose it is. A tag is read only from a body that is one whole call: the same bytes inside
another body are no call.

Spec: RFC 9112 s9.2, s9.3.2, s11.2.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from framing.reading import Answer, Answers, Request, Requests, read_answers, read_requests

TAG: Final = re.compile(rb"tag:[a-z]+:[a-z0-9]+:[0-9]+;")
ODD_ANSWER: Final = b"x-answer"
"""The field with which a call asks the server behind the door for an answer that is not the usual one."""
RESET: Final = b'"fault":"reset"'
"""In the answer to a call whose connection to the server behind the door broke: it must not be made again unasked."""
_USUAL_CALL: Final = re.compile(
    rb'{"jsonrpc": "2.0", "id": 1, "method": "tools/(call|list)", "params": {"name": "echo", "arguments": {"tag": "tag:'
)
_REFUSALS: Final = frozenset({400, 408, 431, 501, 505})
_PASSING: Final = frozenset({b"host", b"authorization", b"content-type", b"accept", b"content-length", b"x-pad"})
_SURE: Final = _PASSING | {b"transfer-encoding", b"connection"}


def tag_of(user: str, lane: str, number: int) -> str:
    """Return a tag that no other call has."""
    return f"tag:{user}:{lane}:{number};"


def call_body(tag: str, method: str = "tools/call", **arguments: str) -> bytes:
    """Return the body of a call that carries the tag."""
    parameters = {"name": "echo", "arguments": {"tag": tag, **arguments}}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()


@dataclass(slots=True)
class Wire:
    """What went over one connection, and who ended it."""

    sent: bytes
    received: bytes
    server_ended: bool = False
    client_ended: bool = False


@dataclass(slots=True)
class Verdict:
    """What a connection showed."""

    faults: list[str] = field(default_factory=list)
    meant: Counter[tuple[str, str]] = field(default_factory=Counter)
    """User and tag of each call that the server behind the door may have seen."""
    requests: int = 0
    statuses: list[int] = field(default_factory=list)
    at_rest: bool = False
    """Whether every request is answered and nothing has begun."""
    owed: int = 0
    """Requests that have no whole answer yet on a connection that is still open."""


class Judge:
    """Judges connections of known users."""

    def __init__(self, users: Mapping[bytes, str], host: bytes) -> None:
        self._users = users
        self._host = host

    def user_of(self, request: Request) -> str:
        """Return the user whose token the request carries, if it carries one. Spec: RFC 9110 s11.1, s11.4"""
        values = request.values(b"authorization")
        scheme, _, token = values[0].partition(b" ") if len(values) == 1 else (b"", b"", b"")
        return self._users.get(token.strip(b" "), "") if scheme.lower() == b"bearer" else ""

    def judge(self, wire: Wire) -> Verdict:
        """Return the verdict on one connection."""
        requests = read_requests(wire.sent)
        asked = [*requests.whole, *([requests.begun] if requests.begun else [])]
        answers = read_answers(wire.received, [each.method for each in asked], ended=wire.server_ended)
        verdict = Verdict(requests=len(asked), statuses=[each.status for each in answers.final])
        for each in requests.whole:
            call = _call_in(each)
            if call is not None:
                # What changes nothing may be sent again: RFC 9110 s9.2.2.
                verdict.meant[self.user_of(each), str(call["tag"])] += 2 if _only_lists(each) else 1
        faults = verdict.faults
        if answers.rest == "wrong":
            faults.append(f"the answers are no HTTP/1.1: {answers.why}")
        faults += [f"interim status {each.status}" for each in answers.interim if each.status != 100]
        refusal = _refusal(requests, answers)
        for number, answer in enumerate(answers.final):
            if number < len(asked) and number != refusal:
                is_whole = number < len(requests.whole)
                faults += [f"answer {number + 1}: {it}" for it in self._of_one(asked[number], answer, whole=is_whole)]
        faults += _surplus(requests, len(asked), answers)
        faults += _absent(requests, answers, wire)
        is_idle = requests.rest == "none" and answers.rest == "none"
        verdict.at_rest = is_idle and len(answers.final) == len(asked)
        if not wire.server_ended:
            verdict.owed = max(0, len(requests.whole) - sum(each.whole for each in answers.final))
        return verdict

    def _of_one(self, request: Request, answer: Answer, *, whole: bool) -> list[str]:
        """Return what is wrong with the answer to a request."""
        own = set(TAG.findall(request.body)) | set(TAG.findall(request.target))
        foreign = set(TAG.findall(answer.body)) - own
        if foreign:
            return [f"has {sorted(foreign)} and belongs to {sorted(own)}"]
        if request.values(ODD_ANSWER):
            return []
        if answer.status == 500:
            return [f"is 500: {answer.body[:200]!r}"]
        call = _call_in(request) if whole else None
        if call is None:
            return []
        if answer.status == 502 and RESET in answer.body and not _only_lists(request):
            return []
        if answer.status != 200:
            sure = request.strict and self._is_sure(request)
            return [f"refuses a good call with {answer.status}: {answer.body[:200]!r}"] if sure else []
        return self._of_good(request, call, answer) if answer.whole and request.method == b"POST" else []

    def _of_good(self, request: Request, call: Mapping[str, Any], answer: Answer) -> list[str]:
        try:
            result = json.loads(answer.body)["result"]
            got = result["tag"], result["user"]
        except (ValueError, LookupError, TypeError):
            return [f"is no answer to the call {call['tag']}: {answer.body[:200]!r}"]
        expected = call["tag"], self.user_of(request)
        return [] if got == expected else [f"is for {got} and belongs to {expected}"]

    def _is_sure(self, request: Request) -> bool:
        """Return whether the request is an ordinary call, so that only one answer is right."""
        names = [name for name, _ in request.headers]
        fields = dict(request.headers)
        return (
            request.method == b"POST"
            and request.target == b"/mcp"
            and len(set(names)) == len(names)
            and _SURE.issuperset(names)
            and fields.get(b"host") == self._host
            and fields.get(b"content-type") == b"application/json"
            and fields.get(b"accept") == b"application/json, text/event-stream"
            and fields.get(b"connection", b"close") in {b"close", b"keep-alive"}
            and bool(self.user_of(request))
            and _USUAL_CALL.match(request.body) is not None
            and len(request.body) < 100_000
        )


def _call_in(request: Request) -> Mapping[str, Any] | None:
    """Return the arguments of the call that the body is, if it is one."""
    if request.method != b"POST" or not request.body.startswith(b"{") or b"tag:" not in request.body:
        return None
    try:
        arguments = json.loads(request.body)["params"]["arguments"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return arguments if isinstance(arguments, dict) and isinstance(arguments.get("tag"), str) else None


def _only_lists(request: Request) -> bool:
    return b'"method": "tools/list"' in request.body


def crossed(received: bytes, own: Collection[str]) -> list[str]:
    """Return the tags that a client got and that are not its own."""
    foreign = {tag.decode() for tag in TAG.findall(received)}.difference(own)
    return [f"got what belongs to {sorted(foreign)}"] if foreign else []


def _refusal(requests: Requests, answers: Answers) -> int:
    """Return which answer refuses the whole connection, if one does.

    A server that meets bytes which it must refuse may say so and close, whatever it has not answered by then.
    """
    last = answers.final[-1] if answers.final else None
    refuses = last is not None and last.status in _REFUSALS and last.closes and _may_be_refused(requests)
    return len(answers.final) - 1 if refuses else -1


def _may_be_refused(requests: Requests) -> bool:
    return requests.rest == "wrong" or not all(
        each.strict for each in (*requests.whole, *filter(None, [requests.begun]))
    )


def _surplus(requests: Requests, asked: int, answers: Answers) -> list[str]:
    """Return the answers to requests that are not there. One refusal of what cannot be read is none."""
    surplus = answers.final[asked:]
    if surplus and asked == len(requests.whole) and requests.rest != "none" and 400 <= surplus[0].status < 500:
        surplus = surplus[1:]
    return [f"{asked} requests, and a further answer with {each.status}: {each.body[:120]!r}" for each in surplus]


def _absent(requests: Requests, answers: Answers, wire: Wire) -> list[str]:
    """Return the requests that a server had no reason to leave without an answer, and did."""
    if not wire.server_ended or wire.client_ended or _may_be_refused(requests):
        return []
    answered = len(answers.final)
    if any(each.closes or not each.whole for each in answers.final):
        return []
    missing = requests.whole[answered:]
    if missing and answers.rest == "none":
        return [f"closed instead of an answer to {missing[0].method!r} {missing[0].target!r} {missing[0].body[:120]!r}"]
    return []


def strays(seen: Mapping[tuple[str, str], int], meant: Mapping[tuple[str, str], int]) -> list[str]:
    """Return the calls that the server behind the door has seen, and nobody has made, or has made fewer times."""
    return [
        f"{key} was seen {count} times and made {meant.get(key, 0)} times"
        for key, count in seen.items()
        if count > meant.get(key, 0)
    ]
