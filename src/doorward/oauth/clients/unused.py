"""Places for clients that registered or described themselves but have no user yet: a fixed number of them.

Registration is open, so anyone can fill any amount of room. A new client is therefore never refused: it evicts one that
waits for its first user, the oldest of a few places sampled at random. An attacker thus mostly evicts their own
clients. A client that gets a user gives up its place and is never evicted. One that publishes a metadata document can
be fetched again at any time, so it loses nothing.

For a while, the same registration from a public client returns the same client. It has no secret, so sharing it gives
away no more than a public metadata document does. A confidential client is never shared.

Does not know how many places are sampled, nor where the randomness comes from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from doorward.oauth.clients.metadata import ClientMetadata
from doorward.oauth.policy import Policy
from doorward.oauth.tokens.opaque import digest
from doorward.records.changes import Change, Delete, Expect, Insert, Replace, Stored
from doorward.records.oauth import Client, RegisteredContent, RegistrationSlot

_STEP_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Place:
    """A sampled place: its record, and the client that the record names, if it still exists."""

    slot: str
    taken: Stored[RegistrationSlot] | None = None
    holder: Stored[Client] | None = None


@dataclass(frozen=True, slots=True)
class Before:
    """The record of the last identical registration, and its client, if it still exists."""

    content_digest: str
    content: Stored[RegisteredContent] | None = None
    client: Stored[Client] | None = None


def is_unused(client: Client) -> bool:
    """Return whether a client registered or described itself and no user has granted it anything."""
    return client.source != "registered" and client.used_at is None and client.expires_at is not None


def content_digest(metadata: ClientMetadata) -> str:
    """Return a digest of every part of a registration that counts here."""
    return digest(msgspec.json.encode(metadata, order="sorted").decode())


def is_free(place: Place, *, now: int) -> bool:
    """Return whether taking the place would evict no client."""
    taken, holder = place.taken, place.holder
    expired = taken is None or (taken.record.expires_at or 0) <= now
    return expired or holder is None or not is_unused(holder.record)


def best_place(places: Iterable[Place], *, now: int) -> Place:
    """Return a free place, or else the one whose client has waited longest."""
    return min(
        places, key=lambda place: (not is_free(place, now=now), place.taken.record.taken_at if place.taken else 0)
    )


def occupy(place: Place, client: Client, *, now: int) -> tuple[Change, ...]:
    """Return the changes that give the place to a new client and evict the client that waited there."""
    slot = RegistrationSlot(slot=place.slot, client_id=client.client_id, taken_at=now, expires_at=client.expires_at)
    if place.taken is None:
        return (Insert(slot),)
    changes: tuple[Change, ...] = (Replace(slot, place.taken.version),)
    if place.holder is not None and is_unused(place.holder.record):
        # Delete by version: if a user granted it something meanwhile, this is a conflict, and the decision is made
        # again.
        changes += (Delete(Client, place.holder.record.client_id, place.holder.version),)
    return changes


def keep(client: Stored[Client], *, grant_ends_at: int, now: int, policy: Policy, redirect_uri: str = "") -> Change:
    """Return the change that keeps a client alive at least as long as a grant that is made now.

    `redirect_uri` is where the response goes; if it is a web address, it counts as used from now on.

    The client stays for some time after its last grant, so that one that comes back late need not register again. Its
    expiry moves in steps of a day, so that the users of one popular client do not contend for its record.
    """
    owner = client.record
    until = grant_ends_at + policy.unused_client_seconds
    used = owner.used_redirect_uris
    if redirect_uri.startswith("https:") and redirect_uri not in used:
        used = (*used, redirect_uri)
    is_recent = owner.used_at is not None and (owner.expires_at or 0) >= until - _STEP_SECONDS
    if owner.expires_at is None or (is_recent and used == owner.used_redirect_uris):
        return Expect(Client, owner.client_id, client.version)
    kept = msgspec.structs.replace(
        owner,
        expires_at=max(until, owner.expires_at),
        used_at=owner.used_at or now,
        used_redirect_uris=used,
    )
    return Replace(kept, client.version)


def known_again(before: Before | None, *, now: int, policy: Policy) -> Client | None:
    """Return the client of a recent identical registration, if it is still public and unused."""
    if before is None or before.content is None or before.client is None:
        return None
    client = before.client.record
    is_the_same = before.content.record.client_id == client.client_id and client.token_endpoint_auth_method == "none"
    is_recent = now < client.created_at + policy.same_client_seconds
    is_alive = client.expires_at is not None and client.expires_at > now
    return client if is_the_same and is_recent and is_alive and is_unused(client) else None


def remember(before: Before, client: Client, *, now: int, policy: Policy) -> Change:
    """Return the change that lets an identical registration be recognised."""
    content = RegisteredContent(
        content_digest=before.content_digest, client_id=client.client_id, expires_at=now + policy.same_client_seconds
    )
    return Insert(content) if before.content is None else Replace(content, before.content.version)
