"""`/-/device`: a person types the code that a device shows, sees the client and its scopes, and decides.

Sign-in comes first, so that guesses count for a user. The code is typed and never part of a link, so that no link can
skip that step. The page names the client, and warns about codes that someone else sent.

Spec: RFC 8628 s3.3, s5.1, s5.4; RFC 9700 s4.7.
"""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import Response

from doorward.authority.authority import Authority
from doorward.login.browser_sessions import BrowserCookie, new_cookie_value
from doorward.login.device_tries import DeviceTries
from doorward.logs import log
from doorward.oauth.authorization import device
from doorward.oauth.errors import LocalAuthorizationError, TooManyRequests
from doorward.oauth.parameters import parse_form
from doorward.pages.own_pages import Visitor, require_own_form, to_sign_in, visitor_of
from doorward.pages.rendering import Pages, door_name
from doorward.paths import DEVICE
from doorward.records.accounts import User
from doorward.records.changes import Decision, Stored
from doorward.records.oauth import Client, DeviceAuthorization

LOGGER = logging.getLogger("doorward.pages")


class DevicePage:
    """Serves `/-/device` for one authorization server."""

    def __init__(self, authority: Authority, pages: Pages) -> None:
        self.authority = authority
        self.pages = pages
        self.tries = DeviceTries(authority)
        self.cookie = BrowserCookie.for_issuer(authority.policy.issuer)

    async def show(self, request: Request) -> Response:
        """Ask the signed-in user for a code; others sign in first."""
        visitor = await visitor_of(self.authority, self.cookie, request)
        return self._ask(visitor) if visitor else to_sign_in(self.authority, DEVICE)

    async def submit(self, request: Request) -> Response:
        """Look a code up, or apply the decision about it."""
        form = parse_form(await request.body())
        visitor = await visitor_of(self.authority, self.cookie, request)
        if visitor is None:
            return to_sign_in(self.authority, DEVICE)
        require_own_form(self.authority, request, DEVICE, visitor.cookie_value, form.get("form_token"))
        typed = form.get("user_code", "")[:64]
        try:
            known = await self.tries.check(visitor.user.user_id, lambda: self._known(typed, visitor))
        except TooManyRequests as error:
            answer = self._ask(visitor, "Too many wrong codes. Try again later.", status=error.status)
            answer.headers["retry-after"] = str(error.retry_after_seconds)
            return answer
        if known is None:
            log(LOGGER, logging.WARNING, "unknown_user_code", user=visitor.user.user_id)
            return self._ask(visitor, device.unknown_user_code().description, typed=typed, status=400)
        if known[0].finished_at is not None:  # their own yes, sent again because its answer was lost
            return self.pages.render("device_done.html", allowed=True)
        if form.get("decision") not in {"approve", "deny"}:
            return self._consent(visitor, *known, typed)
        return await self._decide(visitor, typed, approved=form["decision"] == "approve")

    async def _find(self, typed: str) -> tuple[Stored[DeviceAuthorization] | None, Stored[Client] | None]:
        store = self.authority.store
        found = await store.get(DeviceAuthorization, device.user_code_digest(typed))
        return found, await store.get(Client, found.record.client_id) if found else None

    async def _known(self, typed: str, visitor: Visitor) -> tuple[DeviceAuthorization, Client] | None:
        """Return the code's authorization if it is pending or this person allowed it: neither counts as a guess."""
        found, client = await self._find(typed)
        if found is None or client is None or (found.record.expires_at or 0) <= self.authority.clock.now():
            return None
        waits = device.waiting(found, client, now=self.authority.clock.now())
        return (found.record, client.record) if waits or found.record.user_id == visitor.user.user_id else None

    async def _decide(self, visitor: Visitor, typed: str, *, approved: bool) -> Response:
        authority = self.authority

        async def attempt() -> Decision[bool]:
            found, client = await self._find(typed)
            return device.answer(
                found,
                client,
                await authority.store.get(User, visitor.user.user_id),
                approved=approved,
                grant_id=new_cookie_value(authority.entropy),
                now=authority.clock.now(),
                policy=authority.policy,
            )

        try:
            allowed = await authority.decide(attempt)
        except LocalAuthorizationError as error:
            return self._ask(visitor, error.description, status=error.status)
        log(LOGGER, logging.INFO, "consent", decision="approve" if allowed else "deny")
        return self.pages.render("device_done.html", allowed=allowed)

    def _ask(self, visitor: Visitor, problem: str = "", *, typed: str = "", status: int = 200) -> Response:
        return self.pages.render(
            "device.html",
            status,
            user_id=visitor.user.user_id,
            problem=problem,
            typed=typed,
            form_token=visitor.form_token(DEVICE),
        )

    def _consent(self, visitor: Visitor, asked: DeviceAuthorization, client: Client, typed: str) -> Response:
        return self.pages.render(
            "device_consent.html",
            client_name=client.client_name or "An MCP client",
            client_id=client.client_id,
            resource=asked.resource,
            door=door_name(asked.resource, self.authority.policy),
            scopes=asked.scopes,
            user_id=visitor.user.user_id,
            user_code=device.as_shown(typed),
            form_token=visitor.form_token(DEVICE),
        )
