"""The caller of a request: its credential, looked up in the store and judged by the rules of `doorward.oauth`.

Owns where a credential may be (one `Authorization` header, or the operator's header for header tokens) and which kinds
this door accepts. Query parameters are not accepted. Nothing is cached: a token that was just revoked is refused now.
If the store cannot answer, `Unavailable` says nothing about the credential.

Spec: RFC 6750 s2.1, s3; MCP 2026-07-28 basic/authorization (access token usage).
"""

from __future__ import annotations

from doorward.authority.dpop_proofs import CheckedProof
from doorward.authority.exchanged_tokens import actor_stands
from doorward.config.model import DoorSettings
from doorward.door.foreign_tokens import ForeignTokens
from doorward.door.inbound import Inbound
from doorward.door.possession import Possession
from doorward.door.services import DoorServices
from doorward.oauth.errors import BearerError, Reason
from doorward.oauth.metadata import protected_resource_url
from doorward.oauth.policy import Policy, Resource
from doorward.oauth.tokens import bearer
from doorward.oauth.tokens import opaque as tokens
from doorward.oauth.tokens.access_token_jwt import is_shaped_like_one
from doorward.records.accounts import HeaderToken
from doorward.records.changes import Stored
from doorward.records.oauth import AccessToken
from doorward.upstreams.port import Caller


