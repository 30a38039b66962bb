"""What clients do that an operator has registered: devices, service accounts, exchanged tokens, identity assertions.

Recorded under the names of `clients.py` where it is the same thing: a device that begins is an `authorize`, its user's
yes a `consent`, its code is redeemed. `issue`, `exchange` and `assert` are the grants without a refresh token.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass

from judge.clients import Actor, Client, Code, GaveUp, Read, Tokens
from judge.history import Operation, digest
from judge.node import ISSUER, PASSWORD
from judge.people import STARTS, Browser, TurnedAway, hidden_fields, take_cookie
from judge.wire import Reply, Request, form
from oauth.grants.id_jags import EC, IDP, Place, claims, header, signed

from doorward.oauth.grant_types import CLIENT_CREDENTIALS, JWT_BEARER, TOKEN_EXCHANGE
from doorward.oauth.grants.token_exchange import ACCESS_TOKEN_TYPE

IDENTITY_KEYS = json.dumps({"keys": [EC.as_dict(private=False)]})
"""What the identity provider publishes."""
ASSERTION_SECONDS = 300
OK = 200


@dataclass(frozen=True)
class Operated:
    """The clients that an operator has registered."""

    service: Client
    account: str
    """The service account that `service` acts as."""
    agent: Client
    """May exchange tokens of others."""
    enterprise: Client
    """Presents assertions."""
    device: Client


@dataclass(frozen=True)
class Assertion:
    """An assertion about one person for one client."""

    text: str
    user: str
    ends_at: int


# Grants without a refresh token -----------------------------------------------------------------------------------


async def issue(actor: Actor, client: Client, account: str, *, node: int | None = None) -> Tokens | None:
    """Ask for a token in the client's own name."""
    fields = {"grant_type": CLIENT_CREDENTIALS, **client.fields()}
    return await _until_told(actor, "issue", client, fields, node, user=account)


async def exchange(actor: Actor, tokens: Tokens, agent: Client, *, node: int | None = None) -> Tokens | None:
    """Exchange somebody's access token."""
    subject = {"subject_token": tokens.access, "subject_token_type": ACCESS_TOKEN_TYPE}
    fields = {"grant_type": TOKEN_EXCHANGE, **agent.fields(), **subject}
    return await _until_told(actor, "exchange", agent, fields, node, subject=digest(tokens.access))


async def _until_told(
    actor: Actor, name: str, client: Client, fields: dict[str, str], node: int | None, **given: str
) -> Tokens | None:
    request = form("/token", fields)
    given |= {"client": client.client_id, "attempt": secrets.token_hex(8)}
    _, tokens = await actor.settled(name, request, _access_token(actor, client), node=node, **given)
    return tokens if isinstance(tokens, Tokens) else None


def assertion_for(actor: Actor, client: Client, subject: str, *, now: int) -> Assertion:
    """Return what the identity provider says about one of its people, for one use."""
    place = Place(ISSUER, actor.policy.default_resource.uri, client.client_id, now)
    jti = secrets.token_hex(8)
    text = signed(header(), claims(place, sub=subject, jti=jti, exp=now + ASSERTION_SECONDS))
    actor.secret(text)
    return Assertion(text, f"{IDP}#{subject}", now + ASSERTION_SECONDS)


async def present(
    actor: Actor, client: Client, assertion: Assertion, *, node: int | None = None, attempt: str = ""
) -> tuple[Operation, Tokens | None]:
    """Present an assertion once. Without an answer it may have been used up, so a client gets another one."""
    fields = {"grant_type": JWT_BEARER, "assertion": assertion.text, **client.fields()}
    operation, tokens = await actor.once(
        "assert",
        form("/token", fields),
        _access_token(actor, client),
        node=node,
        client=client.client_id,
        user=assertion.user,
        assertion=digest(assertion.text),
        ends_at=str(assertion.ends_at),
        attempt=attempt or secrets.token_hex(8),
    )
    return operation, tokens if isinstance(tokens, Tokens) else None


