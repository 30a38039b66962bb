"""`/authorize`: check and store a request, and send the browser to the next step.

Every step of a sign-in returns here with `continue=ID`. The stored request alone determines what comes next, so a
restart in between loses nothing. Until client and redirect URI are verified, an error is a page of ours and never a
redirect. If the redirect URI is not trusted yet, the page has a link.

Spec: RFC 6749 s4.1.1, s4.1.2.1; RFC 7636 s4.3; RFC 8707 s2; RFC 9207 s2; RFC 9700 s4.1, s4.11.2.
"""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from doorward.authority.authority import Authority
from doorward.edge.frame import NO_STORE
from doorward.errors import Conflict
from doorward.login.browser_sessions import (
    PAGE_KEY,
    BrowserCookie,
    anonymous_session,
    cookie_digest,
    current_session,
    is_own_start,
    new_cookie_value,
    page_key_in,
)
from doorward.oauth.authorization import request as authorization
from doorward.oauth.authorization.error_redirects import is_silent, may_go_unasked
from doorward.oauth.authorization.pushed_request import pushed_parameters, pushed_reference, require_pushed
from doorward.oauth.errors import LocalAuthorizationError, Reason, RedirectAuthorizationError
from doorward.oauth.parameters import Parameters, parse_query
from doorward.oauth.tokens.opaque import digest
from doorward.paths import CONSENT, SIGN_IN
from doorward.records.accounts import BrowserSession
from doorward.records.changes import Change, Insert, Stored
from doorward.records.oauth import AuthorizationRequest, PushedRequest

CONTINUE = "continue"
STEPS = {"sign_in": SIGN_IN, "consent": CONSENT}
ENDED = {
    "finished": (
        "This sign-in was already answered. If your MCP client is not connected, start again from there.",
        Reason.REQUEST_FINISHED,
    ),
    "expired": (
        "This sign-in took longer than ten minutes. Start again from your MCP client.",
        Reason.REQUEST_EXPIRED,
    ),
    "other_browser": (
        "This sign-in was started in another browser. Go on there, or start again from your MCP client.",
        Reason.OTHER_BROWSER,
    ),
}
"""What the person reads when no step is left, by the result of `next_step`."""


class AuthorizeEndpoint:
    """Serves `/authorize` for one authorization server."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.cookie = BrowserCookie.for_issuer(authority.policy.issuer)

    async def __call__(self, request: Request) -> Response:
        """Start a request, or continue the one named by `continue`."""
        parameters = parse_query(request.scope["query_string"])
        if CONTINUE in parameters:
            return await self._resume(request, parameters[CONTINUE])
        return await self._start(request, parameters)

    async def _start(self, request: Request, query: Parameters) -> Response:
        authority = self.authority
        now = authority.clock.now()
        parameters, using = await self._parameters(query, now)
        client_id = parameters.get("client_id")
        client = await authority.client(client_id) if client_id else None
        redirect_uri = authorization.trusted_client_target(
            parameters, client.record if client else None, now=now, policy=authority.policy
        )
        assert client is not None
        cookie_value, session = await self._browser(request, now)
        try:
            require_pushed(parameters, was_pushed=bool(using), redirect_uri=redirect_uri, policy=authority.policy)
            pending = authorization.validate(
                parameters,
                client.record,
                redirect_uri=redirect_uri,
                request_id=new_cookie_value(authority.entropy),
                browser_digest=cookie_digest(cookie_value),
                now=now,
                policy=authority.policy,
            )
        except RedirectAuthorizationError as error:
            silent = is_silent(parameters.get("prompt", ""), request.headers.get("sec-fetch-dest"), redirect_uri)
            error.is_automatic = silent or may_go_unasked(client.record, redirect_uri)
            raise
        # A client can also insist on the question; then it does not matter who opened the page.
        if is_own_start(request.headers) and "consent" not in parameters.get("prompt", "").split(" "):
            pending = msgspec.structs.replace(pending, is_own_navigation=True)
        flow = new_cookie_value(authority.entropy)
        pending = msgspec.structs.replace(
            pending, flow_digest=cookie_digest(flow), user_id=session.record.user_id if session else None
        )
        browser = session.record if session else anonymous_session(cookie_value, now)
        changes: list[Change] = [*using, Insert(pending)]
        if session is None:
            changes.append(Insert(browser))
        try:
            await authority.store.apply(changes)
        except Conflict:  # the same reference was used at the same moment, and the other one has won
            pushed_parameters(None, query, now=now)
            raise
        response = self._next(pending, browser, now)
        if session is None:
            response.headers.append("set-cookie", self.cookie.header(cookie_value))
        for header in self.cookie.surplus(request.cookies):
            response.headers.append("set-cookie", header)
        seconds = authority.policy.authorization_request_seconds
        response.headers.append("set-cookie", self.cookie.flow_header(pending.request_id, flow, seconds))
        return response

    async def _parameters(self, query: Parameters, now: int) -> tuple[Parameters, tuple[Change, ...]]:
        """Return the parameters of a new request, and the change that consumes them if they were pushed."""
        reference = pushed_reference(query)
        if reference is None:
            return query, ()
        pushed = await self.authority.store.get(PushedRequest, digest(reference))
        parameters, using = pushed_parameters(pushed, query, now=now)
        return parameters, (using,)

    async def _resume(self, request: Request, request_id: str) -> Response:
        now = self.authority.clock.now()
        pending = await self.authority.store.get(AuthorizationRequest, request_id)
        if pending is None:
            raise LocalAuthorizationError(
                "This sign-in is unknown or too old. Start again from your MCP client.", Reason.UNKNOWN_REQUEST
            )
        value, session = await current_session(self.authority.store, self.cookie, request, now)
        flow = request.cookies.get(self.cookie.flow_name(request_id), "")
        record = session.record if session else None
        return self._next(pending.record, record, now, cookie_digest(flow), page_key_in(value))

    async def _browser(self, request: Request, now: int) -> tuple[str, Stored[BrowserSession] | None]:
        """Return this browser's cookie value and live session; a new value if it has none."""
        # The client built this URL, so ignore a page key in it.
        value, session = await current_session(self.authority.store, self.cookie, request, now, page_key="")
        return (value if session else new_cookie_value(self.authority.entropy)), session

    def _next(
        self,
        pending: AuthorizationRequest,
        session: BrowserSession | None,
        now: int,
        flow_digest: str = "",
        page_key: str = "",
    ) -> Response:
        step = authorization.next_step(pending, session, now=now, flow_digest=flow_digest)
        if step not in STEPS:
            raise LocalAuthorizationError(*ENDED[step])
        query = urlencode({"request": pending.request_id} | ({PAGE_KEY: page_key} if page_key else {}))
        return RedirectResponse(self.authority.policy.url_of(f"{STEPS[step]}?{query}"), 303, NO_STORE)
