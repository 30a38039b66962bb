"""`/-/consent`: the resource owner sees who asks, for what, and where the answer goes, and decides.

It is shown for every request: a dynamically registered client proves nothing about who runs it.

Spec: RFC 6749 s10.2; MCP authorization, "Confused Deputy"; RFC 8252 s8.6 (loopback impersonation).
"""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from doorward.login.browser_sessions import BrowserCookie, new_cookie_value
from doorward.logs import log
from doorward.oauth import authorization
from doorward.oauth.changes import Decision, Stored
from doorward.oauth.parameters import parse_form, parse_query
from doorward.oauth.records import User
from doorward.oauth.redirect_uris import is_loopback
from doorward.oauth.tokens import CODE, mint
from doorward.pages.rendering import Pages
from doorward.pages.steps import NO_STORE, Step, back_to_authorize, load_step, require_our_form
from doorward.storage.authority import Authority

LOGGER = logging.getLogger("doorward.pages")


class ConsentPage:
    """Serves `/-/consent` for one authorization server."""

    def __init__(self, authority: Authority, pages: Pages) -> None:
        self.authority = authority
        self.pages = pages
        self.cookie = BrowserCookie.for_issuer(authority.policy.issuer)

    async def show(self, request: Request) -> Response:
        """Show what is asked; a browser without a signed-in user goes back to sign in first."""
        request_id = parse_query(request.scope["query_string"]).get("request")
        step = await load_step(self.authority, self.cookie, request, request_id)
        user_id = step.session.record.user_id
        if user_id is None:
            return back_to_authorize(self.authority, step.pending.record.request_id)
        return self._page(step, user_id)

    async def submit(self, request: Request) -> Response:
        """Take the decision and send it to the client."""
        form = parse_form(await request.body())
        request_id = form.get("request")

        async def attempt() -> Decision[str]:
            step = await load_step(self.authority, self.cookie, request, request_id)
            require_our_form(self.authority, request, step, form.get("form_token"))
            user_id = step.session.record.user_id
            user = await self.authority.store.get(User, user_id) if user_id else None
            approved = user_id is not None and form.get("decision") == "approve"
            return self._decide(step, user, approved=approved)

        location = await self.authority.decide(attempt)
        log(LOGGER, logging.INFO, "consent", decision=form.get("decision", "deny")[:16])
        return Response(status_code=303, headers={"location": location, **NO_STORE})

    def _decide(self, step: Step, user: Stored[User] | None, *, approved: bool) -> Decision[str]:
        authority = self.authority
        now = authority.clock.now()
        if not approved:
            return authorization.deny(step.pending, client=step.client, now=now, policy=authority.policy)
        return authorization.approve(
            step.pending,
            step.client,
            user,
            grant_id=new_cookie_value(authority.entropy),
            code=mint(CODE, authority.entropy.random_bytes(32)),
            now=now,
            policy=authority.policy,
        )

    def _page(self, step: Step, user_id: str) -> Response:
        client = step.client.record
        target = urlsplit(step.pending.record.redirect_uri)
        web = target.scheme in {"http", "https"}
        return self.pages.render(
            "consent.html",
            client_name=client.client_name or "An MCP client",
            client_id=client.client_id,
            resource=step.pending.record.resource,
            scopes=step.pending.record.scopes,
            user_id=user_id,
            redirect_host=target.netloc if web else f"{target.scheme}: (an app on this device)",
            unverified=client.source == "dynamic",
            local_program=not web or all(map(is_loopback, client.redirect_uris)),
            request_id=step.pending.record.request_id,
            form_token=step.form_token,
        )
