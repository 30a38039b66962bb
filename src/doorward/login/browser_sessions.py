"""Which browser is asking: cookies, the records behind them, and proof that a form came from our own page.

A flow is bound to the browser that began it: without that, a stranger's half-finished flow could be completed in
somebody else's browser (CVE-2026-27124). A cookie's value is a secret of 256 bits; only its digest is stored. The
browser's is replaced at sign-in, so a value planted before sign-in is worthless after it. That of a flow is not, and
says no more than where the flow was begun: what several tabs do at once, or an answer that is lost, does not end it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from doorward.clock import Entropy
from doorward.oauth.records import BrowserSession

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

    @classmethod
    def for_issuer(cls, issuer: str) -> BrowserCookie:
        """`__Host-` demands https, which a loopback address does not have."""
        secure = issuer.startswith("https://")
        return cls("__Host-doorward" if secure else "doorward", secure)

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


def new_cookie_value(entropy: Entropy) -> str:
    """Return a fresh secret for a browser."""
    return base64.urlsafe_b64encode(entropy.random_bytes(32)).rstrip(b"=").decode()


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
    """Return the hidden value that ties a form to this browser and this request."""
    return hmac.new(cookie_value.encode(), b"form " + request_id.encode(), hashlib.sha256).hexdigest()


def came_from_our_page(
    headers: Mapping[str, str], *, issuer: str, cookie_value: str, request_id: str, presented: str | None
) -> bool:
    """Tell whether a POST was sent by a form of ours in this browser.

    `Sec-Fetch-Site` decides where it is sent: pages with `Referrer-Policy: no-referrer` make a browser send
    `Origin: null` even for its own forms. The hidden token is demanded in every case.
    """
    expected = form_token(cookie_value, request_id)
    is_ours = presented is not None and hmac.compare_digest(expected.encode(), presented.encode())
    return is_ours and came_from_our_site(headers, issuer=issuer)


def came_from_our_site(headers: Mapping[str, str], *, issuer: str) -> bool:
    """Tell whether no page of another site sent a POST, as far as the browser says. Alone it proves little."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site == "same-origin"
    return origin is None or issuer_has_origin(issuer, origin)


def is_own_start(headers: Mapping[str, str]) -> bool:
    """Tell whether the person began a request: typed its address, or a program of theirs opened it.

    No page of ours leads to the start of a request, so `same-origin` is a redirect that somebody laid. A browser that
    does not say counts as sent by another site, and so does one that loads ahead of the person.

    Spec: Fetch Metadata Request Headers s2.3
    """
    return headers.get("sec-fetch-site") == "none" and "prefetch" not in headers.get("sec-purpose", "")


def is_own_step(headers: Mapping[str, str]) -> bool:
    """Tell whether the person is at a later step because of how they began, or of a form of ours."""
    return headers.get("sec-fetch-site") == "same-origin" or is_own_start(headers)


def issuer_has_origin(issuer: str, origin: str) -> bool:
    """Tell whether `origin` is that of the issuer, whose path (if any) does not count."""
    scheme, _, rest = issuer.partition("://")
    return f"{scheme}://{rest.split('/', 1)[0]}" == origin
