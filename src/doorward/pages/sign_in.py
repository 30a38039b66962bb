"""`/-/login`: a person signs in with a local account, for a pending request or for one of our own pages.

Spec: RFC 9700 s4.7 (forged forms); the browser's cookie is replaced at sign-in, so a planted one gains nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from doorward.audit.events import AuditEvent
from doorward.audit.log import note
from doorward.authority.authority import Authority
from doorward.errors import Conflict
from doorward.login.browser_sessions import (
    BrowserCookie,
    came_from_our_site,
    cookie_digest,
    form_token,
    new_cookie_value,
    new_session_value,
    page_key_in,
    signed_in_session,
)
from doorward.login.local import verify_password
from doorward.login.sign_in_limits import SignInLimits
from doorward.logs import log
from doorward.oauth.errors import LocalAuthorizationError, Reason, TooManyRequests
from doorward.oauth.parameters import parse_form, parse_query
from doorward.pages.own_pages import OWN_PAGES, address_of, require_own_form
from doorward.pages.rendering import Pages, door_name, installation_url
from doorward.pages.steps import NO_STORE, Step, back_to_authorize, load_step, require_our_form
from doorward.records.accounts import BrowserSession, User
from doorward.records.changes import Change, Delete, Expect, Insert, Replace, Stored

LOGGER = logging.getLogger("doorward.pages")


@dataclass(frozen=True, slots=True)
class _Purpose:
    """What a sign-in is for: a pending request of this browser, or one of our pages."""

    field: Literal["request", "next"]
    value: str
    cookie_value: str
    step: Step | None = None


class SignInPage:
    """Serves `/-/login` for one authorization server."""

    def __init__(self, authority: Authority, pages: Pages, address_of: Callable[[Request], str]) -> None:
        self.authority = authority
        self.pages = pages
        self.address_of = address_of
        self.limits = SignInLimits(authority)
        self.cookie = BrowserCookie.for_issuer(authority.policy.issuer)

    async def show(self, request: Request) -> Response:
        """Show the form."""
        purpose = await self._purpose(request, parse_query(request.scope["query_string"]))
        if purpose.cookie_value:
            return self._form(purpose)
        fresh = replace(purpose, cookie_value=new_cookie_value(self.authority.entropy))
        response = self._form(fresh)
        response.headers["set-cookie"] = self.cookie.header(fresh.cookie_value)
        return response

    async def submit(self, request: Request) -> Response:
        """Check user name and password. If right, bind the user to the pending request or open the page."""
        form = parse_form(await request.body())
        purpose = await self._purpose(request, form)
        if self._was_overtaken(request, purpose, form):
            return self._onwards(purpose)
        self._require_form(request, purpose, form)
        name, address = form.get("username", "").strip(), self.address_of(request)
        try:
            user = await self.limits.check(
                name, address, lambda: verify_password(self.authority.store, name, form.get("password", ""))
            )
        except TooManyRequests as error:
            return self._slowed(purpose, name, await self._known(name), error)
        if user is None:
            detail = await self._known(name)
            log(LOGGER, logging.WARNING, "sign_in_failed", **detail)
            note(AuditEvent(event="sign_in", outcome="failed", reason=Reason.WRONG_PASSWORD, detail=detail))
            return self._form(purpose, problem="User name or password is wrong.", username=name, status=400)
        try:
            return await self._signed_in(purpose, user)
        except Conflict:  # the form was sent twice and the other one has won, or the account has changed meanwhile
            return self._onwards(purpose)

    async def _known(self, name: str) -> dict[str, str]:
        """Return the name for the logs if an account has it, else nothing: people type passwords into this field."""
        return {} if await self.authority.store.get(User, name) is None else {"user": name}

    def _require_form(self, request: Request, purpose: _Purpose, form: Mapping[str, str]) -> None:
        presented = form.get("form_token")
        if purpose.step is not None:
            require_our_form(self.authority, request, purpose.step, presented)
        else:
            require_own_form(self.authority, request, purpose.value, purpose.cookie_value, presented)

    def _was_overtaken(self, request: Request, purpose: _Purpose, form: Mapping[str, str]) -> bool:
        """Return whether another tab has signed in since this form was rendered; the form is then ignored."""
        step = purpose.step
        if step is None or form.get("form_token") == step.form_token:
            return False
        has_signed_in = step.user_id is not None and step.pending.record.user_id in (None, step.user_id)
        return has_signed_in and came_from_our_site(request.headers, issuer=self.authority.policy.issuer)

    async def _purpose(self, request: Request, fields: Mapping[str, str]) -> _Purpose:
        page = fields.get("next")
        if page is None:
            step = await load_step(self.authority, self.cookie, request, fields.get("request"))
            return _Purpose("request", step.pending.record.request_id, step.cookie_value, step)
        if page not in OWN_PAGES:
            raise LocalAuthorizationError(
                "Sign-in can't lead to that page. Start again from your MCP client.", Reason.UNKNOWN_REQUEST
            )
        return _Purpose("next", page, request.cookies.get(self.cookie.name, ""))

    async def _signed_in(self, purpose: _Purpose, verified: Stored[User]) -> Response:
        user, now = verified.record, self.authority.clock.now()
        value = new_session_value(self.cookie, self.authority.entropy)
        # Verifying a password takes long: an account that is disabled meanwhile must not end up signed in.
        step = purpose.step
        before = step.session if step else await self._session(purpose.cookie_value)
        if self.cookie.is_shared and before is not None and before.record.user_id is None:
            before = None  # the browser keeps that cookie, which nobody signs in to
        session = signed_in_session(value, user.user_id, now, before=before.record if before else None)
        changes: list[Change] = [Expect(User, user.user_id, verified.version), Insert(session)]
        if before is not None:
            changes.append(Delete(BrowserSession, before.record.cookie_digest, before.version))
        if step is not None:
            pending = step.pending.record
            bound = msgspec.structs.replace(pending, user_id=user.user_id, browser_digest=cookie_digest(value))
            changes.append(Replace(bound, step.pending.version))
        await self.authority.store.apply(changes)
        log(LOGGER, logging.INFO, "signed_in", user=user.user_id, client_id=step and step.client.record.client_id)
        response = self._onwards(purpose, page_key_in(value))
        response.headers["set-cookie"] = self.cookie.sign_in_header(value)
        return response

    async def _session(self, cookie_value: str) -> Stored[BrowserSession] | None:
        return await self.authority.store.get(BrowserSession, cookie_digest(cookie_value))

    def _onwards(self, purpose: _Purpose, page_key: str = "") -> Response:
        if purpose.step is not None:
            return back_to_authorize(self.authority, purpose.value, page_key or purpose.step.page_key)
        return RedirectResponse(address_of(self.authority, purpose.value, page_key), 303, NO_STORE)

    def _slowed(self, purpose: _Purpose, name: str, known: dict[str, str], error: TooManyRequests) -> Response:
        seconds = error.retry_after_seconds
        log(LOGGER, logging.WARNING, "sign_in_slowed", **known, seconds=seconds)
        much = "wrong passwords" if error.reason is Reason.SIGN_IN_SLOWED else "attempts at once"
        problem = f"Too many {much}. Try again in {seconds} seconds."
        response = self._form(purpose, problem=problem, username=name, status=error.status)
        response.headers["retry-after"] = str(seconds)
        return response

    def _form(self, purpose: _Purpose, *, problem: str = "", username: str = "", status: int = 200) -> Response:
        step = purpose.step
        return self.pages.render(
            "sign_in.html",
            status,
            client_name=(step.client.record.client_name or "An MCP client") if step else "",
            resource=step.pending.record.resource if step else installation_url(self.authority.policy),
            door=door_name(step.pending.record.resource, self.authority.policy) if step else "",
            purpose=purpose.field,
            purpose_value=purpose.value,
            form_token=step.form_token if step else form_token(purpose.cookie_value, purpose.value),
            problem=problem,
            username=username,
        )
