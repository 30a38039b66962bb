"""Dynamic client registration.

A self-registered client expires unless a user grants it something. Its secret is returned once and stored as a digest.
`client_id` in the body is ignored, so a client cannot choose another client's id.

Implements RFC 7591 s3. Does not know who may register or how often.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from doorward.oauth.clients.metadata import ClientMetadata
from doorward.oauth.clients.unused import Before, Place, known_again, occupy, remember
from doorward.oauth.errors import InvalidClientMetadata, Reason
from doorward.oauth.policy import Policy
from doorward.oauth.tokens.opaque import digest
from doorward.paths import REGISTER_PATH
from doorward.records.changes import Change, Decision, Insert
from doorward.records.oauth import Client, ClientAuthMethod


@dataclass(frozen=True, slots=True)
class MintedClient:
    """A fresh id and fresh secrets; only those in the reply are used."""

    client_id: str
    client_secret: str = field(repr=False)
    registration_access_token: str = field(repr=False)


def register_client(
    metadata: ClientMetadata,
    *,
    minted: MintedClient,
    now: int,
    policy: Policy,
    place: Place | None = None,
    before: Before | None = None,
) -> Decision[dict[str, object]]:
    """Register a client without an operator's approval; the reply echoes exactly what is stored.

    A public client gets no registration access token: the same metadata may return the same client to someone else.

    Raises:
        InvalidClientMetadata: it chose a method with keys, and sent no keys.

    Spec: RFC 7591 s3.1, s3.2.1
    """
    again = known_again(before, now=now, policy=policy)
    if again is not None:
        return Decision(registration_reply(again, policy=policy))
    public = metadata.token_endpoint_auth_method == "none"
    client = described(
        Client(
            client_id=minted.client_id,
            source="dynamic",
            created_at=now,
            expires_at=now + policy.unused_client_seconds,
            secret_digest=digest(minted.client_secret) if has_secret(metadata.token_endpoint_auth_method) else None,
            management_digest=None if public else digest(minted.registration_access_token),
        ),
        metadata,
    )
    changes: tuple[Change, ...] = (Insert(client),)
    if place is not None:
        changes += occupy(place, client, now=now)
    if before is not None and public:
        changes += (remember(before, client, now=now, policy=policy),)
    secrets = None if public else minted
    return Decision(registration_reply(client, policy=policy, minted=secrets), changes)


def described(client: Client, metadata: ClientMetadata) -> Client:
    """Return the record with the client's metadata.

    Raises:
        InvalidClientMetadata: it chose a method with keys, and sent no keys.
    """
    if metadata.token_endpoint_auth_method == "private_key_jwt" and metadata.jwks is None and client.jwks_uri is None:
        # A URL from a registration would let anyone make this server send requests.
        raise InvalidClientMetadata(
            "With private_key_jwt, send the public keys in jwks; no jwks_uri is asked for keys here.",
            Reason.UNSUPPORTED_METADATA,
        )
    return msgspec.structs.replace(
        client,
        client_name=metadata.client_name,
        redirect_uris=metadata.redirect_uris,
        grant_types=metadata.grant_types,
        response_types=metadata.response_types,
        token_endpoint_auth_method=metadata.token_endpoint_auth_method,
        auth_method_defaulted=metadata.auth_method_defaulted,
        scope=metadata.scope,
        application_type=metadata.application_type,
        dpop_bound_access_tokens=metadata.dpop_bound_access_tokens,
        metadata=metadata.display,
        jwks=metadata.jwks,
    )


def has_secret(method: ClientAuthMethod) -> bool:
    """Return whether a client with this authentication method has a secret."""
    return method in {"client_secret_basic", "client_secret_post"}


def registration_reply(client: Client, *, policy: Policy, minted: MintedClient | None = None) -> dict[str, object]:
    """Return the reply to a registration; it holds secrets only if this request created them.

    Spec: RFC 7591 s3.2.1, RFC 7592 s3
    """
    reply: dict[str, object] = {"client_id": client.client_id, "client_id_issued_at": client.created_at}
    if minted is not None:
        if has_secret(client.token_endpoint_auth_method) and minted.client_secret:
            reply |= {"client_secret": minted.client_secret, "client_secret_expires_at": 0}
        reply |= {
            "registration_access_token": minted.registration_access_token,
            "registration_client_uri": policy.url_of(f"{REGISTER_PATH}/{client.client_id}"),
        }
    # Leave out members without a value: several clients reject a null where they expect a string.
    if client.client_name:
        reply["client_name"] = client.client_name
    reply |= {
        "redirect_uris": list(client.redirect_uris),
        "grant_types": list(client.grant_types),
        "response_types": list(client.response_types),
        "token_endpoint_auth_method": client.token_endpoint_auth_method,
        "application_type": client.application_type,
    }
    if client.scope is not None:
        reply["scope"] = client.scope
    if client.dpop_bound_access_tokens:
        reply["dpop_bound_access_tokens"] = True
    if client.jwks is not None:
        reply["jwks"] = msgspec.json.decode(client.jwks)
    return reply | client.metadata
