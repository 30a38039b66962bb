"""Administration of OAuth clients and grants: register, list, remove, revoke.

The rules for client metadata are in `doorward.oauth.clients.new_client`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import msgspec

from doorward.authority.deciding import settle
from doorward.clock import Clock, Entropy
from doorward.config.faults import shown, suggestion
from doorward.directory.accounts import COMPARED, load_user
from doorward.directory.connections import withdrawn_with
from doorward.errors import ConfigError, Conflict, NotFound, Problem
from doorward.oauth.clients.new_client import NewClient, pre_register
from doorward.oauth.clients.secrets import with_new_secret
from doorward.oauth.errors import OAuthError
from doorward.oauth.policy import Policy
from doorward.oauth.tokens.opaque import CLIENT_SECRET, mint
from doorward.oauth.tokens.revocation import end_grant
from doorward.records.changes import Change, Delete, DeleteAll, Insert, Replace, Stored
from doorward.records.oauth import Client, Consent, Grant
from doorward.storage.port import Store


@dataclass(frozen=True, slots=True)
class ClientWithSecret:
    """A client and its secret, which is shown only this once; None for a client without one."""

    client: Client
    client_secret: str | None = field(repr=False)


async def add_client(
    store: Store, clock: Clock, entropy: Entropy, new: NewClient, *, policy: Policy
) -> ClientWithSecret:
    """Pre-register a client.

    Raises:
        ConfigError: the metadata is refused (for example a redirect URI without https), the key set is not valid, or
            the service account does not exist.
    """
    if new.service_user_id is not None:
        await _require_service_account(store, new.service_user_id)
    secret = mint(CLIENT_SECRET, entropy.random_bytes(32)) if new.confidential and not new.has_keys else None
    client_id = f"client_{entropy.random_bytes(8).hex()}"
    try:
        client = pre_register(new, client_id=client_id, client_secret=secret, now=clock.now(), policy=policy)
    except OAuthError as error:
        raise ConfigError([Problem(f"the client cannot be registered: {error.description}")]) from None
    try:
        await store.apply([Insert(client)])
    except Conflict:
        raise ConfigError([Problem(f"the client id {shown(client.client_id)} is taken")]) from None
    return ClientWithSecret(client, secret)


async def _require_service_account(store: Store, user_id: str) -> None:
    user = await load_user(store, user_id)
    if user.record.user_kind != "service":
        raise ConfigError(
            [
                Problem(
                    f"{shown(user_id)} is a person",
                    "A client that acts by itself acts as a service account, so that nobody is blamed for it.",
                    "doorward users add NAME --service",
                )
            ]
        )


async def load_client(store: Store, client_id: str) -> Stored[Client]:
    """Return one client.

    Raises:
        ConfigError: no such client; suggests the most similar id.
    """
    stored = await store.get(Client, client_id)
    if stored:
        return stored
    clients = [each.stored.record for each in await store.page(Client, limit=COMPARED, source="registered")]
    named = [client.client_id for client in clients if client.client_name == client_id]
    meant = named[0] if named else suggestion(client_id, [client.client_id for client in clients])
    fix = f"Did you mean {meant}?" if meant else "doorward clients list"
    raise NotFound([Problem(f"there is no client {shown(client_id)}", fix=fix)])


async def is_client(store: Store, id_or_name: str) -> bool:
    """Return whether a client has this id, or an operator registered one with this name."""
    return await store.get(Client, id_or_name) is not None or bool(await _with_name(store, id_or_name))


async def is_grant(store: Store, grant_id: str) -> bool:
    """Return whether a grant has this id."""
    return await store.get(Grant, grant_id) is not None


async def client_named(store: Store, id_or_name: str) -> Stored[Client]:
    """Return one client by its id, or by its name if exactly one pre-registered client has it.

    Raises:
        ConfigError: no such client, or several have the name.
    """
    if await store.get(Client, id_or_name) is None:
        named = await _with_name(store, id_or_name)
        if len(named) == 1:
            return named[0]
        if named:
            ids = ", ".join(each.record.client_id for each in named)
            raise ConfigError([Problem(f"{len(named)} clients have the name {shown(id_or_name)}", fix=f"Ids: {ids}")])
    return await load_client(store, id_or_name)


async def _with_name(store: Store, name: str) -> list[Stored[Client]]:
    return [each for each in await store.find(Client, source="registered") if each.record.client_name == name]


async def rotate_secret(
    store: Store, clock: Clock, entropy: Entropy, id_or_name: str, *, overlap_seconds: int
) -> ClientWithSecret:
    """Give a client a new secret. Its current one stays valid for the overlap; the one before ends at once.

    Raises:
        ConfigError: no such client, it registered itself, a program declares it, or it has no secret.
    """
    secret = mint(CLIENT_SECRET, entropy.random_bytes(32))
    done: list[Client] = []

    async def attempt() -> list[Change]:
        stored = await client_named(store, id_or_name)
        client = stored.record
        if client.source != "registered":
            raise ConfigError([Problem(f"{shown(client.client_id)} registered itself", fix="It registers again.")])
        if client.is_declared:
            fix = "Replace it in the declaration: the next start would bring this one back."
            raise ConfigError([Problem(f"{shown(client.client_id)} is declared by a program", fix=fix)])
        if client.secret_digest is None:
            fix = "A client with keys publishes a second key first; a public client has nothing to rotate."
            raise ConfigError([Problem(f"{shown(client.client_id)} has no secret", fix=fix)])
        done[:] = [with_new_secret(client, secret, now=clock.now(), overlap_seconds=overlap_seconds)]
        return [Replace(done[0], stored.version)]

    await settle(store, attempt)
    return ClientWithSecret(done[0], secret)


async def remove_client(store: Store, clock: Clock, client_id: str) -> int:
    """Remove a client and end its grants; return how many grants ended.

    It expires first: a consent in progress may add a grant that this step does not see, and no later one can.

    Raises:
        ConfigError: no such client.
    """
    ended: dict[str, int] = {}

    async def attempt(step: str) -> list[Change]:
        stored = await load_client(store, client_id)
        live = [grant for grant in await store.find(Grant, client_id=client_id) if grant.record.revoked_at is None]
        ended[step] = len(live)
        endings = [change for grant in live for change in end_grant(grant, reason="client_removed", now=clock.now())]
        if step == "expire":
            expired = msgspec.structs.replace(stored.record, expires_at=clock.now())
            return [Replace(expired, stored.version), *endings]
        return [Delete(Client, client_id, stored.version), DeleteAll(Consent, "client_id", client_id), *endings]

    for step in ("expire", "delete"):
        await settle(store, functools.partial(attempt, step))
    return sum(ended.values())


async def list_grants(store: Store, *, user_id: str | None = None, client_id: str | None = None) -> list[Grant]:
    """Return grants, oldest first, filtered by user, client or both."""
    index = {"user_id": user_id} if user_id else {"client_id": client_id} if client_id else {}
    found = [stored.record for stored in await store.find(Grant, **index)]
    matching = [grant for grant in found if client_id is None or grant.client_id == client_id]
    return sorted(matching, key=lambda grant: (grant.created_at, grant.grant_id))


async def revoke_grant(store: Store, clock: Clock, grant_id: str) -> bool:
    """End a grant and its tokens, and withdraw the consent behind it; return False if it had already ended.

    Raises:
        ConfigError: no such grant.
    """
    live = [False]

    async def attempt() -> list[Change]:
        stored = await store.get(Grant, grant_id)
        if stored is None:
            raise NotFound([Problem(f"there is no grant {shown(grant_id)}", fix="doorward grants list")])
        live[0] = stored.record.revoked_at is None
        ended = end_grant(stored, reason="administrator", now=clock.now()) if live[0] else ()
        return [*ended, *await withdrawn_with(store, stored.record)]

    await settle(store, attempt)
    return live[0]