async def enter(actor: Actor, client: Client, subject: str, *, now: int) -> Tokens | None:
    """Get in by assertions, a new one each time, until there is a verdict.

    Raises:
        GaveUp: nobody answered in time.
    """
    deadline, attempt = actor.patience_clock() + actor.patience_seconds, secrets.token_hex(8)
    while True:
        operation, tokens = await present(
            actor, client, assertion_for(actor, client, subject, now=now), attempt=attempt
        )
        if operation.outcome != "unknown":
            return tokens
        if actor.patience_clock() > deadline:
            raise GaveUp("assert")
        await actor.pause()


def _access_token(actor: Actor, client: Client) -> Read:
    def read(operation: Operation, reply: Reply) -> Tokens:
        answer = json.loads(reply.body)
        tokens = Tokens(client, answer["access_token"], "")
        operation.ok(reply.status, access=actor.secret(tokens.access), expires_in=str(answer["expires_in"]))
        return tokens

    return read


# Devices ----------------------------------------------------------------------------------------------------------


async def allow_device(actor: Actor, client: Client, browser: Browser) -> Code:
    """Let a device in, and return its code.

    Raises:
        GaveUp: turned away too often.
    """
    said = ""
    for _ in range(STARTS):
        code, user_code = await _begin(actor, client, browser)
        try:
            await _approve(actor, code, browser, user_code)
        except TurnedAway as reason:
            said = str(reason)
        else:
            return code
    raise GaveUp(f"no device in {STARTS} attempts; the last was turned away: {said}")


async def _begin(actor: Actor, client: Client, browser: Browser) -> tuple[Code, str]:
    def read(operation: Operation, reply: Reply) -> tuple[Code, str]:
        answer = json.loads(reply.body)
        operation.ok(reply.status, request=digest(answer["user_code"]))
        actor.secret(answer["device_code"])
        return Code(client, answer["device_code"]), answer["user_code"]

    request = form("/device_authorization", client.fields())
    operation, begun = await actor.settled("authorize", request, read, client=client.client_id, user=browser.user)
    if not isinstance(begun, tuple):
        raise GaveUp(f"device: {operation.error}")
    return begun


async def _approve(actor: Actor, code: Code, browser: Browser, user_code: str) -> None:
    given = {"request": digest(user_code), "client": code.client.client_id, "user": browser.user}
    fields = await _page(actor, browser, "/-/device", given)
    if isinstance(fields, str):
        fields = await _sign_in(actor, browser, fields, given)

    def read(operation: Operation, reply: Reply) -> None:
        if reply.status == OK:
            operation.ok(reply.status, code=digest(code.secret))
        else:  # to the sign-in: the session has run out meanwhile
            operation.refused(reply.status, "signed out")

    filled = {**fields, "user_code": user_code, "decision": "approve"}
    request = form("/-/device", filled, **browser.headers())
    operation, _ = await actor.settled("consent", request, read, kind="device", **given)
    if operation.outcome != "ok":
        browser.cookie = "" if operation.error == "signed out" else browser.cookie
        raise TurnedAway(operation.error)


async def _sign_in(actor: Actor, browser: Browser, path: str, given: dict[str, str]) -> dict[str, str]:
    fields = await _page(actor, browser, path, given)
    if isinstance(fields, str):
        raise TurnedAway("no form to sign in with")
    browser.sign_ins += 1
    filled = {**fields, "username": browser.user, "password": PASSWORD}
    operation, _ = await actor.settled(
        "sign_in", form("/-/login", filled, **browser.headers()), _reading(actor, browser), **given
    )
    fields = await _page(actor, browser, "/-/device", given) if operation.outcome == "ok" else operation.error
    if isinstance(fields, str):
        browser.cookie = ""
        raise TurnedAway(f"not signed in: {fields}")
    return fields


async def _page(actor: Actor, browser: Browser, path: str, given: dict[str, str]) -> dict[str, str] | str:
    """Return the hidden fields of a page, or where it leads."""
    request = Request("GET", path, browser.headers())
    operation, found = await actor.settled("page", request, _reading(actor, browser), **given)
    if not isinstance(found, dict | str):
        browser.cookie = ""
        raise TurnedAway(operation.error)
    return found


def _reading(actor: Actor, browser: Browser) -> Read:
    def read(operation: Operation, reply: Reply) -> dict[str, str] | str:
        operation.ok(reply.status)
        take_cookie(actor, browser, reply)
        return hidden_fields(actor, reply) or reply.headers.get("location", "").removeprefix(ISSUER)

    return read
