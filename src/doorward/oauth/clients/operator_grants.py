"""What an operator gives a client beyond codes and refresh tokens, checked when it is given.

Nothing of this can be asked for in a registration: a client that registers itself never gets it.

Implements the limits of RFC 6749 s4.4 and RFC 8693 s5 as this server draws them.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from doorward.oauth.errors import InvalidClientMetadata, Reason
from doorward.oauth.grant_types import (
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    DEVICE_CODE,
    JWT_BEARER,
    REFRESH_TOKEN,
    TOKEN_EXCHANGE,
)
from doorward.records.oauth import Client

CONFIDENTIAL_ONLY = frozenset({CLIENT_CREDENTIALS, JWT_BEARER})


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorGrants:
    """The grants, and what they are bound to."""

    grant_types: tuple[str, ...] = ()
    service_user_id: str | None = None
    may_exchange: bool = False
    may_introspect: bool = False
    scope: str | None = None
    """The scopes that the client may have, as the wire string; None: all."""


NONE_GIVEN = OperatorGrants()


def with_operator_grants(client: Client, given: OperatorGrants) -> Client:
    """Return the client with what it is given; one without redirect URIs loses the grants that need a redirect.

    Raises:
        InvalidClientMetadata: grants and client contradict each other.
    """
    asked = set(given.grant_types)
    if asked & CONFIDENTIAL_ONLY and client.token_endpoint_auth_method == "none":
        raise _contradiction("client_credentials and jwt_bearer are for clients with a secret or a key.")
    if (CLIENT_CREDENTIALS in asked) != (given.service_user_id is not None):
        raise _contradiction("client_credentials needs a service account, and a service account needs it.")
    if given.may_exchange and TOKEN_EXCHANGE not in asked:
        raise _contradiction("Only a client with token_exchange can exchange tokens of others.")
    if given.may_exchange and client.token_endpoint_auth_method == "none":
        raise _contradiction("A client without a secret or a key cannot exchange tokens of others.")
    if given.may_introspect and client.token_endpoint_auth_method == "none":
        raise _contradiction("A client without a secret or a key cannot ask about tokens.")
    grant_types: tuple[str, ...] = (AUTHORIZATION_CODE, REFRESH_TOKEN) if client.redirect_uris else ()
    if not grant_types and DEVICE_CODE in asked:
        grant_types = (REFRESH_TOKEN,)
    return msgspec.structs.replace(
        client,
        grant_types=(*grant_types, *dict.fromkeys(given.grant_types)),
        response_types=client.response_types if client.redirect_uris else (),
        service_user_id=given.service_user_id,
        may_exchange=given.may_exchange,
        may_introspect=given.may_introspect,
        scope=given.scope if given.scope is not None else client.scope,
    )


def _contradiction(description: str) -> InvalidClientMetadata:
    return InvalidClientMetadata(description, Reason.UNSUPPORTED_METADATA)
