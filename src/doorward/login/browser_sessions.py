"""Which browser is asking: cookies, the records behind them, and proof that a form came from our own page.

A flow is bound to the browser that began it: without that, a stranger's half-finished flow could be completed in
somebody else's browser (CVE-2026-27124). A cookie's value is a secret of 256 bits; only its digest is stored. The
browser's is replaced at sign-in, so a value planted before sign-in is worthless after it. That of a flow is not, and
says no more than where the flow was begun: what several tabs do at once, or an answer that is lost, does not end it.

Cookies have no port: a browser hands those of http://127.0.0.1:8000 to whatever listens on another port of 127.0.0.1,
the loopback callback of a client first of all. So where an issuer shares its host with other ports, a cookie alone
opens nothing. There a signed-in session has two halves: a cookie of its own, and a page key that is only in addresses
and forms of ours. Both are made at each sign-in, and a session that was made for one authorization request ends with
its answer.

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
from doorward.records.accounts import BrowserSession
from doorward.records.changes import Change, Delete, Stored
from doorward.storage.port import Store

PAGE_KEY = "page_key"
"""The parameter of our own addresses that carries the second half of a session."""
_JOINT = "."
_FLOW_CHARACTERS = 16
FLOWS_LIMIT = 20
"""Sign-ins that one browser may have under way; beyond, the cookies of the oldest go."""
ANONYMOUS_LIFETIME_SECONDS = 24 * 3600
SIGNED_IN_LIFETIME_SECONDS = 12 * 3600
EARLIER_LIMIT = 4
"""So many cookies of before are known to be of the same browser."""


@dataclass(frozen=True, slots=True)
class BrowserCookie:
    """The cookies that Doorward sets, with the strictest attributes that its public address allows.

    One is the browser's own. Each authorization request has a further one, for as long as it may be answered.
    """

    name: str
    secure: bool
    is_shared: bool
    """Programs at other ports of the host get the cookies as well, so a signed-in session takes a page key too."""

    @classmethod
    def for_issuer(cls, issuer: str) -> BrowserCookie:
        """`__Host-` demands https, which a loopback address does not have. Doors of one host have their own names."""
        parsed = parse_http(issuer)
        secure = parsed.scheme == "https"
        name = ("__Host-doorward" if secure else "doorward") + (f"_{parsed.port}" if parsed.port else "")
        return cls(name, secure, is_shared=not secure or parsed.port is not None)

    def presented(self, cookies: Mapping[str, str], page_key: str) -> str:
        """Return the secret that a request brings: the browser's cookie, or both halves of a session."""
        if self.is_shared and page_key:
            half = cookies.get(self.flow_name(page_key), "")
            return f"{half}{_JOINT}{page_key}" if half else ""
        value = cookies.get(self.name, "")
        return "" if _JOINT in value else value

    def sign_in_header(self, value: str) -> str:
        """Return the `Set-Cookie` value for a session that has just been made."""
        half, _, page_key = value.partition(_JOINT)
        return f"{self.flow_name(page_key)}={half}{self._attributes}" if page_key else self.header(value)

    def ended_header(self, value: str) -> str:
        """Return the `Set-Cookie` value that takes the cookie of an ended session away."""
        page_key = page_key_in(value)
        return f"{self.flow_name(page_key) if page_key else self.name}=; Max-Age=0{self._attributes}"

    def header(self, value: str) -> str:
        """Return the `Set-Cookie` value."""
        return f"{self.name}={value}{self._attributes}"

    def flow_name(self, request_id: str) -> str:
        """Return the name of the cookie that is for one authorization request alone."""
        return f"{self.name}-{request_id[:_FLOW_CHARACTERS]}"

    def flow_header(self, request_id: str, value: str, seconds: int) -> str:
        """Return the `Set-Cookie` value that ties a request to this browser."""
        return f"{self.flow_name(request_id)}={value}; Max-Age={seconds}{self._attributes}"

    def surplus(self, names: Iterable[str]) -> list[str]:
        """Return the `Set-Cookie` values that make room for one more request; browsers send the oldest first."""
        flows = [name for name in names if name.startswith(f"{self.name}-")]
        return [f"{name}=; Max-Age=0{self._attributes}" for name in flows[: max(0, len(flows) - FLOWS_LIMIT + 1)]]

    @property
    def _attributes(self) -> str:
        return "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if self.secure else "")


