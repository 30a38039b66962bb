"""Operations on grants, which say what users allowed clients, and on the consents behind them."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec

from doorward.administration.listing import Cursor, Limit, Page, page_of
from doorward.administration.operation import (
    Administration,
    Operation,
    Parameters,
    Result,
)
from doorward.config.faults import shown
from doorward.directory import clients as registered_clients
from doorward.directory import connections
from doorward.directory.accounts import load_user
from doorward.errors import NotFound, Problem
from doorward.oauth.policy import Policy
from doorward.records.oauth import Consent, Grant


class GrantView(Result, frozen=True, kw_only=True):
    """The public fields of a grant."""

    grant_id: str
    user: str
    client_id: str
    scopes: tuple[str, ...]
    resource: str
    door: str
    """The name of the door at `resource`; empty if it no longer exists."""
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    revoked_reason: str | None


class ConsentView(Result, frozen=True, kw_only=True):
    """The scopes that a user agreed to, for one client at one redirect URI."""

    user: str
    client_id: str
    redirect_uri: str
    resource: str
    door: str
    """The name of the door at `resource`; empty if it no longer exists."""
    scopes: tuple[str, ...]
    created_at: int
    given_at: int
    expires_at: int | None


class RevokedGrant(Result, frozen=True, kw_only=True):
    """The grant that ended."""

    revoked: str
    was_live: bool


class ListGrants(Parameters, frozen=True, kw_only=True):
    """The grants to list."""

    user: str | None = None
    client_id: str | None = None
    everything: bool = False
    """Include those that have ended."""
    limit: Limit = 50
    cursor: Cursor | None = None


class ListConsents(Parameters, frozen=True, kw_only=True):
    """The consents to list."""

    user: str | None = None
    client_id: str | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class OneGrant(Parameters, frozen=True, kw_only=True):
    """The grant."""

    grant_id: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class Disconnect(Parameters, frozen=True, kw_only=True):
    """Which client of which user, and at which door."""

    user: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    client_id: Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]
    door: str | None = None
    """The name or the URL of the door. None: at all doors."""


class Disconnected(Result, frozen=True, kw_only=True):
    """What was ended."""

    client_id: str
    disconnected: bool
    """False if the user was not connected to the client there."""


async def disconnect(here: Administration, asked: Disconnect) -> Disconnected:
    """End what a user allowed a client, at one door or at all. Raises `NotFound` if there is no such user or door."""
    resource = None
    if asked.door is not None:
        # A grant for a door that is gone is named by its URL.
        resource = asked.door if "://" in asked.door else here.doors.get(asked.door)
        if resource is None:
            raise NotFound([Problem(f"there is no door {shown(asked.door)}", f"There are: {', '.join(here.doors)}.")])
    await load_user(here.store, asked.user)
    found = await connections.disconnect(here.store, here.clock, asked.user, asked.client_id, resource=resource)
    return Disconnected(client_id=asked.client_id, disconnected=found)


async def list_(here: Administration, asked: ListGrants) -> Page[GrantView]:
    """List grants, oldest first."""

    def wanted(grant: Grant) -> bool:
        return (asked.everything or grant.revoked_at is None) and asked.client_id in {None, grant.client_id}

    return await page_of(here.store, Grant, partial(view, here.policy), asked, wanted=wanted, index=_index(asked))


async def revoke(here: Administration, asked: OneGrant) -> RevokedGrant:
    """End a grant and withdraw the consent behind it. Raises `NotFound`."""
    live = await registered_clients.revoke_grant(here.store, here.clock, asked.grant_id)
    return RevokedGrant(revoked=asked.grant_id, was_live=live)


async def consents(here: Administration, asked: ListConsents) -> Page[ConsentView]:
    """List consents, oldest first."""

    def wanted(consent: Consent) -> bool:
        return asked.client_id in {None, consent.client_id}

    return await page_of(
        here.store, Consent, partial(_consent_view, here.policy), asked, wanted=wanted, index=_index(asked)
    )


def _index(asked: ListGrants | ListConsents) -> dict[str, str]:
    """Return the more selective index: one client may serve every user."""
    if asked.user:
        return {"user_id": asked.user}
    return {"client_id": asked.client_id} if asked.client_id else {}


def view(policy: Policy, grant: Grant) -> GrantView:
    """Return the public fields of a grant."""
    return GrantView(
        grant_id=grant.grant_id,
        user=grant.user_id,
        client_id=grant.client_id,
        scopes=grant.scopes,
        resource=grant.resource,
        door=policy.door_name(grant.resource),
        created_at=grant.created_at,
        expires_at=grant.expires_at,
        revoked_at=grant.revoked_at,
        revoked_reason=grant.revoked_reason,
    )


def _consent_view(policy: Policy, consent: Consent) -> ConsentView:
    return ConsentView(
        user=consent.user_id,
        client_id=consent.client_id,
        redirect_uri=consent.redirect_uri,
        resource=consent.resource,
        door=policy.door_name(consent.resource),
        scopes=consent.scopes,
        created_at=consent.created_at,
        given_at=consent.given_at,
        expires_at=consent.expires_at,
    )


LIST = Operation(
    name="grants.list",
    summary="List grants.",
    method="GET",
    path="/grants",
    capability="admin:read",
    parameters=ListGrants,
    result=Page[GrantView],
    function=list_,
    commands=(("grants", "list"),),
)
REVOKE = Operation(
    name="grants.revoke",
    summary="End a grant with all its tokens, and withdraw the consent behind it.",
    method="DELETE",
    path="/grants/{grant_id}",
    capability="admin:grants",
    parameters=OneGrant,
    result=RevokedGrant,
    function=revoke,
    commands=(("grants", "revoke"),),
    is_known=registered_clients.is_grant,
)
DISCONNECT = Operation(
    name="grants.disconnect",
    summary="End everything that a user allowed a client, at one door or at all.",
    method="DELETE",
    path="/users/{user}/connections/{client_id}",
    capability="admin:grants",
    parameters=Disconnect,
    result=Disconnected,
    function=disconnect,
    commands=(("grants", "disconnect"),),
)
CONSENTS = Operation(
    name="grants.consents",
    summary="List consents; ending a grant withdraws its consent.",
    method="GET",
    path="/consents",
    capability="admin:read",
    parameters=ListConsents,
    result=Page[ConsentView],
    function=consents,
    commands=(("grants", "consents"),),
)
OPERATIONS = (LIST, REVOKE, DISCONNECT, CONSENTS)
