"""Client authentication at an endpoint, once per request, however often its decision is retried.

An assertion is consumed before the decision, in a transaction of its own. A request that is refused afterwards has
consumed it too, and of any number of requests with one assertion only one proceeds.

Spec: RFC 6749 s2.3; RFC 7523 s2.2, s3.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request

from doorward.authority.authority import Authority
from doorward.edge.frame import require_content_type
from doorward.errors import Conflict
from doorward.oauth.clients.assertion import replayed
from doorward.oauth.clients.authentication import authenticate, presented_client, prove
from doorward.oauth.clients.id_metadata import is_document_url
from doorward.oauth.clients.keys import Key, stored_keys
from doorward.oauth.errors import InvalidClient, LocalAuthorizationError, Reason
from doorward.oauth.parameters import parse_form
from doorward.records.changes import Insert, Stored
from doorward.records.oauth import Client, SeenAssertion

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
"""Refusals that depend on the stored description of a client, so a newer one may reverse them."""


async def read_form(request: Request) -> dict[str, str]:
    """Return the posted form.

    Raises:
        OAuthError: the wrong content type, or a form that can't be parsed.

    Spec: RFC 6749 s3.2
    """
    require_content_type(request, "application/x-www-form-urlencoded")
    return parse_form(await request.body())


class Caller:
    """The client that sent a form."""

    def __init__(self, authority: Authority, request: Request, form: Mapping[str, str]) -> None:
        self.authority = authority
        self.presented = presented_client(request.headers.get("authorization"), form)
        self._assertion_used = False
        self._looked = False
        self._doubted = False

    async def fetch_client_document(self) -> None:
        """Fetch the client's metadata document if its id is a URL, even if the client is new here.

        Raises:
            InvalidClient: the document can't be fetched or used; says why.
        """
        try:
            await self.authority.client(self.presented.client_id)
        except LocalAuthorizationError as error:
            raise InvalidClient(error.description, error.reason) from None

    async def client(self) -> Stored[Client]:
        """Return the authenticated client as it is stored now; call it in every attempt at a decision.

        If the client has a metadata document, a stale copy is refetched before it is trusted, and before the client is
        refused because of it.

        Raises:
            InvalidClient: authentication failed, or its metadata document is gone or no longer usable.
            FetchError: its keys can't be fetched now, which says nothing about the client.
        """
        if not self._looked:
            self._looked = True
            await self._refresh_document(doubted=False)
        try:
            return await self._authenticated()
        except InvalidClient as error:
            if self._doubted or error.reason not in _BY_THE_COPY:
                raise
            self._doubted = True
            if not await self._refresh_document(doubted=True):
                raise
        return await self._authenticated()

    async def _refresh_document(self, *, doubted: bool) -> bool:
        documents, client_id = self.authority.documents, self.presented.client_id
        if documents is None or not is_document_url(client_id):
            return False
        try:
            return await documents.refresh_client_document(client_id, doubted=doubted)
        except LocalAuthorizationError as error:
            raise InvalidClient(error.description, error.reason) from None

    async def _authenticated(self) -> Stored[Client]:
        authority, presented = self.authority, self.presented
        now = authority.clock.now()
        stored = await authority.store.get(Client, presented.client_id)
        client = stored.record if stored else None
        if presented.assertion is None:
            authenticate(client, presented, now=now)
        else:
            keys = await self._keys(client)
            _, seen = prove(client, presented, keys=keys, now=now, policy=authority.policy)
            await self._use(seen)
        assert stored is not None  # an unknown client was refused above
        return stored

    async def _use(self, seen: SeenAssertion) -> None:
        if self._assertion_used:
            return
        try:
            await self.authority.store.apply([Insert(seen)])
        except Conflict:
            raise replayed() from None
        self._assertion_used = True

    async def _keys(self, client: Client | None) -> tuple[Key, ...]:
        if client is None or self.presented.assertion is None:
            return ()
        if client.jwks is not None:
            return stored_keys(client.jwks)
        documents = self.authority.documents
        if client.jwks_uri is None or documents is None:
            return ()
        return tuple(await documents.keys(client, self.presented.assertion))
