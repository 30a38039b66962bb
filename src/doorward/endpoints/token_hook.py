"""The operator's own function that is asked when tokens of a user's grant are made.

It is asked about what has been decided and before anything is applied, once for each request. Requests with the same
credential wait for each other here, so that the second one finds the first one's reply instead of asking as well.
What it raises besides a refusal is a bug, in which nothing was spent.

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
    """`on_token`, and whose turn it is to ask it."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @staticmethod
    def asks_about(grant_type: str) -> bool:
        """Return whether its tokens come from a user's grant, rather than from an operator or from another token."""
        return grant_type in _CREDENTIALS

    @asynccontextmanager
    async def asking(self, form: Mapping[str, str]) -> AsyncIterator[Asking]:
        """Wait until no other request of this process asks about the same credential."""
        grant_type = form["grant_type"]
        credential = digest(form.get(_CREDENTIALS[grant_type], ""))
        async with self._turns.setdefault(credential, asyncio.Lock()):
            yield Asking(self._hooks, grant_type)


class Asking:
    """One request. A decision that lost a race is taken again with the same answer."""

    def __init__(self, hooks: Hooks, grant_type: str) -> None:
        self._hooks = hooks
        self._grant_type = grant_type
        self._terms: TokenTerms | None = None

    async def settle(self, draft: Draft, client: Client) -> Decision[TokenReply]:
        """Return the decision that the function leaves.

        Raises:
            OAuthError: refused, by the core or by the function.
            HookFailed: there is no answer to go by.
        """
        decision = await draft(KEEP)
        made = [each.record for each in decision.changes if isinstance(each, Insert)]
        access = next((record for record in made if isinstance(record, AccessToken)), None)
        if access is None:
            return decision
        if self._terms is None:
            self._terms = await self._ask(access, client)
            # Anew also where nothing changes: the window for a repeat begins with the reply, not before the question.
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
