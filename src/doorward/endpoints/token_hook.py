"""Calls the operator's hook `on_token` when tokens of a user's grant are issued.

The hook runs once per request, after the decision and before it is applied. Requests with the same credential wait for
each other here, so that the second one gets the first one's reply without another call. Any exception but a refusal is
a bug, and consumes nothing.

Spec: RFC 6749 s5.1, s6.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from doorward.hooks import Hooks
from doorward.oauth.grant_types import AUTHORIZATION_CODE, DEVICE_CODE, REFRESH_TOKEN
from doorward.oauth.tokens.opaque import digest
from doorward.oauth.tokens.reply import TokenReply
from doorward.oauth.tokens.terms import KEEP, TokenRequest, TokenTerms
from doorward.records.changes import Decision, Insert
from doorward.records.oauth import AccessToken, Client

Draft = Callable[[TokenTerms], Awaitable[Decision[TokenReply]]]

_CREDENTIALS = {AUTHORIZATION_CODE: "code", REFRESH_TOKEN: "refresh_token", DEVICE_CODE: "device_code"}


class TokenHook:
    """The hook `on_token`, and the queue of requests that wait to call it."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @staticmethod
    def asks_about(grant_type: str) -> bool:
        """Return whether its tokens come from a user's grant, and not from an operator or another token."""
        return grant_type in _CREDENTIALS

    @asynccontextmanager
    async def asking(self, form: Mapping[str, str]) -> AsyncIterator[Asking]:
        """Wait until no other request of this process calls the hook for the same credential."""
        grant_type = form["grant_type"]
        credential = digest(form.get(_CREDENTIALS[grant_type], ""))
        async with self._turns.setdefault(credential, asyncio.Lock()):
            yield Asking(self._hooks, grant_type)


class Asking:
    """One request. A decision that lost a race is retried with the same answer of the hook."""

    def __init__(self, hooks: Hooks, grant_type: str) -> None:
        self._hooks = hooks
        self._grant_type = grant_type
        self._terms: TokenTerms | None = None

    async def settle(self, draft: Draft, client: Client) -> Decision[TokenReply]:
        """Return the decision with the hook's terms applied.

        Raises:
            OAuthError: refused, by our rules or by the hook.
            HookFailed: the hook gave no valid answer.
        """
        decision = await draft(KEEP)
        made = [each.record for each in decision.changes if isinstance(each, Insert)]
        access = next((record for record in made if isinstance(record, AccessToken)), None)
        if access is None:
            return decision
        if self._terms is None:
            self._terms = await self._ask(access, client)
            # Decide again even if nothing changes: the replay window starts with the reply, not before the hook ran.
            return await draft(self._terms)
        return decision if self._terms == KEEP else await draft(self._terms)

    async def _ask(self, access: AccessToken, client: Client) -> TokenTerms:
        question = TokenRequest(
            user=access.user_id,
            client_id=client.client_id,
            client_name=client.client_name,
            resource=access.resource,
            scopes=access.scopes,
            grant_id=access.grant_id,
            grant_type=self._grant_type,
        )
        return await self._hooks.token(question) or KEEP
