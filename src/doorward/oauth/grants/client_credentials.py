"""The client credentials grant: a program that acts as a service account, with nobody at a browser.

Only for clients that an operator bound to a service account: the client's own credentials are the whole proof, so a
public client has nothing to show. There is no refresh token, since the credentials can be shown again.

Implements RFC 6749 s4.4, RFC 8707 s2.2 and the MCP extension `io.modelcontextprotocol/oauth-client-credentials`. Does
not know how the client proved who it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from doorward.oauth.errors import Reason, UnauthorizedClient
from doorward.oauth.grant_types import CLIENT_CREDENTIALS
from doorward.oauth.grants.standing import (
    access_token_only,
    require_confidential,
    require_grant_type,
    standing_grant,
    wanted_grant,
)
from doorward.oauth.parameters import parse_scope
from doorward.oauth.policy import Policy
from doorward.oauth.resource_indicators import narrow
from doorward.oauth.scopes import grantable
from doorward.oauth.tokens.reply import MintedTokens, TokenReply
from doorward.records.accounts import User
from doorward.records.changes import Decision, Expect, Stored
from doorward.records.oauth import Client, Grant


def client_credentials(
    form: Mapping[str, str],
    *,
    client: Stored[Client],
    account: Stored[User] | None,
    grants: Sequence[Stored[Grant]],
    now: int,
    minted: MintedTokens,
    policy: Policy,
) -> Decision[TokenReply]:
    """Decide about a client that asks in its own name; `account` is the one that its record names.

    The token is written only while client and account are as they were read, so neither can be removed or switched
    off in between unseen.

    Raises:
        OAuthError: refused.

    Spec: RFC 6749 s4.4.2, s4.4.3
    """
    record = client.record
    require_grant_type(record, CLIENT_CREDENTIALS)
    require_confidential(record)
    user = service_account(record, account)
    resource = narrow(form.get("resource"), policy=policy)
    scopes = grantable(parse_scope(form.get("scope")), client=record, resource=resource)
    wanted = wanted_grant(
        CLIENT_CREDENTIALS,
        client_id=record.client_id,
        user_id=user.record.user_id,
        scopes=scopes,
        resource=resource.uri,
        now=now,
        lifetime_seconds=policy.grant_absolute_seconds,
    )
    grant, held = standing_grant(grants, wanted, now=now, policy=policy)
    held_account = Expect(User, user.record.user_id, user.version)
    return access_token_only(
        grant,
        client_id=record.client_id,
        scopes=scopes,
        changes=(Expect(Client, record.client_id, client.version), held_account, held),
        now=now,
        expires_at=now + policy.access_token_seconds,
        minted=minted,
        policy=policy,
    )


def service_account(client: Client, account: Stored[User] | None) -> Stored[User]:
    """Return the service account that the client is bound to.

    Raises:
        UnauthorizedClient: it is bound to none, or the account is gone, switched off, or a person's.
    """
    if client.service_user_id is None or account is None or account.record.user_id != client.service_user_id:
        raise UnauthorizedClient("This client is not bound to a service account.", Reason.NO_SERVICE_ACCOUNT)
    if account.record.user_kind != "service":
        raise UnauthorizedClient("A client cannot act as a person by itself.", Reason.NO_SERVICE_ACCOUNT)
    if account.record.disabled_at is not None:
        raise UnauthorizedClient("The service account is switched off.", Reason.USER_ENDED)
    return account
