"""`/-/consent`: the resource owner sees the client, its scopes and its redirect target, and decides.

It is shown for every request of a client whose identity is unproven. Earlier consent is stored and shown apart from
what is new. It skips the question only if `doorward.oauth.authorization.consent` allows that.

Spec: RFC 6749 s10.2; MCP authorization, "Confused Deputy"; RFC 8252 s8.6 (loopback impersonation).
"""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from doorward.authority.authority import Authority
from doorward.login.browser_sessions import BrowserCookie, ending_with_answer, is_own_step, new_cookie_value
from doorward.logs import log
from doorward.oauth.authorization import consent as consents
from doorward.oauth.authorization import request as authorization
from doorward.oauth.authorization.error_redirects import may_answer_at_once
from doorward.oauth.errors import LocalAuthorizationError, Reason
from doorward.oauth.parameters import parse_form, parse_query
from doorward.oauth.tokens.opaque import CODE, mint
from doorward.pages.rendering import Pages, door_name, place_of
from doorward.pages.steps import NO_STORE, Step, back_to_authorize, load_step, require_our_form
from doorward.records.accounts import User
from doorward.records.changes import Decision, Stored
from doorward.records.oauth import Consent

LOGGER = logging.getLogger("doorward.pages")


class ConsentPage:
    """Serves `/-/consent` for one authorization server."""

    def __init__(self, authority: Authority, pages: Pages) -> None:
        self.authority = authority
        self.pages = pages
        self.cookie = BrowserCookie.for_issuer(authority.policy.issuer)

    async def show(self, request: Request) -> Response:
        """Show the request; a browser without a signed-in user goes back to sign in first."""
        request_id = parse_query(request.scope["query_string"]).get("request")
        step = await load_step(self.authority, self.cookie, request, request_id)
        user_id = step.user_id
        if user_id is None:
            return back_to_authorize(self.authority, step.pending.record.request_id)
        consent = await self._consent(step, user_id)
        if self._is_remembered(request, step, consent):
            location = await self.authority.decide(lambda: self._remembered(request, request_id))
            if location is not None:
                log(LOGGER, logging.INFO, "consent", decision="remembered")
                return self._closed(step, Response(status_code=303, headers={"location": location, **NO_STORE}))
        return self._page(step, user_id, consent)

    async def submit(self, request: Request) -> Response:
        """Apply the decision and send it to the client."""
        form = parse_form(await request.body())
        request_id, allowed = form.get("request"), form.get("decision") == "approve"

        async def attempt() -> Decision[tuple[str, Step]]:
            step = await load_step(self.authority, self.cookie, request, request_id)
            user_id = step.user_id
            if user_id is None:
                raise LocalAuthorizationError(
                    "Nobody is signed in here any more. Start again from your MCP client.", Reason.USER_ENDED
                )
            require_our_form(self.authority, request, step, form.get("form_token"))
            if allowed:
                decided = await self._approve(step, user_id, await self._consent(step, user_id))
            else:
                decided = self._deny(step)
            changes = (*decided.changes, *ending_with_answer(self.cookie, step.session))
            return Decision((decided.reply, step), changes)

        location, step = await self.authority.decide(attempt)
        log(LOGGER, logging.INFO, "consent", decision="approve" if allowed else "deny")
        return self._answer(location, step, allowed=allowed)

    def _answer(self, location: str, step: Step, *, allowed: bool) -> Response:
        """Redirect the browser to the client, or show a link to it."""
        client, redirect_uri = step.client.record, step.pending.record.redirect_uri
        if may_answer_at_once(client, redirect_uri):
            return self._closed(step, Response(status_code=303, headers={"location": location, **NO_STORE}))
        page = self.pages.render(
            "onwards.html",
            client_name=client.client_name or "An MCP client",
            leads_to=place_of(redirect_uri),
            onwards=location,
            allowed=allowed,
        )
        return self._closed(step, page)

    def _closed(self, step: Step, answer: Response) -> Response:
        """Return the response; delete the cookie if its session has ended."""
        if self.cookie.is_shared:
            answer.headers.append("set-cookie", self.cookie.ended_header(step.cookie_value))
        return answer

    async def _consent(self, step: Step, user_id: str) -> Stored[Consent] | None:
        asked = step.pending.record
        key = consents.consent_id(
            user_id=user_id, client_id=asked.client_id, redirect_uri=asked.redirect_uri, resource=asked.resource
        )
        return await self.authority.store.get(Consent, key)

    def _is_remembered(self, request: Request, step: Step, consent: Stored[Consent] | None) -> bool:
        return consents.is_remembered(
            step.pending.record,
            step.client.record,
            consent.record if consent else None,
            is_own_navigation=is_own_step(request.headers),
            now=self.authority.clock.now(),
            policy=self.authority.policy,
        )

    async def _remembered(self, request: Request, request_id: str | None) -> Decision[str | None]:
        """Approve by earlier consent; None if that no longer applies."""
        step = await load_step(self.authority, self.cookie, request, request_id)
        user_id = step.user_id
        consent = await self._consent(step, user_id) if user_id else None
        if user_id is None or not self._is_remembered(request, step, consent):
            return Decision(None)
        decision = await self._approve(step, user_id, consent)
        return Decision(decision.reply, (*decision.changes, *ending_with_answer(self.cookie, step.session)))

    def _deny(self, step: Step) -> Decision[str]:
        authority = self.authority
        now = authority.clock.now()
        return authorization.deny(step.pending, client=step.client, now=now, policy=authority.policy)

    async def _approve(self, step: Step, user_id: str, consent: Stored[Consent] | None) -> Decision[str]:
        authority = self.authority
        now, grant_id = authority.clock.now(), new_cookie_value(authority.entropy)
        decision = authorization.approve(
            step.pending,
            step.client,
            await authority.store.get(User, user_id),
            grant_id=grant_id,
            code=mint(CODE, authority.entropy.random_bytes(32)),
            now=now,
            policy=authority.policy,
        )
        return consents.with_consent(
            decision,
            step.pending.record,
            step.client.record,
            consent,
            user_id=user_id,
            grant_id=grant_id,
            now=now,
            policy=authority.policy,
        )

    def _page(self, step: Step, user_id: str, consent: Stored[Consent] | None) -> Response:
        client = step.client.record
        before = consents.allowed_before(consent.record if consent else None, client, now=self.authority.clock.now())
        return self.pages.render(
            "consent.html",
            client_name=client.client_name or "An MCP client",
            client_id=client.client_id,
            resource=step.pending.record.resource,
            door=door_name(step.pending.record.resource, self.authority.policy),
            new_scopes=[scope for scope in step.pending.record.scopes if scope not in before],
            known_scopes=[scope for scope in step.pending.record.scopes if scope in before],
            user_id=user_id,
            redirect_host=place_of(step.pending.record.redirect_uri),
            unverified=client.source == "dynamic",
            described_at=urlsplit(client.client_id).netloc if client.source == "metadata_document" else "",
            local_program=consents.is_on_this_device(step.pending.record.redirect_uri),
            request_id=step.pending.record.request_id,
            page_key=step.page_key,
            form_token=step.form_token,
        )
