"""The routes of all pages for people, and of the JSON form of the connections page."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from doorward.authority.authority import Authority
from doorward.edge.frame import Handler, guarded
from doorward.edge.limits import RequestLimits
from doorward.edge.router import Route, reading, static
from doorward.pages.connections import ConnectionsPage
from doorward.pages.consent import ConsentPage
from doorward.pages.device import DevicePage
from doorward.pages.rendering import Pages, stylesheet
from doorward.pages.sign_in import SignInPage
from doorward.paths import CONNECTIONS, CONNECTIONS_API, CONSENT, DEVICE, SIGN_IN, STYLESHEET


def routes(authority: Authority, pages: Pages, limits: RequestLimits) -> Iterator[Route]:
    """Yield the routes."""
    framed = partial(guarded, render_error=pages.error)

    def form(path: str, show: Handler, submit: Handler) -> Route:
        return Route(path, {"GET": framed(show), "POST": framed(submit)})

    sign_in, consent = SignInPage(authority, pages, limits.address), ConsentPage(authority, pages)
    connections = ConnectionsPage(authority, pages)
    yield form(SIGN_IN, sign_in.show, limits.signing_in(sign_in.submit))
    yield form(CONSENT, consent.show, consent.submit)
    yield form(CONNECTIONS, connections.show, connections.submit)
    if authority.policy.device_grant:
        device = DevicePage(authority, pages)
        yield form(DEVICE, device.show, limits.signing_in(device.submit))
    listed = {**reading(guarded(connections.list_as_json)), "DELETE": guarded(connections.disconnect_as_json)}
    yield Route(CONNECTIONS_API, listed)
    yield Route(STYLESHEET, reading(static(stylesheet(), "text/css; charset=utf-8")))
