"""The client that calls an endpoint, proved once per request however often its decision is taken again.

An assertion is used up before the decision, in a transaction of its own: a request that is refused afterwards has
used it too, and of any number of requests with one assertion a single one goes on.

Spec: RFC 6749 s2.3; RFC 7523 s2.2, s3.
"""

from __future__ import annotations

from collections.abc import Mapping

from doorward.authority.authority import Authority
from doorward.errors import Conflict
from doorward.oauth.clients.assertion import replayed
from doorward.oauth.clients.authentication import authenticate, presented_client, prove
from doorward.oauth.clients.id_metadata import is_document_url
from doorward.oauth.clients.keys import Key, stored_keys
from doorward.oauth.errors import InvalidClient, LocalAuthorizationError, Reason
from doorward.records.changes import Insert
from doorward.records.oauth import Client

_BY_THE_COPY = frozenset(
    {
        Reason.ASSERTION_SIGNATURE,
        Reason.WRONG_AUTH_METHOD,
        Reason.UNEXPECTED_SECRET,
        Reason.MISSING_SECRET,
        Reason.WRONG_SECRET,
        Reason.EXPIRED_CLIENT,
    }
)
"""Refusals that follow from what is stored of a client, so that a newer description may say otherwise."""


class Caller:
    """The sender of one request with a form."""

    def __init__(self, authority: Authority, authorization: str | None, form: Mapping[str, str]) -> None:
        self.authority = authority
        self.presented = presented_client(authorization, form)
        self._assertion_used = False
        self._looked = False
        self._doubted = False

    async def introduce(self) -> None:
        """Where the client's id is a URL, ask for its document, even if nobody has come with that id before.

        Raises:
            InvalidClient: the document cannot be had or used; says why.
        """
        try:
            await self.authority.client(self.presented.client_id)
        except LocalAuthorizationError as error:
            raise InvalidClient(error.description, error.reason) from None

    async def client(self) -> Client:
        """Return the client as it is stored now, authenticated; call it in every attempt at a decision.

        If the client describes itself at a URL, its stored copy is read again before it is trusted, if it is no longer
        fresh, and before it is a reason to refuse the client.

        Raises:
            InvalidClient: it is not the one it says, or its description is gone or cannot be used any more.
            FetchError: its keys cannot be had just now, which is no verdict.
        """
        if not self._looked:
            self._looked = True
            await self._look_again(doubted=False)
        try:
            return await self._authenticated()
        except InvalidClient as error:
            if self._doubted or error.reason not in _BY_THE_COPY:
                raise
            self._doubted = True
            if not await self._look_again(doubted=True):
                raise
        return await self._authenticated()

    async def _look_again(self, *, doubted: bool) -> bool:
        documents, client_id = self.authority.documents, self.presented.client_id
        if documents is None or not is_document_url(client_id):
            return False
        try:
            return await documents.look_again(client_id, doubted=doubted)
        except LocalAuthorizationError as error:
            raise InvalidClient(error.description, error.reason) from None

    async def _authenticated(self) -> Client:
        authority, presented = self.authority, self.presented
        now = authority.clock.now()
        stored = await authority.store.get(Client, presented.client_id)
        client = stored.record if stored else None
        if presented.assertion is None:
            return authenticate(client, presented, now=now)
        keys = await self._keys(client)
        client, seen = prove(client, presented, keys=keys, now=now, policy=authority.policy)
        if not self._assertion_used:
            try:
                await authority.store.apply([Insert(seen)])
            except Conflict:
                raise replayed() from None
            self._assertion_used = True
        return client

    async def _keys(self, client: Client | None) -> tuple[Key, ...]:
        if client is None or self.presented.assertion is None:
            return ()
        if client.jwks is not None:
            return stored_keys(client.jwks)
        documents = self.authority.documents
        if client.jwks_uri is None or documents is None:
            return ()
        return tuple(await documents.keys(client, self.presented.assertion))
