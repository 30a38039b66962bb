"""A person's connected clients: what they may do, when they were last active, and how to disconnect them.

A connection is everything between one user and one client: its live grants and the consents behind them. Its last use
is when a token was last issued for it, so it is accurate to the lifetime of an access token; a call writes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from doorward.authority.deciding import settle
from doorward.clock import Clock
from doorward.oauth.authorization.consent import consent_id
from doorward.oauth.tokens.revocation import end_grant
from doorward.records.changes import Change, Delete, Stored
from doorward.records.oauth import AccessToken, Client, Consent, Grant, RefreshToken
from doorward.storage.port import Store

DISCONNECTED = "disconnected_by_user"


@dataclass(frozen=True, slots=True)
class Allowed:
    """The access of a client at one door."""

    resource: str
    scopes: tuple[str, ...]
    grant_ids: tuple[str, ...]
    """Its live grants at the door; empty if only the consent is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One client, as its user sees it."""

    client_id: str
    client_name: str
    is_verified: bool
    """An operator added the client; any other client's name is unverified."""
    redirect_uris: tuple[str, ...]
    allowed: tuple[Allowed, ...]
    """By door, in the order in which they were allowed."""
    connected_at: int
    last_used_at: int | None

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that it has at some door."""
        return tuple(dict.fromkeys(scope for each in self.allowed for scope in each.scopes))

    @property
    def grant_ids(self) -> tuple[str, ...]:
        """Its live grants; empty if only consents are left."""
        return tuple(grant_id for each in self.allowed for grant_id in each.grant_ids)


async def list_connections(store: Store, clock: Clock, user_id: str) -> list[Connection]:
    """Return a user's connections, the most recently used first."""
    now = clock.now()
    grants: defaultdict[str, list[Grant]] = defaultdict(list)
    for grant in await _live_grants(store, user_id, now):
        grants[grant.record.client_id].append(grant.record)
    consents: defaultdict[str, list[Consent]] = defaultdict(list)
    for consent in await store.find(Consent, user_id=user_id):
        if consent.record.expires_at is None or consent.record.expires_at > now:
            consents[consent.record.client_id].append(consent.record)
    found = [await _connection(store, each, grants[each], consents[each]) for each in {**grants, **consents}]
    return sorted(found, key=lambda each: (-(each.last_used_at or each.connected_at), each.client_id))


async def disconnect(store: Store, clock: Clock, user_id: str, client_id: str, *, resource: str | None = None) -> bool:
    """End everything that a user allowed a client, or only what it may do at one door; False if there was nothing."""
    found = [False]

    def is_meant(record: Grant | Consent) -> bool:
        return record.client_id == client_id and resource in {None, record.resource}

    async def attempt() -> list[Change]:
        now = clock.now()
        grants = [each for each in await _live_grants(store, user_id, now) if is_meant(each.record)]
        consents = [
            each for each in await store.find(Consent, user_id=user_id, client_id=client_id) if is_meant(each.record)
        ]
        found[0] = bool(grants or consents)
        changes = [change for each in grants for change in end_grant(each, reason=DISCONNECTED, now=now)]
        # A concurrent approval in another window relies on the same consent, so it conflicts and is decided again.
        return [*changes, *(Delete(Consent, each.record.key, each.version) for each in consents)]

    await settle(store, attempt)
    return found[0]


async def withdrawn_with(store: Store, grant: Grant) -> list[Change]:
    """Return the change that withdraws the consent behind a grant, so that the next grant needs a new consent."""
    if not grant.redirect_uri:
        return []
    key = consent_id(
        user_id=grant.user_id, client_id=grant.client_id, redirect_uri=grant.redirect_uri, resource=grant.resource
    )
    consent = await store.get(Consent, key)
    return [Delete(Consent, key, consent.version)] if consent else []


async def _live_grants(store: Store, user_id: str, now: int) -> list[Stored[Grant]]:
    return [
        each
        for each in await store.find(Grant, user_id=user_id)
        if each.record.revoked_at is None and (each.record.expires_at is None or each.record.expires_at > now)
    ]


async def _connection(store: Store, client_id: str, grants: list[Grant], consents: list[Consent]) -> Connection:
    stored = await store.get(Client, client_id)
    both: list[Grant | Consent] = [*grants, *consents]
    return Connection(
        client_id=client_id,
        client_name=stored.record.client_name if stored else "",
        is_verified=stored is not None and stored.record.source == "registered",
        redirect_uris=tuple(dict.fromkeys(each.redirect_uri for each in both if each.redirect_uri)),
        allowed=_by_door(grants, consents),
        connected_at=min(each.created_at for each in both),
        last_used_at=await _last_used_at(store, grants),
    )


def _by_door(grants: list[Grant], consents: list[Consent]) -> tuple[Allowed, ...]:
    at_doors: defaultdict[str, list[Grant | Consent]] = defaultdict(list)
    for grant in grants:
        at_doors[grant.resource].append(grant)
    in_use = frozenset(at_doors)
    for consent in consents:
        if consent.resource not in in_use:
            at_doors[consent.resource].append(consent)
    return tuple(
        Allowed(
            resource,
            tuple(dict.fromkeys(scope for each in found for scope in each.scopes)),
            tuple(each.grant_id for each in found if isinstance(each, Grant)),
        )
        for resource, found in at_doors.items()
    )


async def _last_used_at(store: Store, grants: list[Grant]) -> int | None:
    moments: list[int] = []
    for grant in grants:
        moments += [each.record.created_at for each in await store.find(AccessToken, grant_id=grant.grant_id)]
        moments += [each.record.created_at for each in await store.find(RefreshToken, grant_id=grant.grant_id)]
    return max(moments, default=None)