class Authenticator:
    """The credential rules of one door."""

    def __init__(
        self,
        settings: DoorSettings,
        resource: Resource,
        services: DoorServices,
        *,
        demanded: tuple[str, ...],
    ) -> None:
        self._mode = settings.auth
        self._policy = services.policy
        self._resource = resource
        self._store = services.store
        self._clock = services.clock
        self._scopes = resource.scopes
        self._demanded = demanded
        """The scopes that every call needs."""
        proofs = services.proofs if settings.auth == "oauth" else None
        self.possession = None if proofs is None else Possession(proofs, resource)
        """The rule for key-bound tokens; None if this door accepts none."""
        self._last_used = services.last_used
        hooks = services.hooks
        self._foreign = (
            None if hooks.verify_token is None else ForeignTokens(hooks, services.policy, resource, services.clock)
        )
        self._token_header = None if settings.token_header is None else settings.token_header.lower().encode("ascii")
        # Metadata names an authorization server; at a door with only header tokens, it would mislead clients.
        self._resource_metadata = protected_resource_url(resource.uri) if self._mode == "oauth" else None
        self._plain_challenge = self._build_challenge(None)

    def follow(self, policy: Policy) -> None:
        """Switch to the policy of other settings in which this door is unchanged; the default door may differ."""
        self._policy = policy

    async def identify(self, inbound: Inbound, method: str) -> tuple[Caller | None, CheckedProof | None]:
        """Return the caller, and the proof of a key-bound token.

        The caller is None if the door requires no credential.

        Raises:
            BearerError: no credential, an invalid one, or one without the scopes of this door.
            Unavailable: the store cannot answer.
        """
        if self._mode == "none":
            return None, None
        presented = self._presented(inbound)
        if presented is None:
            return await self._by_proof(inbound, method)
        if presented.startswith(tokens.HEADER_TOKEN):
            return await self._by_header_token(presented), None
        may_be_ours = self._mode == "oauth" and (
            tokens.is_well_formed(presented, tokens.ACCESS_TOKEN) or is_shaped_like_one(presented)
        )
        stored = await self._store.get(AccessToken, tokens.digest(presented)) if may_be_ours else None
        if stored is None and self._foreign is not None and self._foreign.may_be_one(presented):
            caller = await self._foreign.caller(presented)
            bearer.check_scopes(caller.scopes, self._demanded)
            return caller, None
        if not may_be_ours:
            raise _invalid(Reason.MALFORMED_TOKEN, "This is not a token of this server.")
        record = self._good(stored)
        if record.dpop_jkt is not None:
            raise bearer.unproved_token()
        if record.act:
            await self._require_actor(record)
        return self._caller(record), None

    async def _by_proof(self, inbound: Inbound, method: str) -> tuple[Caller, CheckedProof]:
        """Find a key-bound token. Verifying a proof costs a signature check, so the token comes first."""
        presented = bearer.presented_dpop_token(inbound.captured.get(b"authorization"))
        if presented is None or self.possession is None:
            raise BearerError(Reason.NO_TOKEN, "This server asks for an access token.", error=None)
        try:
            record = self._good(await self._store.get(AccessToken, tokens.digest(presented)))
        except BearerError as error:
            error.scheme = "DPoP"
            raise
        proof = self.possession.check(record, inbound, token=presented, method=method)
        try:
            if record.act:
                await self._require_actor(record)
            return self._caller(record), proof
        except BearerError as error:
            error.nonce = proof.fresh_nonce
            raise

    def _good(self, stored: Stored[AccessToken] | None) -> AccessToken:
        """Return the record of an access token for this door. Raises `BearerError`."""
        record = None if stored is None else stored.record
        return bearer.check_access_token(record, now=self._clock.now(), resource=self._resource.uri)

    async def _require_actor(self, record: AccessToken) -> None:
        """Check that the actor of an exchanged token may still act. Raises `BearerError`."""
        if not await actor_stands(self._store, record, now=self._clock.now()):
            raise _invalid(Reason.UNKNOWN_TOKEN, "The access token is not valid.")

    def _caller(self, record: AccessToken) -> Caller:
        """Return the caller of the token. Raises `BearerError`: a scope is missing."""
        bearer.check_scopes(record.scopes, self._demanded)
        return Caller(
            record.user_id,
            record.client_id,
            record.scopes,
            record.resource,
            self._policy.issuer,
            record.expires_at,
            record.grant_id,
            record.dpop_jkt,
        )

    async def _by_header_token(self, presented: str) -> Caller:
        if not tokens.is_well_formed(presented, tokens.HEADER_TOKEN):
            raise _invalid(Reason.MALFORMED_TOKEN, "This is not a token of this server.")
        stored = await self._store.get(HeaderToken, tokens.digest(presented))
        now = self._clock.now()
        found = None if stored is None else stored.record
        record = bearer.check_header_token(found, now=now, door=self._resource.name, policy=self._policy)
        if self._last_used is not None:
            self._last_used.note(record, now)
        bearer.check_scopes(record.scopes, self._demanded)
        return Caller(
            record.user_id,
            record.token_id,
            record.scopes,
            self._resource.uri,
            self._policy.issuer,
            record.expires_at,
            record.token_id,
        )

    def _presented(self, inbound: Inbound) -> str | None:
        """Return the bearer or header token; None if there is neither."""
        captured, doubled = inbound.captured, inbound.doubled
        if doubled and (b"authorization" in doubled or self._token_header in doubled):
            raise _invalid(Reason.MALFORMED_TOKEN, "The request carries more than one credential.")
        presented = bearer.presented_token(captured.get(b"authorization"))
        if self._token_header is None or self._token_header == b"authorization":
            own = None
        else:
            own = _header_token(captured.get(self._token_header))
        if presented is not None and own is not None:
            raise _invalid(Reason.MALFORMED_TOKEN, "The request carries more than one credential.")
        if own is not None and bearer.presented_dpop_token(captured.get(b"authorization")) is not None:
            raise _invalid(Reason.MALFORMED_TOKEN, "The request carries more than one credential.")
        return presented if presented is not None else own

    def challenge(self, error: BearerError) -> bytes:
        """Return the `WWW-Authenticate` value for an error."""
        return self._plain_challenge if error.error is None else self._build_challenge(error)

    def _build_challenge(self, error: BearerError | None) -> bytes:
        text = bearer.challenge(
            error,
            resource_metadata=self._resource_metadata,
            scope=" ".join(self._scopes),
            offers_dpop=self.possession is not None and self._policy.require_dpop,
        )
        return text.encode("latin-1", "replace")


def _header_token(value: bytes | None) -> str | None:
    """Parse the operator's own header: a header token, with or without `Bearer`; nothing else is valid there."""
    if value is None:
        return None
    text = value.decode("latin-1").strip(" \t")
    scheme, _, rest = text.partition(" ")
    token = rest.strip(" \t") if scheme.lower() == "bearer" else text
    if not token.startswith(tokens.HEADER_TOKEN):
        raise _invalid(Reason.MALFORMED_TOKEN, "The token header must hold a header token of this server.")
    return token


def _invalid(reason: Reason, description: str) -> BearerError:
    return BearerError(reason, description)
