"""The refresh: once, again as after a lost reply, and twice at once as from two windows.

Uses only the doctor's own sign-in, which no one else uses: if the server treats a repeat as theft, it ends.

Spec: RFC 6749 s6; RFC 9700 s4.14.2
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from doorward.doctor.checks.token_replies import error_of, reply_faults, tokens_of, without_tokens
from doorward.doctor.engine.check import Finding, Picture, Steps, found, seen
from doorward.doctor.engine.messages import initialize
from doorward.doctor.engine.own_client import refresh_request, take
from doorward.doctor.engine.requests import Ask, Request, Response, Together

_PAUSE_SECONDS = 5.0
_SHRUNKEN_TO = 0.25
"""A lifetime below this share of the first one shrank by more than the elapsed time."""


def refresh(picture: Picture) -> Steps:
    """Refresh the sign-in, and then repeat it as clients do after a failure."""
    old = picture.signed_in.get("refresh_token")
    if not isinstance(old, str) or not old:
        why = "the sign-in brought no refresh token" if picture.signed_in else "needs --login"
        picture.skip(why, "TOK-02", "TOK-07", "TOK-08")
        return []
    request = refresh_request(picture, old)
    if picture.repeat:
        answers = list((yield Together((request, request))).parts)
    else:
        picture.skip("needs --repeat", "TOK-02")
        answers = [(yield request)]
    taken = [each for each in answers if tokens_of(each)]
    if not taken and any(each.status == 0 for each in answers):
        # Ask again as a client would: the earlier refresh may or may not have been committed.
        again = yield request
        if error_of(again) == "invalid_grant":
            return _gone(picture, request, answers, again)
        taken = [again] if tokens_of(again) else []
    if any(map(_says_nothing, answers)) and not taken:
        picture.skip(f"the token endpoint answered a refresh with {_status(answers[0])}", "TOK-02", "TOK-07", "TOK-08")
        return []
    if not taken:
        picture.skip("the sign-in cannot be refreshed", "TOK-02", "TOK-08")
        summary = f"The first refresh of a sign-in is answered with {_status(answers[0])}."
        return [found("TOK-07", summary, without_tokens(request, answers[0]))]
    reply = tokens_of(taken[-1]) or {}
    lives = picture.signed_in.get("expires_in")
    take(picture, reply)
    findings = reply_faults(request, taken[-1]) + _shorter(lives, reply, evidence=[f"> POST {request.url}"])
    again = yield refresh_request(picture, old, wait=_PAUSE_SECONDS if picture.repeat else 0.0)
    if fresh := tokens_of(again):
        take(picture, fresh)
    refused = [each for each in (*answers, again) if not tokens_of(each) and not _says_nothing(each)]
    if not refused:
        return findings
    if "refresh_token" not in reply:
        summary = "A refresh brings no refresh token, and the old one is spent."
        evidence = [*seen(request, taken[-1], body=False), f"members: {', '.join(sorted(reply))}", "the old one again:"]
        return [*findings, found("TOK-07", summary, [*evidence, *seen(request, again)])]
    survived = yield from _survived(picture)
    return findings + _lost(request, answers, again, survived)


def _shorter(first: object, reply: dict[str, Any], evidence: list[str]) -> list[Finding]:
    """Find a token that lives for a small fraction of the first one's lifetime."""
    now = reply.get("expires_in")
    if type(first) is not int or type(now) is not int or now >= first * _SHRUNKEN_TO:
        return []
    lines = [*evidence, f"expires_in of the sign-in: {first}", f"expires_in of the refresh: {now}"]
    return [found("TOK-07", "A refreshed token expires much sooner than the first one.", lines, verdict="risk")]


@dataclass(frozen=True, slots=True)
class _Survivors:
    """What still works after a second use of a refresh token was refused."""

    refresh: Response
    call: Response

    @property
    def alive(self) -> bool:
        return tokens_of(self.refresh) is not None


def _survived(picture: Picture) -> Generator[Ask, Response, _Survivors]:
    """Use the newest access token, and the newest refresh token."""
    call = yield initialize(picture, headers={"authorization": f"Bearer {picture.token}"})
    response = yield refresh_request(picture, str(picture.signed_in["refresh_token"]))
    if reply := tokens_of(response):
        take(picture, reply)
    else:
        # The sign-in has ended, so further requests with it would say nothing about the server.
        picture.token = "" if call.status == 401 else picture.token  # noqa: PLR2004
    return _Survivors(response, call)


def _lost(request: Request, answers: list[Response], again: Response, survived: _Survivors) -> list[Finding]:
    """Distinguish a lost race from a lost reply; usually they fail together."""
    together = len(answers) > 1
    evidence = [f"> POST {request.url} (grant_type=refresh_token)"]
    names = ["at once, one", "at once, two"] if together else ["the refresh"]
    evidence += [f"{name}: {_status(each)}" for name, each in zip(names, answers, strict=True)]
    evidence.append(f"the same refresh {'5 s later' if together else 'again'}: {_status(again)}")
    evidence.append(f"a refresh with the newest token: {_status(survived.refresh)}")
    evidence.append(f"a call with the newest access token: {survived.call.status}")
    end = "The sign-in lives on." if survived.alive else "The whole sign-in has ended."
    verdict = "risk" if survived.alive else "broken"
    findings: list[Finding] = []
    if any(not tokens_of(each) and not _says_nothing(each) for each in answers):
        summary = f"Of two refreshes at once, one is refused. {end}"
        findings.append(found("TOK-02", summary, evidence, verdict=verdict))
    if not tokens_of(again) and not _says_nothing(again) and (not findings or verdict == "broken"):
        summary = f"The same refresh again, as after a lost reply, is refused. {end}"
        findings.append(found("TOK-08", summary, evidence, verdict=verdict))
    return findings


def _gone(picture: Picture, request: Request, answers: list[Response], again: Response) -> list[Finding]:
    """Report a refresh whose reply never came, and that the server considers done."""
    picture.skip("the sign-in ended with a refresh whose answer was lost", "TOK-02", "TOK-07")
    evidence = [f"> POST {request.url} (grant_type=refresh_token)"]
    evidence += [f"< {_status(each)}: {each.sentence}" if not each.status else f"< {_status(each)}" for each in answers]
    summary = "The answer to a refresh did not arrive, and the same refresh again is refused."
    return [found("TOK-08", summary, [*evidence, "the same again:", *without_tokens(request, again)])]


def _says_nothing(response: Response) -> bool:
    """Return whether a response is missing or temporary, so that a client would retry."""
    return response.status in {0, 429, 503}


def _status(response: Response) -> str:
    return " ".join(filter(None, (str(response.status or response.fault), error_of(response))))
