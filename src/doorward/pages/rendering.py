"""Renders templates as responses, with the headers that every page carries.

The policy has no `form-action`: Chromium applies it to each redirect after a form is sent, so it would block the
redirect to the client after the code was issued. Everything else is forbidden: scripts, frames and foreign content.

Spec: CSP Level 3 s6; RFC 9700 s4.16.
"""

from __future__ import annotations

import functools
from importlib import resources
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

from doorward.oauth.policy import Policy
from doorward.paths import host_of, path_of

HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin-allow-popups",
}

PLACE_CHARS = 120
"""Longer app URLs are cut, so that they can't push the rest of a page out of view."""


@functools.lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("doorward.pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )


class Pages:
    """Renders pages for one issuer."""

    def __init__(self, issuer: str) -> None:
        self.host = host_of(issuer)
        self.prefix = path_of(issuer)

    def render(self, template: str, status: int = 200, **values: object) -> Response:
        """Return the page as a response; every value is escaped."""
        body = _environment().get_template(template).render(host=self.host, prefix=self.prefix, **values)
        return Response(body.encode(), status, HEADERS)

    def error(self, title: str, sentence: str, status: int, *, onwards: str = "") -> Response:
        """Return an error page, with a link to where the person may continue."""
        leads_to = place_of(onwards) if onwards else ""
        return self.render("error.html", status, title=title, sentence=sentence, onwards=onwards, leads_to=leads_to)


def place_of(redirect_uri: str) -> str:
    """Return the redirect target as shown to a person: the host, or the URL that opens an app."""
    parts = urlsplit(redirect_uri)
    if parts.scheme in {"http", "https"}:
        return parts.netloc
    address = redirect_uri.partition("?")[0]
    shown = address if len(address) <= PLACE_CHARS else f"{address[:PLACE_CHARS]}..."
    return f"{shown} (an app on this device)"


def door_name(resource_uri: str, policy: Policy) -> str:
    """Return a door's title or name for a page, or its URL if it is gone; empty if the only door has no title."""
    door = policy.resources.get(resource_uri)
    if door is None:
        return resource_uri
    return door.title or ("" if len(policy.resources) == 1 else door.name)


def installation_url(policy: Policy) -> str:
    """Return the URL for a page about all doors: the only door's, or the issuer."""
    return next(iter(policy.resources)) if len(policy.resources) == 1 else policy.issuer


@functools.lru_cache(maxsize=1)
def stylesheet() -> bytes:
    """Return the style sheet of all pages."""
    return (resources.files("doorward.pages") / "static" / "pages.css").read_bytes()
