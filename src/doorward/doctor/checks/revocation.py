"""Revokes the tokens of the sign-in, and checks that the access token no longer works.

Spec: RFC 7009 s2
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from doorward.doctor.checks.access import read_jwt
from doorward.doctor.engine.check import Picture, Steps, found, seen
from doorward.doctor.engine.messages import initialize
from doorward.doctor.engine.own_client import revocation_request
from doorward.doctor.engine.requests import Ask, Request, Response


def revocation(picture: Picture) -> Steps:
    """Revoke the tokens of the sign-in, and try the access token once more."""
    if not picture.signed_in:
        return []
    access = str(picture.signed_in["access_token"])
    is_jwt = read_jwt(access) is not None
    pairs = yield from _revoke(picture)
    if not pairs:
        return []
    refused = [pair for pair in pairs if pair[1].status != 200]  # noqa: PLR2004
    if refused:
        summary = "The revocation of a token is refused, so a sign-in cannot be ended."
        return [found("RS-02", summary, seen(*refused[0]), verdict="note")]
    request = initialize(picture, headers={"authorization": f"Bearer {access}"})
    response = yield request
    if response.status == 401:  # noqa: PLR2004
        return []
    words = "It is a JWT, which lives to its exp." if is_jwt else "A thief with a copy can go on."
    summary = f"A revoked access token still gets {response.status or 'no answer'}. {words}"
    evidence = [*seen(*pairs[-1]), "then with the revoked token:", *seen(request, response)]
    return [found("RS-02", summary, evidence, verdict="note" if is_jwt else "risk")]


def _revoke(picture: Picture) -> Generator[Ask, Response, list[tuple[Request, Response]]]:
    """Revoke the tokens of the sign-in, once."""
    pairs: list[tuple[Request, Response]] = []
    if picture.sign_in is None or picture.sign_in.given_back:
        return pairs
    reply, picture.sign_in = picture.sign_in.reply, replace(picture.sign_in, given_back=True)
    for hint in ("refresh_token", "access_token"):
        request = revocation_request(picture, str(reply[hint]), hint) if reply.get(hint) else None
        if request is not None:
            pairs.append((request, (yield request)))
    return pairs


def give_back(picture: Picture) -> Steps:
    """Revoke the remaining tokens when an examination ends early."""
    yield from _revoke(picture)
    return []


CHECKS = (revocation,)