def new_session_value(cookie: BrowserCookie, entropy: Entropy) -> str:
    """Return the secret of a session that begins now: a fresh cookie and, where others see cookies, a page key."""
    value = new_cookie_value(entropy)
    return f"{value}{_JOINT}{new_cookie_value(entropy)}" if cookie.is_shared else value


def page_key_in(value: str) -> str:
    """Return the half of a session's secret that our own addresses carry; empty where the cookie is enough."""
    return value.partition(_JOINT)[2]


async def page_key_of(request: Request) -> str:
    """Return the page key that a request brings, in its address or in the token of one of our forms."""
    if request.method == "POST":
        return page_key_in_form_token(parse_form(await request.body()).get("form_token", ""))
    return parse_query(request.scope["query_string"]).get(PAGE_KEY, "")


def page_key_in_form_token(token: str) -> str:
    """Return the page key that the hidden value of a form brings along."""
    return token.rpartition(_JOINT)[0]


async def current_session(
    store: Store, cookie: BrowserCookie, request: Request, now: int, *, page_key: str | None = None
) -> tuple[str, Stored[BrowserSession] | None]:
    """Return the secret that a request brings, and the live session that it opens.

    Where others see cookies, a cookie alone opens no session that somebody has signed in to.
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
    """Return the change by which a session ends with the one request that it was made for."""
    if session is None or not cookie.is_shared:
        return ()
    return (Delete(BrowserSession, session.record.cookie_digest, session.version),)


def new_cookie_value(entropy: Entropy) -> str:
    """Return a fresh secret for a browser."""
    return base64url.encode(entropy.random_bytes(32))


def cookie_digest(value: str) -> str:
    """Return what is stored of a cookie."""
    return hashlib.sha256(b"doorward browser " + value.encode()).hexdigest()


def anonymous_session(value: str, now: int) -> BrowserSession:
    """Return the record of a browser that nobody has signed in with."""
    return BrowserSession(
        cookie_digest=cookie_digest(value), created_at=now, expires_at=now + ANONYMOUS_LIFETIME_SECONDS
    )


def signed_in_session(value: str, user_id: str, now: int, *, before: BrowserSession | None) -> BrowserSession:
    """Return the record of a browser in which `user_id` has just signed in; `before`: what it was until then.

    What another person has begun in it is not taken along.
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
    """Return the hidden value that ties a form to this browser and this request; it brings the page key along."""
    tied = hmac.new(cookie_value.encode(), b"form " + request_id.encode(), hashlib.sha256).hexdigest()
    page_key = page_key_in(cookie_value)
    return f"{page_key}{_JOINT}{tied}" if page_key else tied


def came_from_our_page(
    headers: Mapping[str, str], *, issuer: str, cookie_value: str, request_id: str, presented: str | None
) -> bool:
    """Return whether a POST was sent by a form of ours in this browser.

    `Sec-Fetch-Site` decides where it is sent: pages with `Referrer-Policy: no-referrer` make a browser send
    `Origin: null` even for its own forms. The hidden token is demanded in every case.
    """
    expected = form_token(cookie_value, request_id)
    is_ours = presented is not None and hmac.compare_digest(expected.encode(), presented.encode())
    return is_ours and came_from_our_site(headers, issuer=issuer)


def came_from_our_site(headers: Mapping[str, str], *, issuer: str) -> bool:
    """Return whether no page of another site sent a POST, as far as the browser says. Alone it proves little."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site == "same-origin"
    return origin is None or issuer_has_origin(issuer, origin)


def is_own_start(headers: Mapping[str, str]) -> bool:
    """Return whether the person began a request: typed its address, or a program of theirs opened it.

    No page of ours leads to the start of a request, so `same-origin` is a redirect that somebody laid. A browser that
    does not say counts as sent by another site, and so does one that loads ahead of the person.

    Spec: Fetch Metadata Request Headers s2.3
    """
    return headers.get("sec-fetch-site") == "none" and "prefetch" not in headers.get("sec-purpose", "")


def is_own_step(headers: Mapping[str, str]) -> bool:
    """Return whether the person is at a later step because of how they began, or of a form of ours."""
    return headers.get("sec-fetch-site") == "same-origin" or is_own_start(headers)


def issuer_has_origin(issuer: str, origin: str) -> bool:
    """Return whether `origin` is that of the issuer, whose path (if any) does not count."""
    scheme, _, rest = issuer.partition("://")
    return f"{scheme}://{rest.split('/', 1)[0]}" == origin
