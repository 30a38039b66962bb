"""Doors without one of their defences. Each function takes out one, the way somebody in a hurry would leave it out.

An attack that does not notice the difference proves nothing.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest

from doorward import server, strict_json
from doorward.door.bearer import Authenticator
from doorward.edge import frame as responses
from doorward.edge import router as routes
from doorward.edge.meter import Meter
from doorward.endpoints import client_authentication, grants, introspect, revoke
from doorward.mcp import headers
from doorward.oauth.authorization import request as authorization
from doorward.oauth.clients.redirect_uris import matches
from doorward.oauth.errors import BearerError
from doorward.oauth.grants import authorization_code, refresh_token
from doorward.oauth.tokens import bearer
from doorward.oauth.tokens import reply as token_reply
from doorward.pages import consent, steps
from doorward.records.accounts import User
from doorward.records.changes import Decision, Stored
from doorward.records.oauth import AccessToken
from doorward.storage.sqlite import SqliteStore
from doorward.upstreams.port import Caller

Weaken = Callable[[pytest.MonkeyPatch], None]


def compares_the_beginning(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(authorization, "matches", lambda known, sent: matches(known, sent) or sent.startswith(known))


def redirects_before_it_knows_the_client(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(authorization, "trusted_client_target", lambda sent, client, **_: sent["redirect_uri"])


def trusts_what_was_stored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(authorization, "_check_registered", lambda *_: None)


def takes_any_verifier(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(authorization_code, "verify", lambda *_: True)


def forgets_that_it_was_used(patch: pytest.MonkeyPatch) -> None:
    """Codes and refresh tokens are looked up, and never marked."""

    def fresh(stored: Stored[Any] | None, mark: str) -> Stored[Any] | None:
        if stored is None:
            return None
        return Stored(msgspec.structs.replace(stored.record, **{mark: None, "sealed_reply": None}), stored.version)

    def redeem(request: Any, *, code: Any, **others: Any) -> Any:
        return authorization_code.redeem_code(request, code=fresh(code, "redeemed_at"), **others)

    def refresh(request: Any, *, presented: Any, **others: Any) -> Any:
        return refresh_token.refresh(request, presented=fresh(presented, "rotated_at"), **others)

    patch.setattr(grants.authorization_code, "redeem_code", redeem)
    patch.setattr(grants.refresh_token, "refresh", refresh)


def takes_a_code_from_anybody(patch: pytest.MonkeyPatch) -> None:
    def redeem(request: Any, *, code: Any, **others: Any) -> Any:
        if code:
            owner = msgspec.structs.replace(request.client.record, client_id=code.record.client_id)
            request = replace(request, client=Stored(owner, request.client.version))
        return authorization_code.redeem_code(request, code=code, **others)

    patch.setattr(grants.authorization_code, "redeem_code", redeem)


def does_not_name_itself(patch: pytest.MonkeyPatch) -> None:
    whole = authorization.location
    patch.setattr(authorization, "location", lambda uri, **said: whole(uri, **(said | {"iss": None})))


def takes_the_last_of_two(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(client_authentication, "parse_form", lambda body: dict(parse_qsl(body.decode())))


def lets_answers_be_cached(patch: pytest.MonkeyPatch) -> None:
    patch.delitem(responses.NO_STORE, "cache-control")


def takes_anybody_for_the_owner(patch: pytest.MonkeyPatch) -> None:
    async def load(authority: Any, *arguments: Any) -> Any:
        step = await steps.load_step(authority, *arguments)
        owner = (await authority.store.find(User, username="owner"))[0].record
        session = msgspec.structs.replace(step.session.record, user_id=owner.user_id)
        return replace(step, session=Stored(session, step.session.version))

    patch.setattr(consent, "load_step", load)


def does_not_know_loopback(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(consent.consents, "is_on_this_device", lambda _: False)


def grants_what_is_asked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(refresh_token, "narrowed", lambda asked, granted: asked or granted)


def revokes_for_anybody(patch: pytest.MonkeyPatch) -> None:
    whole = revoke.revoke

    def decide(form: Any, *, client: Any, found: Any, **others: Any) -> Decision[None]:
        owner = msgspec.structs.replace(client, client_id=found.record.client_id) if found else client
        return whole(form, client=owner, found=found, **others)

    patch.setattr(revoke, "revoke", decide)


def answers_whoever_asks(patch: pytest.MonkeyPatch) -> None:
    whole = introspect.introspect

    def decide(form: Any, *, client: Any, **others: Any) -> dict[str, object]:
        known = msgspec.structs.replace(client, token_endpoint_auth_method="client_secret_basic", may_introspect=True)
        return whole(form, client=known, **others)

    patch.setattr(introspect, "introspect", decide)


def never_slows_down(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Meter, "wait_seconds", lambda *_: 0)


def reads_forms_as_they_come(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(client_authentication, "parse_form", lambda body: dict(parse_qsl(body.decode(), strict_parsing=True)))


def stores_tokens_as_they_are(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(token_reply, "digest", lambda secret: secret)


def ignores_the_audience(patch: pytest.MonkeyPatch) -> None:
    def check(record: AccessToken | None, *, now: int, resource: str) -> AccessToken:
        del now, resource
        if record is None:
            raise BearerError(bearer.Reason.UNKNOWN_TOKEN, "The access token is not valid.")
        return record

    patch.setattr(bearer, "check_access_token", check)


def lets_in_whom_it_cannot_check(patch: pytest.MonkeyPatch) -> None:
    whole = Authenticator.identify

    async def identify(self: Authenticator, *arguments: Any) -> Caller | None:
        try:
            return await whole(self, *arguments)
        except Exception:
            return None

    patch.setattr(Authenticator, "identify", identify)


def checks_nobody(patch: pytest.MonkeyPatch) -> None:
    async def identify(*_: Any) -> None:
        return None

    patch.setattr(Authenticator, "identify", identify)


def guards_one_spelling_of_the_path(patch: pytest.MonkeyPatch) -> None:
    whole = server.Server.__call__

    async def serve(self: Any, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] not in self.doors_by_path and posixpath.normpath(scope["path"]).lower().lstrip("/") == "mcp":
            await routes.static(b"{}", "application/json")(scope, receive, send)
        else:
            await whole(self, scope, receive, send)

    patch.setattr(server.Server, "__call__", serve)


def reads_tokens_from_the_query(patch: pytest.MonkeyPatch) -> None:
    whole = server.Server.__call__

    async def serve(self: Any, scope: Any, receive: Any, send: Any) -> None:
        sent = dict(parse_qsl(scope["query_string"].decode())).get("access_token")
        more = [(b"authorization", f"Bearer {sent}".encode())] if sent else []
        await whole(self, {**scope, "headers": [*scope["headers"], *more]}, receive, send)

    patch.setattr(server.Server, "__call__", serve)


def believes_mirrored_headers(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(headers, "disagreement", lambda *_: None)


def decodes_as_most_do(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(strict_json, "decode", json.loads)


def remembers_tokens(patch: pytest.MonkeyPatch) -> None:
    whole = SqliteStore.get
    kept: dict[str, Any] = {}

    async def get(self: SqliteStore, kind: Any, key: str) -> Any:
        if kind is not AccessToken:
            return await whole(self, kind, key)
        if key not in kept:
            kept[key] = await whole(self, kind, key)
        return kept[key]

    patch.setattr(SqliteStore, "get", get)


def tidies_paths_up(patch: pytest.MonkeyPatch) -> None:
    whole = routes.Router.__call__

    async def call(self: routes.Router, scope: Any, receive: Any, send: Any) -> None:
        await whole(self, {**scope, "path": posixpath.normpath(scope["path"])}, receive, send)

    patch.setattr(routes.Router, "__call__", call)
