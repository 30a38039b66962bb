"""The dependencies of a decision: policy, store, clock, randomness and sealing.

Endpoints and pages pass `decide` a function that loads records and calls a pure function of `doorward.oauth`. `decide`
returns the reply only after its changes are durable. The loop itself is in `deciding`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar
from weakref import WeakValueDictionary

from doorward.authority.deciding import Turns, decide
from doorward.authority.dpop_proofs import DpopProofs
from doorward.authority.kept_replies import KeptReplies
from doorward.clock import Clock, Entropy
from doorward.errors import KeyNotKnown
from doorward.oauth.clients.assertion import Assertion
from doorward.oauth.clients.id_metadata import is_document_url
from doorward.oauth.clients.keys import Key
from doorward.oauth.grants import id_jag
from doorward.oauth.policy import Policy
from doorward.oauth.tokens.access_token_jwt import Sign
from doorward.oauth.tokens.reply import Sealing
from doorward.records.changes import Decision, Stored
from doorward.records.oauth import Client
from doorward.storage.port import Store

__all__ = ["Authority", "Sealing"]

Reply = TypeVar("Reply")


class ClientDocuments(Protocol):
    """Clients that are described by a metadata document at their own URL."""

    async def client(self, client_id: str) -> Stored[Client] | None:
        """Return the client whose metadata document is at this URL; fetches it again if the copy is no longer fresh.

        Raises:
            LocalAuthorizationError: the document can't be fetched or used; says why.
        """
        ...

    async def refresh_client_document(self, client_id: str, *, doubted: bool = False) -> bool:
        """Fetch the document of a stored client if the copy is not fresh, or `doubted`; return whether it was fetched.

        Raises:
            LocalAuthorizationError: the document is gone, or can no longer be used.
            FetchError: it can't be fetched, and the copy is too old to verify a key with.
        """
        ...

    async def keys(self, client: Client, assertion: Assertion) -> Sequence[Key]:
        """Return the public keys of a client; fetches them again if none could have made the signature."""
        ...


class IssuerKeys(Protocol):
    """The keys that identity providers publish."""

    async def keys(self, assertion: id_jag.Assertion) -> Sequence[Key]:
        """Return the keys that may have signed the assertion. Raises `Unavailable`."""
        ...


@dataclass(frozen=True, slots=True)
class Authority:
    """The ports of one authorization server."""

    policy: Policy
    store: Store
    clock: Clock
    entropy: Entropy
    sealing: Sealing
    proofs: DpopProofs
    sign: Sign
    documents: ClientDocuments | None = None
    """None: never fetch metadata documents."""
    issuer_keys: IssuerKeys | None = None
    """None: trust only the keys of identity providers that are in the settings."""
    turns: Turns = field(default_factory=WeakValueDictionary, repr=False)
    kept: KeptReplies = field(default_factory=KeptReplies, repr=False)
    """The replies of this process that are kept for a retry."""
    granted: Counter[str] = field(default_factory=Counter, repr=False)
    """Successful token requests of this process, by `grant_type`."""

    def following(self, before: Authority) -> Authority:
        """Return this authority with the in-memory state of the one that it replaces."""
        return replace(self, turns=before.turns, kept=before.kept, granted=before.granted)

    async def client(self, client_id: str) -> Stored[Client] | None:
        """Return the client with its current description; if its id is a URL, the document may be fetched.

        For the authorization endpoint and its pages, where a client may be new.

        Raises:
            LocalAuthorizationError: the document can't be fetched or used; says why.
        """
        if self.documents is not None and is_document_url(client_id):
            return await self.documents.client(client_id)
        return await self.store.get(Client, client_id)

    async def decide(self, attempt: Callable[[], Awaitable[Decision[Reply]]]) -> Reply:
        """Run `attempt` until its changes are applied, and return its reply.

        Raises:
            Unavailable: the store is down, or the record changes faster than a decision can be applied.
        """
        while True:
            try:
                return await decide(self.store, attempt, self.turns)
            except KeyNotKnown as unknown:
                await unknown.learn()
