"""`/-/connections`: lists a person's connected clients and disconnects them. With the same as JSON.

Disconnecting ends the grants and withdraws the consents, so the next call is refused and the next sign-in asks again.

Spec: RFC 9700 s4.7 (forged forms); RFC 7009 s1 (why users must be able to revoke).
"""

from __future__ import annotations

import logging
import time

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from doorward.authority.authority import Authority
from doorward.directory.connections import Connection, disconnect, list_connections
from doorward.login.browser_sessions import BrowserCookie
from doorward.logs import log
from doorward.oauth.errors import AccessDenied, InvalidRequest, LocalAuthorizationError, OAuthError, Reason
from doorward.oauth.parameters import parse_form, parse_query
from doorward.pages.own_pages import Visitor, address_of, require_own_form, to_sign_in, visitor_of
from doorward.pages.rendering import Pages, door_name, installation_url, place_of
from doorward.pages.steps import NO_STORE
from doorward.paths import CONNECTIONS
from doorward.records.accounts import BrowserSession
from doorward.records.changes import Delete

LOGGER = logging.getLogger("doorward.pages")


class ConnectionsPage:
    """Serves `/-/connections` and `/-/api/v1/connections` for one authorization server."""

    def __init__(self, authority: Authority, pages: Pages) -> None:
        self.authority = authority
        self.pages = pages
        self.cookie = BrowserCookie.for_issuer(authority.policy.issuer)

    async def show(self, request: Request) -> Response:
        """Show the connections of the signed-in user; others sign in first."""
        visitor = await visitor_of(self.authority, self.cookie, request)
        if visitor is None:
            return to_sign_in(self.authority, CONNECTIONS)
        found = await self._connections(visitor)
        return self.pages.render(
            "connections.html",
            user_id=visitor.user.user_id,
            resource=installation_url(self.authority.policy),
            connections=[self._shown(each) for each in found],
            form_token=visitor.form_token(CONNECTIONS),
        )

    async def submit(self, request: Request) -> Response:
        """Disconnect a client, or sign out of this browser."""
        form = parse_form(await request.body())
        visitor = await visitor_of(self.authority, self.cookie, request)
        if visitor is None:
            return to_sign_in(self.authority, CONNECTIONS)
        require_own_form(self.authority, request, CONNECTIONS, visitor.cookie_value, form.get("form_token"))
        match form.get("action"):
            case "disconnect":
                await self._disconnect(visitor, form.get("client_id", ""), form.get("resource"))
                return RedirectResponse(address_of(self.authority, CONNECTIONS, visitor.page_key), 303, NO_STORE)
            case "sign_out":
                session = visitor.session
                await self.authority.store.apply([Delete(BrowserSession, session.record.key, session.version)])
                log(LOGGER, logging.INFO, "signed_out", user=visitor.user.user_id)
                answer = RedirectResponse(address_of(self.authority, CONNECTIONS), 303, NO_STORE)
                answer.headers["set-cookie"] = self.cookie.ended_header(visitor.cookie_value)
                return answer
            case _:
                raise LocalAuthorizationError("This page has no such action.", Reason.MALFORMED_REQUEST)

    async def list_as_json(self, request: Request) -> Response:
        """Return the same list as JSON to a same-origin request of the signed-in browser."""
        visitor = await self._required(request)
        found = await self._connections(visitor)
        return _json({"user": visitor.user.user_id, "connections": [self._described(each) for each in found]})

    async def disconnect_as_json(self, request: Request) -> Response:
        """Disconnect the client named by `client_id`, at the door named by `resource` or at all doors."""
        visitor = await self._required(request)
        # The cookie alone does not prove intent: another site's page may have sent it along.
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        own = site == "same-origin" if site else origin is None or origin == self.authority.policy.origin
        if not own:
            raise _forbidden()
        query = parse_query(request.scope["query_string"])
        client_id = query.get("client_id")
        if client_id is None:
            raise InvalidRequest("client_id is missing.", Reason.MISSING_PARAMETER)
        return _json({"disconnected": await self._disconnect(visitor, client_id, query.get("resource"))})

    async def _required(self, request: Request) -> Visitor:
        visitor = await visitor_of(self.authority, self.cookie, request)
        if visitor is None:
            error = AccessDenied(f"Sign in first, at {self.pages.prefix}{CONNECTIONS}.", Reason.NO_TOKEN)
            error.status = 401
            raise error
        return visitor

    async def _connections(self, visitor: Visitor) -> list[Connection]:
        return await list_connections(self.authority.store, self.authority.clock, visitor.user.user_id)

    async def _disconnect(self, visitor: Visitor, client_id: str, resource: str | None) -> bool:
        user_id = visitor.user.user_id
        found = await disconnect(self.authority.store, self.authority.clock, user_id, client_id, resource=resource)
        # An id that names no connection may be anything that a person typed, so don't log it.
        log(LOGGER, logging.INFO, "disconnected", user=user_id, client_id=client_id if found else "", found=found)
        return found

    def _shown(self, connection: Connection) -> dict[str, object]:
        policy = self.authority.policy
        return {
            "client_id": connection.client_id,
            "client_name": connection.client_name or "An MCP client",
            "is_verified": connection.is_verified,
            "places": list(dict.fromkeys(map(place_of, connection.redirect_uris))),
            "allowed": [
                {"door": door_name(each.resource, policy), "resource": each.resource, "scopes": each.scopes}
                for each in connection.allowed
            ],
            "connected": _moment(connection.connected_at),
            "last_used": _moment(connection.last_used_at) if connection.last_used_at is not None else "",
            "is_live": bool(connection.grant_ids),
        }

    def _described(self, connection: Connection) -> dict[str, object]:
        policy = self.authority.policy
        return {
            "client_id": connection.client_id,
            "client_name": connection.client_name,
            "verified": connection.is_verified,
            "redirect_uris": connection.redirect_uris,
            "scopes": connection.scopes,
            "connected_at": connection.connected_at,
            "last_used_at": connection.last_used_at,
            "grant_ids": connection.grant_ids,
            "doors": [
                {
                    "name": policy.door_name(each.resource),
                    "resource": each.resource,
                    "scopes": each.scopes,
                    "grant_ids": each.grant_ids,
                }
                for each in connection.allowed
            ],
        }


def _moment(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), 200, {"content-type": "application/json", **NO_STORE})


def _forbidden() -> OAuthError:
    error = AccessDenied("This request came from another site. Nothing was changed.", Reason.FOREIGN_FORM)
    error.status = 403
    return error
