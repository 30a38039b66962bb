"""The table of everything that a door serves besides MCP: which handler is at which path, and behind which limits.

Only what is configured is in it, so what is switched off does not exist. No decisions here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from doorward.authority.authority import Authority
from doorward.clock import Clock
from doorward.config.model import Config
from doorward.edge.client_address import ClientAddresses
from doorward.edge.frame import Handler, guarded
from doorward.edge.limits import RequestLimits
from doorward.edge.router import Router, reading, static
from doorward.endpoints.arrival import PATH as ARRIVAL
from doorward.endpoints.arrival import Arrival
from doorward.endpoints.authorize import AuthorizeEndpoint
from doorward.endpoints.device_authorization import DeviceAuthorizationEndpoint
from doorward.endpoints.introspect import IntrospectEndpoint
from doorward.endpoints.jwks import JwkSet
from doorward.endpoints.par import PushEndpoint
from doorward.endpoints.probes import Readiness, live
from doorward.endpoints.register import RegisterEndpoint
from doorward.endpoints.registration_management import management_routes
from doorward.endpoints.revoke import RevokeEndpoint
from doorward.endpoints.token import TokenEndpoint
from doorward.endpoints.well_known import documents
from doorward.hooks import Hooks
from doorward.keys.ring import Keys
from doorward.oauth.grant_types import DEVICE_AUTHORIZATION_PATH
from doorward.oauth.metadata import JWKS_PATH
from doorward.pages.connections import ConnectionsPage
from doorward.pages.consent import ConsentPage
from doorward.pages.device import DevicePage
from doorward.pages.own_pages import DEVICE
from doorward.pages.rendering import Pages, stylesheet
from doorward.pages.sign_in import SignInPage
from doorward.upstreams.port import ASGIApp


def arrival_for(config: Config, keys: Keys, clock: Clock) -> Arrival:
    """Return what tells this installation how its own requests arrive."""
    return Arrival(keys.sealer("arrival"), clock, ClientAddresses(config.trusted_proxies).trusts)


def router_for(authority: Authority, config: Config, keys: Keys, hooks: Hooks) -> Router:
    """Return the table of everything but the door; without OAuth there is nothing to sign in to."""
    routes: dict[str, Mapping[str, ASGIApp]] = {
        "/livez": reading(guarded(live)),
        "/readyz": reading(guarded(Readiness(authority.store))),
        JWKS_PATH: reading(guarded(JwkSet(keys), cors=True)),
        ARRIVAL: reading(guarded(arrival_for(config, keys, authority.clock))),
    }
    if config.auth != "oauth":
        return Router(routes, open_to_browsers=frozenset())
    pages = Pages(authority.policy.issuer)
    limits = RequestLimits(config, authority.clock, ClientAddresses(config.trusted_proxies).of_scope)
    open_routes: dict[str, Mapping[str, ASGIApp]] = {
        path: reading(app) for path, app in documents(authority.policy).items()
    }
    told = partial(guarded, hooks=hooks)
    open_routes |= {
        "/token": {"POST": told(limits.redeeming(TokenEndpoint(authority, hooks)), cors=True)},
        "/revoke": {"POST": told(limits.redeeming(RevokeEndpoint(authority)), cors=True)},
        "/introspect": {"POST": told(limits.redeeming(IntrospectEndpoint(authority)), cors=True)},
        "/par": {"POST": told(limits.pushing(PushEndpoint(authority)), cors=True)},
    }
    if authority.policy.device_grant:
        begin = told(limits.device(DeviceAuthorizationEndpoint(authority)), cors=True)
        open_routes[DEVICE_AUTHORIZATION_PATH] = {"POST": begin}
    if authority.policy.registration != "off":
        open_routes["/register"] = {"POST": told(limits.registering(RegisterEndpoint(authority, hooks)), cors=True)}
    routes |= open_routes
    routes |= {"/authorize": {"GET": told(limits.authorizing(AuthorizeEndpoint(authority)), render_error=pages.error)}}
    routes |= _page_routes(authority, pages, limits)
    management = management_routes(authority, limits, hooks)
    return Router(routes, open_to_browsers=frozenset(open_routes), prefixes=management)


def _page_routes(authority: Authority, pages: Pages, limits: RequestLimits) -> dict[str, Mapping[str, ASGIApp]]:
    """Return the routes of what a person sees."""
    sign_in = SignInPage(authority, pages, limits.address)
    consent = ConsentPage(authority, pages)
    connections = ConnectionsPage(authority, pages)
    forms: dict[str, tuple[Handler, Handler]] = {
        "/-/login": (sign_in.show, limits.signing_in(sign_in.submit)),
        "/-/consent": (consent.show, consent.submit),
        "/-/connections": (connections.show, connections.submit),
    }
    if authority.policy.device_grant:
        device = DevicePage(authority, pages)
        forms[DEVICE] = (device.show, limits.signing_in(device.submit))
    return {
        **{
            path: {
                "GET": guarded(show, render_error=pages.error),
                "POST": guarded(submit, render_error=pages.error),
            }
            for path, (show, submit) in forms.items()
        },
        "/-/api/v1/connections": {
            **reading(guarded(connections.list_as_json)),
            "DELETE": guarded(connections.disconnect_as_json),
        },
        "/-/static/pages.css": reading(static(stylesheet(), "text/css; charset=utf-8")),
    }
