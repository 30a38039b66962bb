"""Browser sessions: cookies, their records, and proof that a form came from our own page.

A flow is bound to the browser that started it. Otherwise an attacker's half-finished flow could be completed in a
victim's browser (CVE-2026-27124). A cookie's value is a 256-bit secret; only its digest is stored. The browser's cookie
is replaced at sign-in, so a value planted before is worthless afterwards. A flow's cookie is not replaced: it only says
where the flow started, so parallel tabs or a lost response don't break the flow.

Cookies ignore ports: a browser sends those of http://127.0.0.1:8000 to every other port of 127.0.0.1, such as a
client's loopback callback. Nor does the path of a cookie keep it from another program of the same origin. So if an
issuer shares its host with other ports or paths, a cookie alone authenticates nothing. A signed-in session then has two
halves: a cookie of its own, and a page key that appears only in our own URLs and forms. Both are created at each
sign-in, and a session for one authorization request ends with its response.

Spec: RFC 6265 s8.5
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starlette.requests import Request

from doorward import base64url
from doorward.clock import Entropy
from doorward.oauth.parameters import parse_form, parse_query
from doorward.oauth.uris import parse_http
from doorward.paths import origin_of, path_of
from doorward.records.accounts import BrowserSession
from doorward.records.changes import Change, Delete, Stored
from doorward.storage.port import Store

PAGE_KEY = "page_key"
"""The query parameter of our own URLs that carries the page key, the second half of a session."""
_JOINT = "."
_SLASH = "+"
"""Stands for a slash in the name of a cookie, which cannot hold one."""
_FLOW_CHARACTERS = 16
FLOWS_LIMIT = 20
"""Sign-ins that one browser may have in progress; more remove the oldest flows' cookies."""
ANONYMOUS_LIFETIME_SECONDS = 24 * 3600
SIGNED_IN_LIFETIME_SECONDS = 12 * 3600
EARLIER_LIMIT = 4
"""How many earlier cookies are remembered as the same browser's."""


@dataclass(frozen=True, slots=True)
class BrowserCookie:
    """The cookies that Doorward sets, with the strictest attributes that its public URL allows.

    One is the browser's own. Each pending authorization request has another one.
    """

    name: str
    secure: bool
    is_shared: bool
    """Programs on other ports or paths of the host get the cookies too, so a signed-in session needs a page key."""

    @classmethod
    def for_issuer(cls, issuer: str) -> BrowserCookie:
        """Name the cookies: `__Host-` needs https, which loopback lacks, and the path `/`.

        So the name tells the installations of one host apart. A path stands between two `+`, which no path contains,
        so no name is a prefix of another one.
        """
        parsed, path = parse_http(issuer), path_of(issuer)
        secure = parsed.scheme == "https"
        port, base = f"_{parsed.port}" if parsed.port else "", f"{path.replace('/', _SLASH)}{_SLASH}" if path else ""
        name = ("__Host-doorward" if secure else "doorward") + port + base
        return cls(name, secure, is_shared=not secure or parsed.port is not None or bool(path))

    def presented(self, cookies: Mapping[str, str], page_key: str) -> str:
        """Return the secret in a request: the browser's cookie, or both halves of a session."""
        if self.is_shared and page_key:
            half = cookies.get(self.flow_name(page_key), "")
            return f"{half}{_JOINT}{page_key}" if half else ""
        value = cookies.get(self.name, "")
        return "" if _JOINT in value else value

    def sign_in_header(self, value: str) -> str:
        """Return the `Set-Cookie` value for a new session."""
        half, _, page_key = value.partition(_JOINT)
        return f"{self.flow_name(page_key)}={half}{self._attributes}" if page_key else self.header(value)

    def ended_header(self, value: str) -> str:
        """Return the `Set-Cookie` value that deletes the cookie of an ended session."""
        page_key = page_key_in(value)
        return f"{self.flow_name(page_key) if page_key else self.name}=; Max-Age=0{self._attributes}"

    def header(self, value: str) -> str:
        """Return the `Set-Cookie` value."""
        return f"{self.name}={value}{self._attributes}"

    def flow_name(self, request_id: str) -> str:
        """Return the name of the cookie for one authorization request."""
        return f"{self.name}-{request_id[:_FLOW_CHARACTERS]}"

    def flow_header(self, request_id: str, value: str, seconds: int) -> str:
        """Return the `Set-Cookie` value that binds a request to this browser."""
        return f"{self.flow_name(request_id)}={value}; Max-Age={seconds}{self._attributes}"

    def surplus(self, names: Iterable[str]) -> list[str]:
        """Return the `Set-Cookie` values that make room for one more request; browsers send the oldest first."""
        flows = [name for name in names if name.startswith(f"{self.name}-")]
        return [f"{name}=; Max-Age=0{self._attributes}" for name in flows[: max(0, len(flows) - FLOWS_LIMIT + 1)]]

    @property
    def _attributes(self) -> str:
        return "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if self.secure else "")


