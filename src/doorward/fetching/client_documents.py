"""Clients' metadata documents and published keys: fetched, checked, and cached.

A valid document becomes a stored `Client`, so that every node knows it, and tokens outlive an outage of the document's
host. An invalid one is never stored. This process remembers its fault for half a minute, so that no one can make this
server ask a third party's host again and again. If a host is unreachable, its document of the last day still counts; if
it answers differently, that counts at once. Before they trust a stale copy, endpoints that authenticate a client fetch
it again. Before they refuse a client by its copy, they do so at most once a minute.

Implements OAuth Client ID Metadata Document (draft 02) s4 and s5; RFC 7517 s5.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from doorward.audit.events import client_changed
from doorward.audit.log import note, origin
from doorward.authority.unused_places import find_place
from doorward.clock import Clock, Entropy, SystemEntropy
from doorward.errors import Conflict
from doorward.fetching.caching import fresh_seconds
from doorward.fetching.errors import FetchError
from doorward.fetching.fetcher import Fetcher
from doorward.fetching.response import Fetched
from doorward.logs import log
from doorward.oauth.addresses import customer
from doorward.oauth.clients.assertion import Assertion, names_known_key
from doorward.oauth.clients.id_metadata import Document, check_document_url, read_document
from doorward.oauth.clients.keys import Key, read_jwks, stored_keys
from doorward.oauth.clients.registration import described
from doorward.oauth.clients.terms import terms, with_earlier_use
from doorward.oauth.clients.unused import is_unused, occupy
from doorward.oauth.errors import InvalidClient, InvalidClientMetadata, LocalAuthorizationError, OAuthError, Reason
from doorward.oauth.policy import Policy
from doorward.oauth.uris import parse_http
from doorward.records.changes import Change, Delete, Insert, Replace, Stored
from doorward.records.oauth import Client
from doorward.storage.port import Store
from doorward.strict_json import InvalidJson, decode

LOGGER = logging.getLogger("doorward.fetching")

REFUSED_SECONDS = 30
"""How long an invalid document is not fetched again; at most a minute."""
_STALE_SECONDS = 24 * 3600
_UNUSED_SECONDS = 24 * 3600
_KEYS_FRESH_SECONDS = 3600
_DOUBTED_SECONDS = 60
"""The shortest time between two fetches of one URL for a client that would otherwise be refused."""
_KEYS_AGAIN_SECONDS = 60
"""The shortest time between two fetches of one URL for an unknown key."""
_JWKS_LIMIT_BYTES = 64 * 1024
_KEPT = 1024
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class _PublishedKeys:
    keys: tuple[Key, ...]
    asked_at: int
    fresh_until: int


class DocumentUnavailable(LocalAuthorizationError):
    """The document can't be fetched now, and no copy is recent enough. This says nothing about the client."""


