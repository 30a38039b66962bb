"""The client credentials grant: a program acts as a service account, without a user at a browser.

Only for clients that an operator bound to a service account. The client's credentials are the only proof, so a public
client cannot use it. There is no refresh token, because the client can present its credentials again.

Implements RFC 6749 s4.4, RFC 8707 s2.2 and the MCP extension `io.modelcontextprotocol/oauth-client-credentials`. Does
not know how the client proved who it is.
"""

from __future__ import annotations

from collections.abc import Sequence

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
from doorward.oauth.resource_indicators import narrow
from doorward.oauth.scopes import grantable
from doorward.oauth.tokens.reply import Redemption, TokenReply
from doorward.records.accounts import User
from doorward.records.changes import Decision, Expect, Stored
from doorward.records.oauth import Client, Grant


def client_credentials(
    request: Redemption, *, account: Stored[User] | None, grants: Sequence[Stored[Grant]]
) -> Decision[TokenReply]:
    """Decide about a client that acts on its own behalf; `account` is the service account in its record.

    The token is written only if client and account are still as they were read. So neither can be removed or disabled
    unnoticed in between.

    Raises:
        OAuthError: refused.

    Spec: RFC 6749 s4.4.2, s4.4.3
    """
    client, policy = request.client.record, request.policy
    require_grant_type(client, CLIENT_CREDENTIALS)
    require_confidential(client)
    user = service_account(client, account)
    resource = narrow(request.form.get("resource"), policy=policy)
    scopes = grantable(parse_scope(request.form.get("scope")), client=client, resource=resource)
    wanted = wanted_grant(
        request,
        CLIENT_CREDENTIALS,
        user_id=user.record.user_id,
        scopes=scopes,
        resource=resource,
        lifetime_seconds=policy.grant_absolute_seconds,
    )
    grant, held = standing_grant(request, grants, wanted)
    return access_token_only(
        request,
        grant,
        scopes=scopes,
        changes=(Expect(User, user.record.user_id, user.version), held),
        expires_at=request.now + policy.access_token_seconds,
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
