"""Pages outside of OAuth requests: who views them, and how that person signs in.

Such a sign-in can lead only to these pages, so no link to it can send a person to another site.
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
    current_session,
    form_token,
    page_key_in,
)
from doorward.oauth.errors import LocalAuthorizationError, Reason
from doorward.pages.steps import NO_STORE
from doorward.paths import CONNECTIONS, DEVICE, SIGN_IN
from doorward.records.accounts import BrowserSession, User
from doorward.records.changes import Stored

OWN_PAGES = frozenset({CONNECTIONS, DEVICE})
"""The pages to which a sign-in outside of an OAuth request may lead."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person who is signed in with this browser."""

    cookie_value: str
    session: Stored[BrowserSession]
    user: User

    @property
    def page_key(self) -> str:
        """The page key in the URLs of our pages for this person."""
        return page_key_in(self.cookie_value)

    def form_token(self, page: str) -> str:
        """Return the hidden value for the forms of a page."""
        return form_token(self.cookie_value, page)


async def visitor_of(authority: Authority, cookie: BrowserCookie, request: Request) -> Visitor | None:
    """Return the signed-in person; None if there is none, or the account has ended."""
    value, session = await current_session(authority.store, cookie, request, authority.clock.now())
    if session is None:
        return None
    user = await authority.store.get(User, session.record.user_id) if session.record.user_id else None
    if user is None or user.record.disabled_at is not None:
        return None
    return Visitor(value, session, user.record)


def address_of(authority: Authority, page: str, page_key: str = "") -> str:
    """Return the URL of one of our pages. All links between them are built here, because they carry the page key."""
    query = f"?{urlencode({PAGE_KEY: page_key})}" if page_key else ""
    return authority.policy.url_of(f"{page}{query}")


def to_sign_in(authority: Authority, page: str) -> Response:
    """Redirect a browser to sign in, and then back to the page."""
    return RedirectResponse(authority.policy.url_of(f"{SIGN_IN}?{urlencode({'next': page})}"), 303, NO_STORE)


def require_own_form(
    authority: Authority, request: Request, page: str, cookie_value: str, presented: str | None
) -> None:
    """Refuse a POST that did not come from a form of this page in this browser.

    Raises:
        LocalAuthorizationError: it came from elsewhere.
    """
    if not cookie_value or not came_from_our_page(
        request.headers,
        issuer=authority.policy.issuer,
        cookie_value=cookie_value,
        request_id=page,
        presented=presented,
    ):
        error = LocalAuthorizationError(
            "This form was not sent from this page. Nothing was changed.", Reason.FOREIGN_FORM
        )
        error.status = 403
        raise error
