"""`/-/login`: a person proves who they are with a local account.

Spec: RFC 9700 s4.7 (forged forms); the browser's cookie is replaced at sign-in, so a planted one gains nothing.
"""

from __future__ import annotations

import logging

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from doorward.errors import Conflict
from doorward.login.browser_sessions import BrowserCookie, cookie_digest, new_cookie_value, signed_in_session
from doorward.login.local import verify_password
from doorward.logs import log
from doorward.oauth.changes import Delete, Expect, Insert, Replace, Stored
from doorward.oauth.parameters import parse_form, parse_query
from doorward.oauth.records import BrowserSession, User
from doorward.pages.rendering import Pages
from doorward.pages.steps import Step, back_to_authorize, load_step, require_our_form
from doorward.storage.authority import Authority

LOGGER = logging.getLogger("doorward.pages")


class SignInPage:
    """Serves `/-/login` for one authorization server."""

    def __init__(self, authority: Authority, pages: Pages) -> None:
        self.authority = authority
        self.pages = pages
        self.cookie = BrowserCookie.for_issuer(authority.policy.issuer)

    async def show(self, request: Request) -> Response:
        """Show the form."""
        request_id = parse_query(request.scope["query_string"]).get("request")
        return self._form(await load_step(self.authority, self.cookie, request, request_id))

    async def submit(self, request: Request) -> Response:
        """Check user name and password; right ones bind the user to the pending request."""
        form = parse_form(await request.body())
        step = await load_step(self.authority, self.cookie, request, form.get("request"))
        require_our_form(self.authority, request, step, form.get("form_token"))
        name = form.get("username", "").strip()
        user = await verify_password(self.authority.store, name, form.get("password", ""))
        if user is None:
            log(LOGGER, logging.WARNING, "sign_in_failed", user=name[:64])
            return self._form(step, problem="User name or password is wrong.", username=name, status=400)
        try:
            return await self._signed_in(step, user)
        except Conflict:  # the form was sent twice and the other one has won, or the account has changed meanwhile
            return back_to_authorize(self.authority, step.pending.record.request_id)

    async def _signed_in(self, step: Step, verified: Stored[User]) -> Response:
        user = verified.record
        value = new_cookie_value(self.authority.entropy)
        bound = msgspec.structs.replace(step.pending.record, user_id=user.user_id, browser_digest=cookie_digest(value))
        await self.authority.store.apply(
            [
                Replace(bound, step.pending.version),
                # Checking a password takes long: an account disabled meanwhile must not end up signed in.
                Expect(User, user.user_id, verified.version),
                Insert(signed_in_session(value, user.user_id, self.authority.clock.now())),
                Delete(BrowserSession, step.session.record.cookie_digest, step.session.version),
            ]
        )
        log(LOGGER, logging.INFO, "signed_in", user=user.user_id, client_id=bound.client_id)
        response = back_to_authorize(self.authority, bound.request_id)
        response.headers["set-cookie"] = self.cookie.header(value)
        return response

    def _form(self, step: Step, *, problem: str = "", username: str = "", status: int = 200) -> Response:
        return self.pages.render(
            "sign_in.html",
            status,
            client_name=step.client.record.client_name or "An MCP client",
            resource=step.pending.record.resource,
            request_id=step.pending.record.request_id,
            form_token=step.form_token,
            problem=problem,
            username=username,
        )
