"""`/register/{client_id}`: a client reads, replaces or deletes its own registration.

Spec: RFC 7592 s2.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from doorward.audit.events import AuditEvent
from doorward.audit.log import note
from doorward.authority.authority import Authority
from doorward.edge.frame import NO_STORE, guarded, json_response
from doorward.edge.limits import RequestLimits
from doorward.edge.mounting import local_path
from doorward.edge.router import Route, reading
from doorward.endpoints.register import bearer_token, check_hook, json_body
from doorward.hooks import NO_HOOKS, Hooks
from doorward.oauth.clients.metadata import read_metadata
from doorward.oauth.clients.registration_management import (
    current_registration,
    delete_registration,
    expire_registration,
    managed,
    replace_registration,
)
from doorward.oauth.tokens.opaque import CLIENT_SECRET, mint
from doorward.paths import REGISTER_PATH
from doorward.records.changes import Decision, Stored
from doorward.records.oauth import Client, Grant

PREFIX = f"{REGISTER_PATH}/"


def management_route(authority: Authority, limits: RequestLimits, hooks: Hooks) -> Route:
    """Return the route of all paths below `/register/`."""
    management = RegistrationManagement(authority, hooks)
    show = guarded(management.show, hooks=hooks)
    changing = {"PUT": limits.registering(management.replace), "DELETE": limits.registering(management.delete)}
    others = {method: guarded(handler, hooks=hooks) for method, handler in changing.items()}
    return Route(PREFIX, {**reading(show), **others}, covers="segment")


class RegistrationManagement:
    """Serves all paths below `/register/` for one authorization server."""

    def __init__(self, authority: Authority, hooks: Hooks = NO_HOOKS) -> None:
        self.authority = authority
        self.hooks = hooks

    async def show(self, request: Request) -> Response:
        """Return the registration."""
        client, token = await self._managed(request)
        return json_response(current_registration(client.record, token, policy=self.authority.policy))

    async def replace(self, request: Request) -> Response:
        """Replace the whole registration of a client."""
        await self._managed(request)
        sent = await request.body()
        body = json_body(request, sent)
        await check_hook(self.hooks, read_metadata(body, policy=self.authority.policy), sent)

        async def attempt() -> Decision[dict[str, object]]:
            client, token = await self._managed(request)
            return replace_registration(
                body,
                client,
                token=token,
                client_secret=mint(CLIENT_SECRET, self.authority.entropy.random_bytes(32)),
                policy=self.authority.policy,
            )

        reply = await self.authority.decide(attempt)
        client_id, name = str(reply["client_id"]), str(reply.get("client_name", ""))
        detail = {"name": name, "authentication": str(reply["token_endpoint_auth_method"])}
        note(AuditEvent(event="client_changed", actor=f"client:{client_id}", client_id=client_id, detail=detail))
        return json_response(reply)

    async def delete(self, request: Request) -> Response:
        """Delete the client and everything that users granted it."""
        authority, expired = self.authority, [""]

        async def expire() -> Decision[None]:
            client, _ = await self._managed(request)
            expired[0] = client.record.client_id
            return expire_registration(client, await self._grants(expired[0]), now=authority.clock.now())

        async def remove() -> Decision[None]:
            client = await authority.store.get(Client, expired[0])
            if client is None:  # a second request, or the purge, was faster
                return Decision(None)
            return delete_registration(client, await self._grants(expired[0]), now=authority.clock.now())

        await authority.decide(expire)
        await authority.decide(remove)
        return Response(status_code=204, headers=NO_STORE)

    async def _grants(self, client_id: str) -> list[Stored[Grant]]:
        return await self.authority.store.find(Grant, client_id=client_id)

    async def _managed(self, request: Request) -> tuple[Stored[Client], str]:
        client_id = local_path(request.scope).removeprefix(PREFIX)
        token = bearer_token(request)
        client = managed(await self.authority.store.get(Client, client_id), token, now=self.authority.clock.now())
        assert token is not None
        return client, token
