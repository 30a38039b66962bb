"""Revocation: revoking a refresh token ends its whole grant; an access token ends only itself.

A token that the client may not revoke is left alone and answered like a success, so that no one learns which tokens
exist. Ending a grant deletes its tokens in the same transaction, so the next request with one is refused.

Implements RFC 7009 s2. `token_type_hint` is not needed, since the prefix of a token says what it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from doorward.oauth.errors import InvalidRequest, Reason
from doorward.records.changes import Change, Decision, Delete, DeleteAll, Replace, Stored
from doorward.records.oauth import AccessToken, Client, Grant, RefreshToken

REVOKED_BY_CLIENT = "revoked_by_client"


def revoke(
    form: Mapping[str, str],
    *,
    client: Client,
    found: Stored[AccessToken] | Stored[RefreshToken] | None,
    grant: Stored[Grant] | None,
    now: int,
) -> Decision[None]:
    """Decide what a revocation request ends; the response is 200 in any case.

    Raises:
        InvalidRequest: the form names no token.

    Spec: RFC 7009 s2.1, s2.2
    """
    if "token" not in form:
        raise InvalidRequest("token is missing.", Reason.MISSING_PARAMETER)
    if found is None or found.record.client_id != client.client_id:
        return Decision(None)
    record = found.record
    if isinstance(record, AccessToken):
        return Decision(None, (Delete(AccessToken, record.key, found.version),))
    if grant is None or grant.record.grant_id != record.grant_id:
        return Decision(None, (Delete(RefreshToken, record.key, found.version),))
    return Decision(None, end_grant(grant, reason=REVOKED_BY_CLIENT, now=now))


def end_grant(grant: Stored[Grant], *, reason: str, now: int) -> tuple[Change, ...]:
    """Return the changes that end a grant and every token made from it; an earlier end keeps its date and reason."""
    record = grant.record
    if record.revoked_at is None:
        record = msgspec.structs.replace(record, revoked_at=now, revoked_reason=str(reason))
    return (
        Replace(record, grant.version),
        DeleteAll(AccessToken, "grant_id", record.grant_id),
        DeleteAll(RefreshToken, "grant_id", record.grant_id),
    )
