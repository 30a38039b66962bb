"""Shared by the sign-in and consent pages: the pending request, its browser, and the way back to `/authorize`.

A page never links to another page. It returns to `/authorize`, which reads the stored request and decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from doorward.authority.authority import Authority
from doorward.login.browser_sessions import (
    PAGE_KEY,
    BrowserCookie,
    came_from_our_page,
    cookie_digest,
    current_session,
    form_token,
    page_key_in,
)
from doorward.oauth.authorization.request import is_of_browser
from doorward.oauth.errors import LocalAuthorizationError, Reason
from doorward.paths import AUTHORIZE_PATH
from doorward.records.accounts import BrowserSession
from doorward.records.changes import Stored
from doorward.records.oauth import AuthorizationRequest, Client

NO_STORE = {"cache-control": "no-store", "referrer-policy": "no-referrer"}


@dataclass(frozen=True, slots=True)
class Step:
    """A pending request as this browser may see it."""

    cookie_value: str
    """The secret that its forms are bound to: the request's own cookie, or the browser's."""
    session: Stored[BrowserSession] | None
    pending: Stored[AuthorizationRequest]
    client: Stored[Client]

    @property
    def user_id(self) -> str | None:
        """The user who is signed in with this browser."""
        return None if self.session is None else self.session.record.user_id

    @property
    def page_key(self) -> str:
        """The page key in our URLs for this browser's session."""
        return page_key_in(self.cookie_value)

    @property
    def form_subject(self) -> str:
        """The subject of this step's forms: this request, as this person."""
        return f"{self.pending.record.request_id} {self.user_id or ''}"

    @property
    def form_token(self) -> str:
        """The hidden value for a form of this step."""
        return form_token(self.cookie_value, self.form_subject)


async def load_step(authority: Authority, cookie: BrowserCookie, request: Request, request_id: str | None) -> Step:
    """Load the request that the query or form names, if this browser started it.

    Raises:
        LocalAuthorizationError: it is unknown, expired, answered, or was started in another browser.
    """
    now = authority.clock.now()
    store = authority.store
    pending = await store.get(AuthorizationRequest, request_id) if request_id else None
    if pending is None or (pending.record.expires_at or 0) <= now:
        raise LocalAuthorizationError(
            "This sign-in is unknown or too old. Start again from your MCP client.", Reason.UNKNOWN_REQUEST
        )
    value, session = await current_session(store, cookie, request, now)
    flow = request.cookies.get(cookie.flow_name(pending.record.request_id), "")
    flow_digest = cookie_digest(flow)
    if not is_of_browser(pending.record, session.record if session else None, now=now, flow_digest=flow_digest):
        raise LocalAuthorizationError(
            "This sign-in was started in another browser. Go on there, or start again from your MCP client.",
            Reason.OTHER_BROWSER,
        )
    if pending.record.finished_at is not None:
        raise LocalAuthorizationError("This sign-in was already answered.", Reason.REQUEST_FINISHED)
    client = await store.get(Client, pending.record.client_id)
    if client is None:
        raise LocalAuthorizationError(
            "The client of this sign-in was removed. Connect again from your MCP client.", Reason.UNKNOWN_CLIENT
        )
    by_flow = flow_digest == pending.record.flow_digest and not (session and page_key_in(value))
    return Step(flow if by_flow else value, session, pending, client)


def require_our_form(authority: Authority, request: Request, step: Step, presented: str | None) -> None:
    """Refuse a POST that did not come from one of our forms in this browser.

    Raises:
        LocalAuthorizationError: it came from elsewhere.
    """
    if not came_from_our_page(
        request.headers,
        issuer=authority.policy.issuer,
        cookie_value=step.cookie_value,
        request_id=step.form_subject,
        presented=presented,
    ):
        error = LocalAuthorizationError(
            "This form was not sent from this page. Nothing was allowed.", Reason.FOREIGN_FORM
        )
        error.status = 403
        raise error


def back_to_authorize(authority: Authority, request_id: str, page_key: str = "") -> Response:
    """Redirect to the endpoint that decides what is next."""
    query = urlencode({"continue": request_id} | ({PAGE_KEY: page_key} if page_key else {}))
    return RedirectResponse(authority.policy.url_of(f"{AUTHORIZE_PATH}?{query}"), 303, NO_STORE)
