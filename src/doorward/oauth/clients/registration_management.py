"""Registration management: a client reads, replaces or deletes its registration with its registration access token.

A missing token, a wrong one, and another client's token get the same response, so that nobody learns which clients
exist. A client's secret is stored as a digest, so it cannot be shown again. Replacing the redirect URIs or the
authentication method voids every pending code, and no earlier address counts as used (`terms`).

Implements RFC 7592 s2 and s3. Does not know HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable
from hmac import compare_digest

import msgspec

from doorward.oauth.clients.metadata import read_metadata
from doorward.oauth.clients.registration import MintedClient, described, has_secret, registration_reply
from doorward.oauth.clients.terms import with_earlier_use
from doorward.oauth.errors import InvalidClientMetadata, InvalidToken, Reason
from doorward.oauth.policy import Policy
from doorward.oauth.tokens.opaque import digest
from doorward.oauth.tokens.revocation import end_grant
from doorward.records.changes import Change, Decision, Delete, DeleteAll, Replace, Stored
from doorward.records.oauth import Client, Consent, Grant

CLIENT_DELETED = "client_deleted"
_SET_HERE = ("registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at")


def managed(client: Stored[Client] | None, token: str | None, *, now: int) -> Stored[Client]:
    """Return the client that this registration access token manages.

    Raises:
        InvalidToken: the client does not exist, or the token is not its own.

    Spec: RFC 7592 s2
    """
    stored = None if client is None else client.record.management_digest
    if (
        client is None
        or stored is None
        or token is None
        or not compare_digest(digest(token), stored)
        or (client.record.expires_at is not None and client.record.expires_at <= now)
    ):
        raise InvalidToken("The registration access token is not that of this client.", Reason.MANAGEMENT_TOKEN)
    return client


def current_registration(client: Client, token: str, *, policy: Policy) -> dict[str, object]:
    """Return the registration as it is. Spec: RFC 7592 s2.1, s3."""
    return registration_reply(client, policy=policy, minted=MintedClient(client.client_id, "", token))


def replace_registration(
    body: object, client: Stored[Client], *, token: str, client_secret: str, policy: Policy
) -> Decision[dict[str, object]]:
    """Replace all of the client's metadata; fields that it leaves out are removed.

    `client_secret` is a fresh one, used only if the client had none and now registers a method that needs one.

    Raises:
        InvalidRedirectUri: a redirect URI cannot be used.
        InvalidClientMetadata: another field cannot be used.

    Spec: RFC 7592 s2.2
    """
    old = client.record
    if not isinstance(body, dict) or body.get("client_id") != old.client_id:
        raise InvalidClientMetadata("client_id must be that of the registration.", Reason.CLIENT_ID_MISMATCH)
    if any(name in body for name in _SET_HERE):
        raise InvalidClientMetadata(f"Leave out {', '.join(_SET_HERE)}.", Reason.UNSUPPORTED_METADATA)
    sent = body.get("client_secret")
    if sent is not None and not (
        isinstance(sent, str) and old.secret_digest and compare_digest(digest(sent), old.secret_digest)
    ):
        raise InvalidClientMetadata("client_secret is not that of the registration.", Reason.WRONG_SECRET)
    metadata = read_metadata(body, policy=policy)
    if metadata.token_endpoint_auth_method == "none":
        raise InvalidClientMetadata("A client cannot give up its authentication.", Reason.UNSUPPORTED_METADATA)
    needs_one = has_secret(metadata.token_endpoint_auth_method)
    fresh = client_secret if needs_one and old.secret_digest is None else ""
    kept = old.secret_digest if needs_one else None
    new = described(
        msgspec.structs.replace(old, secret_digest=digest(fresh) if fresh else kept),
        metadata,
    )
    new = with_earlier_use(new, old)
    reply = registration_reply(new, policy=policy, minted=MintedClient(old.client_id, fresh, token))
    return Decision(reply, (Replace(new, client.version),))


def expire_registration(client: Stored[Client], grants: Iterable[Stored[Grant]], *, now: int) -> Decision[None]:
    """Expire the client and end its grants; after this, nothing more can be granted to it.

    A consent in progress may add a grant that `grants` does not hold yet, without changing the client's record.
    `delete_registration` runs later, and sees all of them.
    """
    expired = msgspec.structs.replace(client.record, expires_at=now)
    return Decision(None, (Replace(expired, client.version), *_endings(grants, now)))


def delete_registration(client: Stored[Client], grants: Iterable[Stored[Grant]], *, now: int) -> Decision[None]:
    """Delete an expired client, its consents, and grants that were added while it expired. Spec: RFC 7592 s2.3."""
    client_id = client.record.client_id
    changes = (Delete(Client, client_id, client.version), DeleteAll(Consent, "client_id", client_id))
    return Decision(None, (*changes, *_endings(grants, now)))


def _endings(grants: Iterable[Stored[Grant]], now: int) -> tuple[Change, ...]:
    live = (grant for grant in grants if grant.record.revoked_at is None)
    return tuple(change for grant in live for change in end_grant(grant, reason=CLIENT_DELETED, now=now))
