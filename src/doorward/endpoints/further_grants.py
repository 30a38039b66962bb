"""What the grants without a redirect load before they decide: clients, accounts, tokens, assertions and devices.

The records are read anew in each attempt, so a decision that lost a race is taken again on what is true now.

Spec: RFC 6749 s4.4; RFC 8693 s2; RFC 7523 s2.1; RFC 8628 s3.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from doorward.authority.authority import Authority
from doorward.authority.exchanged_tokens import actor_stands
from doorward.oauth import grant_types
from doorward.oauth.clients.keys import Key
from doorward.oauth.errors import InvalidClient, Reason
from doorward.oauth.grants.client_credentials import client_credentials
from doorward.oauth.grants.device_code import poll
from doorward.oauth.grants.id_jag import check_assertion, read_assertion
from doorward.oauth.grants.jwt_bearer import jwt_bearer, presented_assertion
from doorward.oauth.grants.token_exchange import NOTHING, Exchanged, exchange
from doorward.oauth.tokens.opaque import digest
from doorward.oauth.tokens.reply import MintedTokens, TokenReply
from doorward.records.accounts import User
from doorward.records.changes import Decision, Stored
from doorward.records.oauth import AccessToken, Client, DeviceAuthorization, Grant, SeenAssertion


class FurtherGrants:
    """Loads for the grants of one authorization server; the caller has authenticated the client."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.decisions = {
            grant_types.CLIENT_CREDENTIALS: self.client_credentials,
            grant_types.TOKEN_EXCHANGE: self.token_exchange,
            grant_types.JWT_BEARER: self.jwt_bearer,
            grant_types.DEVICE_CODE: self.device_code,
        }

    async def client_credentials(
        self, form: Mapping[str, str], client: Client, minted: MintedTokens
    ) -> Decision[TokenReply]:
        """Decide about a client that asks in its own name."""
        store = self.authority.store
        stored = await self._client(client)
        user_id = stored.record.service_user_id
        return client_credentials(
            form,
            client=stored,
            account=await store.get(User, user_id) if user_id else None,
            grants=await store.find(Grant, user_id=user_id, client_id=client.client_id) if user_id else (),
            now=self.authority.clock.now(),
            minted=minted,
            policy=self.authority.policy,
        )

    async def token_exchange(
        self, form: Mapping[str, str], client: Client, minted: MintedTokens
    ) -> Decision[TokenReply]:
        """Decide about an exchange of tokens."""
        return exchange(
            form,
            client=await self._client(client),
            subject=await self._exchanged(form.get("subject_token")),
            actor=await self._exchanged(form.get("actor_token")),
            now=self.authority.clock.now(),
            minted=minted,
            policy=self.authority.policy,
        )

    async def jwt_bearer(self, form: Mapping[str, str], client: Client, minted: MintedTokens) -> Decision[TokenReply]:
        """Decide about an identity assertion.

        Raises:
            Unavailable: the keys of its issuer cannot be had just now, which is no verdict.
        """
        store, policy, now = self.authority.store, self.authority.policy, self.authority.clock.now()
        stored = await self._client(client)
        assertion = read_assertion(presented_assertion(form, stored.record), policy=policy)
        keys: Sequence[Key] = assertion.issuer.keys
        if not keys and self.authority.issuer_keys is not None:
            keys = await self.authority.issuer_keys.keys(assertion)
        identity = check_assertion(assertion, keys=keys, client=stored.record, now=now, policy=policy)
        return jwt_bearer(
            form,
            client=stored,
            identity=identity,
            seen=await store.get(SeenAssertion, identity.seen.assertion_digest),
            user=await store.get(User, identity.user_id),
            grants=await store.find(Grant, user_id=identity.user_id, client_id=client.client_id),
            now=now,
            minted=minted,
            policy=policy,
        )

    async def device_code(self, form: Mapping[str, str], client: Client, minted: MintedTokens) -> Decision[TokenReply]:
        """Decide about a device that asks whether its user has decided."""
        store, presented = self.authority.store, form.get("device_code")
        found = await store.find(DeviceAuthorization, device_digest=digest(presented)) if presented else []
        device = found[0] if found else None
        return poll(
            form,
            client=client,
            device=device,
            grant=await store.get(Grant, device.record.grant_id) if device and device.record.grant_id else None,
            now=self.authority.clock.now(),
            minted=minted,
            sealing=self.authority.sealing,
            policy=self.authority.policy,
        )

    async def _client(self, authenticated: Client) -> Stored[Client]:
        """Return the client with the version that the decision relies on; it may have been removed a moment ago."""
        stored = await self.authority.store.get(Client, authenticated.client_id)
        if stored is None:
            raise InvalidClient("The client is not known here.", Reason.UNKNOWN_CLIENT)
        # A client expires before it is removed; between the two nothing new may be made for it.
        if stored.record.expires_at is not None and stored.record.expires_at <= self.authority.clock.now():
            raise InvalidClient("The client's registration has expired.", Reason.EXPIRED_CLIENT)
        return stored

    async def _exchanged(self, token: str | None) -> Exchanged:
        store = self.authority.store
        access = await store.get(AccessToken, digest(token)) if token else None
        if access is None or not await actor_stands(store, access.record, now=self.authority.clock.now()):
            return NOTHING
        return Exchanged(access, await store.get(Grant, access.record.grant_id))