def new_session_value(cookie: BrowserCookie, entropy: Entropy) -> str:
    """Return the secret of a new session: a fresh cookie and, if other ports see cookies, a page key."""
    value = new_cookie_value(entropy)
    return f"{value}{_JOINT}{new_cookie_value(entropy)}" if cookie.is_shared else value


def page_key_in(value: str) -> str:
    """Return the part of a session's secret that our URLs carry; empty if the cookie is enough."""
    return value.partition(_JOINT)[2]


async def page_key_of(request: Request) -> str:
    """Return the page key of a request, from its URL or from the token of one of our forms."""
    if request.method == "POST":
        return page_key_in_form_token(parse_form(await request.body()).get("form_token", ""))
    return parse_query(request.scope["query_string"]).get(PAGE_KEY, "")


def page_key_in_form_token(token: str) -> str:
    """Return the page key in the hidden value of a form."""
    return token.rpartition(_JOINT)[0]


async def current_session(
    store: Store, cookie: BrowserCookie, request: Request, now: int, *, page_key: str | None = None
) -> tuple[str, Stored[BrowserSession] | None]:
    """Return the secret in a request, and the live session that it opens.

    If other ports see cookies, a cookie alone never opens a signed-in session.
    """
    key = await page_key_of(request) if page_key is None else page_key
    value = cookie.presented(request.cookies, key)
    session = await store.get(BrowserSession, cookie_digest(value)) if value else None
    if session is None or (session.record.expires_at or 0) <= now:
        return value, None
    if cookie.is_shared and session.record.user_id is not None and not page_key_in(value):
        return value, None
    return value, session


def ending_with_answer(cookie: BrowserCookie, session: Stored[BrowserSession] | None) -> tuple[Change, ...]:
    """Return the change that ends a session together with the only request that it was created for."""
    if session is None or not cookie.is_shared:
        return ()
    return (Delete(BrowserSession, session.record.cookie_digest, session.version),)


def new_cookie_value(entropy: Entropy) -> str:
    """Return a fresh secret for a browser."""
    return base64url.encode(entropy.random_bytes(32))


def cookie_digest(value: str) -> str:
    """Return the stored form of a cookie."""
    return hashlib.sha256(b"doorward browser " + value.encode()).hexdigest()


def anonymous_session(value: str, now: int) -> BrowserSession:
    """Return the record of a browser without a signed-in user."""
    return BrowserSession(
        cookie_digest=cookie_digest(value), created_at=now, expires_at=now + ANONYMOUS_LIFETIME_SECONDS
    )


def signed_in_session(value: str, user_id: str, now: int, *, before: BrowserSession | None) -> BrowserSession:
    """Return the record of a browser in which `user_id` just signed in; `before` is its previous record.

    Requests that another user started in it are not carried over.
    """
    earlier = () if before is None or before.user_id not in (None, user_id) else _digests(before)
    return BrowserSession(
        cookie_digest=cookie_digest(value),
        user_id=user_id,
        created_at=now,
        signed_in_at=now,
        expires_at=now + SIGNED_IN_LIFETIME_SECONDS,
        earlier_digests=earlier[:EARLIER_LIMIT],
    )


def _digests(session: BrowserSession) -> tuple[str, ...]:
    return (session.cookie_digest, *session.earlier_digests)


def form_token(cookie_value: str, request_id: str) -> str:
    """Return the hidden value that binds a form to this browser and this request; it includes the page key."""
    tied = hmac.new(cookie_value.encode(), b"form " + request_id.encode(), hashlib.sha256).hexdigest()
    page_key = page_key_in(cookie_value)
    return f"{page_key}{_JOINT}{tied}" if page_key else tied


def came_from_our_page(
    headers: Mapping[str, str], *, issuer: str, cookie_value: str, request_id: str, presented: str | None
) -> bool:
    """Return whether one of our forms sent a POST in this browser.

    `Sec-Fetch-Site` decides if it is sent: pages with `Referrer-Policy: no-referrer` make a browser send `Origin: null`
    even for its own forms. The hidden token is always required.
    """
    expected = form_token(cookie_value, request_id)
    is_ours = presented is not None and hmac.compare_digest(expected.encode(), presented.encode())
    return is_ours and came_from_our_site(headers, issuer=issuer)


def came_from_our_site(headers: Mapping[str, str], *, issuer: str) -> bool:
    """Return whether the browser reports no other site as the sender of a POST. Alone this proves little."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site == "same-origin"
    return origin is None or origin == origin_of(issuer)


def is_own_start(headers: Mapping[str, str]) -> bool:
    """Return whether the person started a request, by typing its address or from a local program.

    No page of ours links to the start of a request, so `same-origin` means a planted redirect. A browser that sends no
    header counts as another site, and so does prefetching.

    Spec: Fetch Metadata Request Headers s2.3
    """
    return headers.get("sec-fetch-site") == "none" and "prefetch" not in headers.get("sec-purpose", "")


def is_own_step(headers: Mapping[str, str]) -> bool:
    """Return whether the person reached a later step from their own start or from one of our forms."""
    return headers.get("sec-fetch-site") == "same-origin" or is_own_start(headers)
