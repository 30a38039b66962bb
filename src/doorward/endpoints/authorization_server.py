"""The routes of the authorization server: metadata, authorization, tokens and registration.

It lists only what is configured, so a disabled endpoint is a 404.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from doorward.authority.authority import Authority
from doorward.edge.frame import Handler, RenderError, guarded
from doorward.edge.limits import RequestLimits
from doorward.edge.router import Route, reading
from doorward.endpoints.authorize import AuthorizeEndpoint
from doorward.endpoints.device_authorization import DeviceAuthorizationEndpoint
from doorward.endpoints.introspect import IntrospectEndpoint
from doorward.endpoints.par import PushEndpoint
from doorward.endpoints.register import RegisterEndpoint
from doorward.endpoints.registration_management import management_route
from doorward.endpoints.revoke import RevokeEndpoint
from doorward.endpoints.token import TokenEndpoint
from doorward.endpoints.well_known import documents
from doorward.hooks import Hooks
from doorward.paths import (
    AUTHORIZE_PATH,
    DEVICE_AUTHORIZATION_PATH,
    INTROSPECT_PATH,
    PAR_PATH,
    REGISTER_PATH,
    REVOKE_PATH,
    TOKEN_PATH,
)


def routes(authority: Authority, limits: RequestLimits, hooks: Hooks, render_error: RenderError) -> Iterator[Route]:
    """Yield the routes; `render_error` renders the page for a sign-in that cannot start."""
    policy, framed = authority.policy, partial(guarded, hooks=hooks)

    def post(path: str, handler: Handler) -> Route:
        return Route(path, {"POST": framed(handler, cors=True)}, is_open=True)

    for path, app in documents(policy).items():
        yield Route(path, reading(app), is_open=True)
    authorize = framed(limits.authorizing(AuthorizeEndpoint(authority)), render_error=render_error)
    yield Route(AUTHORIZE_PATH, {"GET": authorize})
    yield post(TOKEN_PATH, limits.redeeming(TokenEndpoint(authority, hooks)))
    yield post(REVOKE_PATH, limits.redeeming(RevokeEndpoint(authority)))
    yield post(INTROSPECT_PATH, limits.redeeming(IntrospectEndpoint(authority)))
    yield post(PAR_PATH, limits.pushing(PushEndpoint(authority)))
    if policy.device_grant:
        yield post(DEVICE_AUTHORIZATION_PATH, limits.device(DeviceAuthorizationEndpoint(authority)))
    if policy.registration != "off":
        yield post(REGISTER_PATH, limits.registering(RegisterEndpoint(authority, hooks)))
    yield management_route(authority, limits, hooks)
