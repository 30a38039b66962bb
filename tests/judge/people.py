"""People: from the authorization endpoint over sign-in and consent to a code, in a browser of their own.

A person who is turned away starts again, as people do; one who is still signed in does not sign in again.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

from judge.clients import REDIRECT_URI, Actor, Client, Code, GaveUp
from judge.history import Operation, digest
from judge.node import ISSUER, PASSWORD
from judge.wire import Reply, Request, form

STARTS = 12
"""How often a person starts again before the judge gives up."""
_FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


@dataclass
class Browser:
    """A person's browser, with its own cookie and those of the sign-ins under way."""

    user: str
    cookie: str = field(default="", repr=False)
    flows: dict[str, str] = field(default_factory=dict, repr=False)
    sign_ins: int = 0
    """Passwords typed."""

    def headers(self) -> dict[str, str]:
        """Return what it sends along."""
        sent = "; ".join([*([self.cookie] if self.cookie else []), *(f"{n}={v}" for n, v in self.flows.items())])
        return {"cookie": sent} if sent else {}


class TurnedAway(Exception):
    """A page refused; the person starts again."""


async def allow(actor: Actor, client: Client, browser: Browser, *, starts: int = STARTS) -> Code:
    """Let a client in, and return its code.

    Raises:
        GaveUp: turned away too often.
        TurnedAway: already at the authorization endpoint, so starting again cannot help.
    """
    said = ""
    for _ in range(starts):
        verifier = secrets.token_urlsafe(48)
        actor.secret(verifier)
        path = await _authorize(actor, client, browser, verifier)
        try:
            if path.startswith("/-/login"):
                path = await _sign_in(actor, client, browser, path)
            secret = await _consent(actor, client, browser, path)
        except TurnedAway as reason:
            said = str(reason)
        else:
            return Code(client, secret, verifier)
    raise GaveUp(f"no code in {starts} attempts; the last was turned away: {said}")


async def _authorize(actor: Actor, client: Client, browser: Browser, verifier: str) -> str:
    query = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": REDIRECT_URI,
        "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        "state": secrets.token_hex(4),
        "resource": actor.policy.default_resource.uri,
    }

    def read(operation: Operation, reply: Reply) -> str:
        path = _our_path(reply)
        operation.ok(reply.status, request=digest(_request_of(path)))
        take_cookie(actor, browser, reply)
        return path

    request = Request("GET", f"/authorize?{urlencode(query)}", browser.headers())
    operation, path = await actor.settled("authorize", request, read, client=client.client_id, user=browser.user)
    if not isinstance(path, str):
        raise TurnedAway(operation.error)
    return path


async def _sign_in(actor: Actor, client: Client, browser: Browser, path: str) -> str:
    fields = await _form(actor, client, browser, path)
    given = {"request": digest(fields["request"]), "client": client.client_id, "user": browser.user}

    def read(operation: Operation, reply: Reply) -> str:
        operation.ok(reply.status)
        take_cookie(actor, browser, reply)
        return _our_path(reply)

    browser.sign_ins += 1
    request = form("/-/login", fields | {"username": browser.user, "password": PASSWORD}, **browser.headers())
    operation, path_on = await actor.settled("sign_in", request, read, **given)
    if not isinstance(path_on, str):
        browser.cookie = ""
        raise TurnedAway(operation.error)
    _, path_on = await actor.settled(
        "page",
        Request("GET", path_on, browser.headers()),
        lambda operation, reply: (operation.ok(reply.status), _our_path(reply))[1],
        **given,
    )
    if not isinstance(path_on, str) or not path_on.startswith("/-/consent"):
        raise TurnedAway("the sign-in did not count")
    return path_on


async def _consent(actor: Actor, client: Client, browser: Browser, path: str) -> str:
    fields = await _form(actor, client, browser, path)

    def read(operation: Operation, reply: Reply) -> str:
        answer = parse_qs(urlsplit(reply.headers["location"]).query)
        if "code" not in answer:
            operation.refused(reply.status, answer["error"][0])
            return ""
        code = answer["code"][0]
        operation.ok(reply.status, code=actor.secret(code))
        return code

    operation, code = await actor.settled(
        "consent",
        form("/-/consent", fields | {"decision": "approve"}, **browser.headers()),
        read,
        request=digest(fields["request"]),
        client=client.client_id,
        user=browser.user,
    )
    if not isinstance(code, str) or not code:
        raise TurnedAway(operation.error)
    return code


async def _form(actor: Actor, client: Client, browser: Browser, path: str) -> dict[str, str]:
    def read(operation: Operation, reply: Reply) -> dict[str, str]:
        operation.ok(reply.status)
        return hidden_fields(actor, reply)

    request = Request("GET", path, browser.headers())
    given = {"request": digest(_request_of(path)), "client": client.client_id, "user": browser.user}
    operation, fields = await actor.settled("page", request, read, **given)
    # A person who was disabled a moment ago is sent back to sign in, and that answer has no form.
    if not isinstance(fields, dict) or "request" not in fields:
        browser.cookie = ""
        raise TurnedAway(operation.error or f"no form, status {operation.status}")
    return fields


def _our_path(reply: Reply) -> str:
    """Return the path of a redirect that stays here; anything else is a page that stops this attempt."""
    location = reply.headers.get("location", "")
    if not location.startswith(ISSUER + "/"):
        raise TurnedAway(f"status {reply.status}, to {urlsplit(location).netloc}")
    return location.removeprefix(ISSUER)


def _request_of(path: str) -> str:
    query = parse_qs(urlsplit(path).query)
    return (query.get("request") or query.get("continue") or [""])[0]


def hidden_fields(actor: Actor, reply: Reply) -> dict[str, str]:
    """Return what the form of a page sends along unseen."""
    fields = {name: html.unescape(value) for name, value in _FIELD.findall(reply.body.decode())}
    if "form_token" in fields:
        actor.secret(fields["form_token"])
    return fields


def take_cookie(actor: Actor, browser: Browser, reply: Reply) -> None:
    """Keep the cookies that an answer sets."""
    for line in reply.headers.get("set-cookie", "").splitlines():
        name, _, value = line.partition(";")[0].partition("=")
        if "-" not in name.removeprefix("__Host-"):
            browser.cookie = f"{name}={value}"
        elif value:
            browser.flows[name] = value
        else:
            browser.flows.pop(name, None)
        if value:
            actor.secret(value)
