"""Dynamic client registration, and the same record made by an operator.

A self-registered client expires unless somebody grants it something. Its secret is returned once and stored as a
digest; `client_id` in the body is ignored, so nobody can choose one that belongs to another.

Implements RFC 7591 s3. RFC 7592 is not served. Does not know who may register or how often.
"""

from __future__ import annotations

from doorward.oauth.changes import Decision, Insert
from doorward.oauth.client_metadata import ClientMetadata, check_redirect_uris, clean_text, read_metadata
from doorward.oauth.errors import InvalidClientMetadata, Reason
from doorward.oauth.operator_grants import NONE_GIVEN, OperatorGrants, with_operator_grants
from doorward.oauth.policy import Policy
from doorward.oauth.records import Client, ClientAuthMethod
from doorward.oauth.tokens import digest


def register_client(
    body: object, *, client_id: str, client_secret: str, now: int, policy: Policy
) -> Decision[dict[str, object]]:
    """Register a client that nobody vouches for; the reply echoes what is stored, and nothing else.

    Raises:
        InvalidRedirectUri: a redirect URI cannot be used.
        InvalidClientMetadata: another field cannot be used.

    Spec: RFC 7591 s3.1, s3.2.1
    """
    metadata = read_metadata(body, policy=policy)
    public = metadata.token_endpoint_auth_method == "none"
    client = Client(
        client_id=client_id,
        source="dynamic",
        created_at=now,
        expires_at=now + policy.unused_client_seconds,
        client_name=metadata.client_name,
        redirect_uris=metadata.redirect_uris,
        grant_types=metadata.grant_types,
        response_types=metadata.response_types,
        token_endpoint_auth_method=metadata.token_endpoint_auth_method,
        auth_method_defaulted=metadata.auth_method_defaulted,
        secret_digest=None if public else digest(client_secret),
        scope=metadata.scope,
        application_type=metadata.application_type,
        metadata=metadata.display,
    )
    return Decision(_reply(client, metadata, None if public else client_secret), (Insert(client),))


def pre_register(
    *,
    client_id: str,
    client_name: str,
    redirect_uris: tuple[str, ...] | list[str],
    client_secret: str | None,
    auth_method: ClientAuthMethod | None = None,
    now: int,
    policy: Policy,
    given: OperatorGrants = NONE_GIVEN,
) -> Client:
    """Build the record of a client that an operator adds; it never expires.

    Without `auth_method` a client with a secret may send it by Basic or in the body. One that is `given` a grant
    without a redirect needs no redirect URI.

    Raises:
        InvalidRedirectUri: a redirect URI cannot be used.
        InvalidClientMetadata: secret, method and grants contradict each other.
    """
    method: ClientAuthMethod = auth_method or ("client_secret_basic" if client_secret else "none")
    if (method == "none") == bool(client_secret):
        raise InvalidClientMetadata(
            "A client has a secret exactly if its authentication method is not none.", Reason.UNSUPPORTED_METADATA
        )
    redirects = bool(redirect_uris) or not given.grant_types
    client = Client(
        client_id=client_id,
        source="registered",
        created_at=now,
        client_name=clean_text(client_name, limit_chars=policy.client_name_chars),
        redirect_uris=check_redirect_uris(redirect_uris, policy=policy) if redirects else (),
        token_endpoint_auth_method=method,
        auth_method_defaulted=auth_method is None and bool(client_secret),
        secret_digest=digest(client_secret) if client_secret else None,
    )
    return with_operator_grants(client, given)


def _reply(client: Client, metadata: ClientMetadata, client_secret: str | None) -> dict[str, object]:
    reply: dict[str, object] = {"client_id": client.client_id, "client_id_issued_at": client.created_at}
    if client_secret is not None:
        reply |= {"client_secret": client_secret, "client_secret_expires_at": 0}
    # Members without a value are left out: several clients refuse a null where they expect a string.
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
    return reply | metadata.display