class FetchedClientDocuments:
    """Metadata documents and key sets of clients, for one authorization server."""

    def __init__(
        self, policy: Policy, store: Store, clock: Clock, fetcher: Fetcher, entropy: Entropy | None = None
    ) -> None:
        self.policy = policy
        self.store = store
        self.clock = clock
        self.fetcher = fetcher
        self.entropy = entropy or SystemEntropy()
        self._looked_at: OrderedDict[str, int] = OrderedDict()
        """When an endpoint that authenticates clients last requested a document."""
        self._refused: OrderedDict[str, tuple[int, LocalAuthorizationError]] = OrderedDict()
        self._keys: OrderedDict[str, _PublishedKeys] = OrderedDict()

    async def client(self, client_id: str) -> Stored[Client] | None:
        """Return the client whose metadata document is at this URL; fetches it again if the copy is no longer fresh.

        Raises:
            LocalAuthorizationError: the document can't be fetched or used; says why.
        """
        stored = await self.store.get(Client, client_id)
        if stored is not None and stored.record.source != "metadata_document":
            return stored
        now = self.clock.now()
        host = self._host(client_id)
        if stored is not None and _is_fresh(stored.record, now):
            return stored
        return await self._ask(client_id, host, stored, now)

    async def refresh_client_document(self, client_id: str, *, doubted: bool = False) -> bool:
        """Fetch the document of a stored client if the copy is not fresh; return whether it was fetched.

        `doubted`: the copy would refuse the client, so fetch even if it is fresh. Either way, each URL has a rate
        limit, whatever clients send.

        Raises:
            LocalAuthorizationError: the document is gone, or can no longer be used.
            FetchError: it can't be fetched, and the copy is too old to verify a key with.
        """
        stored, now = await self.store.get(Client, client_id), self.clock.now()
        if stored is None or stored.record.source != "metadata_document":
            return False
        if not doubted and _is_fresh(stored.record, now):
            return False
        host = self._host(client_id)
        seconds = _DOUBTED_SECONDS if doubted else REFUSED_SECONDS
        asked_lately = now < self._looked_at.get(client_id, -seconds) + seconds
        try:
            if asked_lately:
                self._raise_refused(client_id, now)
                return False
            self._looked_at[client_id] = now
            _trim(self._looked_at)
            await self._ask(client_id, host, stored, now)
        except DocumentUnavailable as error:
            if stored.record.jwks is not None:
                raise FetchError("unreachable", error.description) from None
            return False
        return True

    def _host(self, client_id: str) -> str:
        try:
            return check_document_url(client_id, policy=self.policy)
        except InvalidClientMetadata as error:
            raise LocalAuthorizationError(error.description, error.reason) from None

    async def _ask(self, client_id: str, host: str, stored: Stored[Client] | None, now: int) -> Stored[Client] | None:
        self._raise_refused(client_id, now)
        try:
            return await self._fetch(client_id, stored, now)
        except FetchError as error:
            if error.passing and stored is not None and now < (stored.record.fresh_until or 0) + _STALE_SECONDS:
                return stored
            kind = DocumentUnavailable if error.passing else LocalAuthorizationError
            refusal = kind(
                f"The description of this application at {host} could not be fetched. {error.sentence}",
                Reason.METADATA_DOCUMENT_UNAVAILABLE,
            )
        except OAuthError as error:
            refusal = LocalAuthorizationError(
                f"The description of this application at {host} cannot be used. {error.description}", error.reason
            )
        log(LOGGER, logging.INFO, "client_document_refused", host=host, detail=refusal.description)
        self._refused[client_id] = (now + REFUSED_SECONDS, refusal)
        _trim(self._refused)
        raise refusal

    async def keys(self, client: Client, assertion: Assertion) -> Sequence[Key]:
        """Return the public keys of a client; fetches them again if none could have made the signature.

        Raises:
            FetchError: they can't be fetched now, which says nothing about the client.
            InvalidClient: what is published is not a set of public keys.
        """
        url, now = client.jwks_uri, self.clock.now()
        if url is None:
            return ()
        known = self._keys.get(url)
        if known is not None:
            good = now < known.fresh_until and names_known_key(assertion, known.keys)
            if good or now < known.asked_at + _KEYS_AGAIN_SECONDS:
                return known.keys
        try:
            # Keys on the client's own host are vouched for by a valid document. Elsewhere, they are vouched for by a
            # person who allowed the client, or by having been valid before.
            described = client.source == "metadata_document" and _host(url) != _host(client.client_id)
            vouched = not described or client.used_at is not None or known is not None
            fetched = await self._document(
                url, _JWKS_LIMIT_BYTES, "application/jwk-set+json, application/json", vouched=vouched
            )
            keys = stored_keys(read_jwks(_json(fetched.body)))
        except FetchError as error:
            if known is not None and error.passing and now < known.fresh_until + _STALE_SECONDS:
                self._keys[url] = replace(known, asked_at=now)
                return known.keys
            if error.passing:
                raise
            raise InvalidClient(
                f"The keys of this client could not be fetched. {error.sentence}", _UNAVAILABLE
            ) from None
        except InvalidClientMetadata as error:
            raise InvalidClient(f"The keys of this client cannot be used. {error.description}", _UNAVAILABLE) from None
        self._keys[url] = _PublishedKeys(keys, now, now + fresh_seconds(fetched.headers, most=_KEYS_FRESH_SECONDS))
        _trim(self._keys)
        return keys

    def _raise_refused(self, client_id: str, now: int) -> None:
        until, refusal = self._refused.get(client_id, (0, None))
        if refusal is not None and now < until:
            raise refusal
        self._refused.pop(client_id, None)

    async def _fetch(self, client_id: str, stored: Stored[Client] | None, now: int) -> Stored[Client] | None:
        limit_bytes = self.policy.metadata_document_limit_bytes
        fetched = await self._document(client_id, limit_bytes, "application/json", vouched=stored is not None)
        document = read_document(fetched.body, client_id=client_id, policy=self.policy)
        fresh_until = now + fresh_seconds(fetched.headers)
        for _ in range(_ATTEMPTS):
            client = _client(client_id, document, stored.record if stored else None, now=now, fresh_until=fresh_until)
            with suppress(Conflict):  # somebody else has stored what they fetched just now, or used the client
                await self.store.apply(await self._changes(client, stored, now))
                if stored is not None and terms(stored.record) != terms(client):
                    note(client_changed(client))
                break
            stored = await self.store.get(Client, client_id)
        return await self.store.get(Client, client_id)

    async def _changes(self, client: Client, stored: Stored[Client] | None, now: int) -> list[Change]:
        """Return the changes that store a client; a new one without a user takes a place, like a registered one."""
        if stored is not None and (not is_unused(client) or _has_place(stored.record, now)):
            return [Replace(client, stored.version)]
        written: Change = Insert(client) if stored is None else Replace(client, stored.version)
        if not is_unused(client):
            return [written]
        place = await find_place(self.store, self.entropy, self.policy, now)
        taking = occupy(place, client, now=now)
        return [*(each for each in taking if _key_of(each) != client.client_id), written]

    async def _document(self, url: str, limit_bytes: int, accept: str, *, vouched: bool) -> Fetched:
        asker = customer(origin.get().address)
        fetched = await self.fetcher.get(url, limit_bytes=limit_bytes, accept=accept, vouched=vouched, asker=asker)
        if fetched.status != 200:  # noqa: PLR2004
            raise FetchError("status", f"Its host answered {fetched.status}.", status=fetched.status)
        if fetched.media_type != "application/json" and not fetched.media_type.endswith("+json"):
            raise FetchError("media_type", "It is not sent as JSON.")
        return fetched


