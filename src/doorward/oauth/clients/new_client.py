"""A client that an operator adds, and the record made from it.

One value describes it from the command line, the API or a declaration down to the decision, with the record's own field
names. Grants other than codes and refresh tokens are available only this way; a client that registers itself never gets
them.

Implements the limits of RFC 6749 s4.4 and RFC 8693 s5 as this server draws them. Does not know who may add a client.
"""

from __future__ import annotations

from dataclasses import dataclass

from doorward.oauth.clients.keys import read_jwks, read_jwks_uri
from doorward.oauth.clients.metadata import check_redirect_uris, clean_text
from doorward.oauth.clients.registration import has_secret
from doorward.oauth.errors import InvalidClientMetadata, Reason
from doorward.oauth.grant_types import (
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    DEVICE_CODE,
    JWT_BEARER,
    REFRESH_TOKEN,
    TOKEN_EXCHANGE,
)
from doorward.oauth.policy import Policy
from doorward.oauth.tokens.opaque import digest
from doorward.records.oauth import Client, ClientAuthMethod

CONFIDENTIAL_ONLY = frozenset({CLIENT_CREDENTIALS, JWT_BEARER})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewClient:
    """What an operator declares about a client."""

    client_name: str
    redirect_uris: tuple[str, ...] = ()
    """Not needed by a client that only introspects, or whose grants need no redirect."""
    confidential: bool = True
    """Whether it gets a secret; a client with its own keys gets none."""
    token_endpoint_auth_method: ClientAuthMethod | None = None
    """None: derived from secret or keys. A secret is then accepted by Basic and in the body alike."""
    jwks: object = None
    """Its public keys, as the decoded JWK set."""
    jwks_uri: str | None = None
    grant_types: tuple[str, ...] = ()
    """In addition to codes and refresh tokens."""
    service_user_id: str | None = None
    may_exchange: bool = False
    may_introspect: bool = False
    scope: str | None = None
    """The scopes that the client may have, as the wire string; None: all."""

    @property
    def has_keys(self) -> bool:
        """Whether it authenticates with its own keys."""
        return self.jwks is not None or self.jwks_uri is not None


def pre_register(new: NewClient, *, client_id: str, client_secret: str | None, now: int, policy: Policy) -> Client:
    """Build the record of a client that an operator adds; it never expires.

    Raises:
        InvalidRedirectUri: a redirect URI cannot be used.
        InvalidClientMetadata: secret, keys, method and grants contradict each other, or the keys cannot be used.
    """
    unsaid: ClientAuthMethod = "client_secret_basic" if client_secret else "private_key_jwt" if new.has_keys else "none"
    method = new.token_endpoint_auth_method or unsaid
    if has_secret(method) != bool(client_secret) or (method == "private_key_jwt") != new.has_keys:
        raise _contradiction("A client has a secret or keys exactly if its authentication method wants them.")
    _check_grants(new, is_public=method == "none")
    redirects = bool(new.redirect_uris) or not (new.grant_types or new.may_introspect)
    redirect_uris = check_redirect_uris(new.redirect_uris, policy=policy) if redirects else ()
    return Client(
        client_id=client_id,
        source="registered",
        created_at=now,
        client_name=clean_text(new.client_name, limit_chars=policy.client_name_chars),
        redirect_uris=redirect_uris,
        grant_types=_grant_types(new, redirect_uris),
        response_types=("code",) if redirect_uris else (),
        token_endpoint_auth_method=method,
        auth_method_defaulted=new.token_endpoint_auth_method is None and bool(client_secret),
        secret_digest=digest(client_secret) if client_secret else None,
        jwks=None if new.jwks is None else read_jwks(new.jwks),
        jwks_uri=read_jwks_uri(new.jwks_uri),
        service_user_id=new.service_user_id,
        may_exchange=new.may_exchange,
        may_introspect=new.may_introspect,
        scope=new.scope,
    )


def _check_grants(new: NewClient, *, is_public: bool) -> None:
    asked = set(new.grant_types)
    if asked & CONFIDENTIAL_ONLY and is_public:
        raise _contradiction("client_credentials and jwt_bearer are for clients with a secret or a key.")
    if (CLIENT_CREDENTIALS in asked) != (new.service_user_id is not None):
        raise _contradiction("client_credentials needs a service account, and a service account needs it.")
    if new.may_exchange and TOKEN_EXCHANGE not in asked:
        raise _contradiction("Only a client with token_exchange can exchange tokens of others.")
    if new.may_exchange and is_public:
        raise _contradiction("A client without a secret or a key cannot exchange tokens of others.")
    if new.may_introspect and is_public:
        raise _contradiction("A client without a secret or a key cannot ask about tokens.")


def _grant_types(new: NewClient, redirect_uris: tuple[str, ...]) -> tuple[str, ...]:
    """Return all its grants. Without redirect URIs, leave out those that need a redirect."""
    grant_types: tuple[str, ...] = (AUTHORIZATION_CODE, REFRESH_TOKEN) if redirect_uris else ()
    if not grant_types and DEVICE_CODE in new.grant_types:
        grant_types = (REFRESH_TOKEN,)
    return (*grant_types, *dict.fromkeys(new.grant_types))


def _contradiction(description: str) -> InvalidClientMetadata:
    return InvalidClientMetadata(description, Reason.UNSUPPORTED_METADATA)