_UNAVAILABLE = Reason.CLIENT_KEYS_UNAVAILABLE


def _client(client_id: str, document: Document, before: Client | None, *, now: int, fresh_until: int) -> Client:
    used_until = (before.expires_at or 0) if before is not None else 0
    client = described(
        Client(
            client_id=client_id,
            source="metadata_document",
            created_at=before.created_at if before is not None else now,
            used_at=before.used_at if before is not None else None,
            expires_at=max(now + _UNUSED_SECONDS, used_until),
            fresh_until=fresh_until,
            jwks_uri=document.jwks_uri,
        ),
        document.metadata,
    )
    return with_earlier_use(client, before)


def _host(url: str) -> str:
    return (parse_http(url).host or "").lower()


def _is_fresh(client: Client, now: int) -> bool:
    return _is_alive(client, now) and now < (client.fresh_until or 0)


def _has_place(client: Client, now: int) -> bool:
    """Return whether a client without a user still has its place.

    A place is kept for two days, and an unused client takes a new one in each half day in which it is fetched again.
    """
    read_at = (client.expires_at or 0) - _UNUSED_SECONDS
    half_days = [(at - client.created_at) // (_UNUSED_SECONDS // 2) for at in (read_at, now)]
    return _is_alive(client, now) and half_days[0] == half_days[1]


def _key_of(change: Change) -> str:
    return change.key if isinstance(change, Delete) else ""


def _is_alive(client: Client, now: int) -> bool:
    return client.expires_at is None or client.expires_at > now


def _json(body: bytes) -> object:
    try:
        return decode(body)
    except InvalidJson as error:
        raise InvalidClientMetadata(str(error), Reason.MALFORMED_METADATA) from None


def _trim(kept: OrderedDict[str, Any]) -> None:
    while len(kept) > _KEPT:
        kept.popitem(last=False)
