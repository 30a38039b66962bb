"""Clients that the program declares in code: `Door(..., clients=[...])`, written to the store at each start.

A declaration overwrites what was stored under its id. A client that is no longer declared stays until an operator
removes it, because another program on the same store may still declare it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from doorward.authority.deciding import settle
from doorward.config.faults import shown
from doorward.errors import ConfigError, Problem
from doorward.oauth.clients.metadata import AUTH_METHODS
from doorward.oauth.clients.new_client import NewClient, pre_register
from doorward.oauth.errors import InvalidClientMetadata, OAuthError, Reason
from doorward.oauth.policy import Policy
from doorward.records.changes import Change, Insert, Replace
from doorward.records.oauth import Client
from doorward.storage.port import Store

_NEEDED = frozenset({"client_id", "client_name", "redirect_uris"})
_KNOWN = _NEEDED | {"client_secret", "token_endpoint_auth_method", "jwks", "jwks_uri"}


def read_declarations(declared: Sequence[Mapping[str, Any]], *, now: int, policy: Policy) -> tuple[Client, ...]:
    """Build a record from each declaration; field names are those of RFC 7591.

    Raises:
        ConfigError: lists every fault of every declaration.
    """
    problems: list[Problem] = []
    clients: list[Client] = []
    for number, each in enumerate(declared):
        where = f"Door(clients=...)[{number}]"
        missing, unknown = _NEEDED - each.keys(), each.keys() - _KNOWN
        if missing or unknown:
            problems += [Problem(f"{name} is missing", where=where) for name in sorted(missing)]
            problems += [Problem(f"there is no member {shown(name)}", where=where) for name in sorted(unknown)]
            continue
        try:
            clients.append(_client(each, now=now, policy=policy))
        except OAuthError as error:
            problems.append(Problem(f"the client cannot be registered: {error.description}", where=where))
    if len({client.client_id for client in clients}) < len(clients):
        problems.append(Problem("two clients have the same client_id", where="Door(clients=...)"))
    if problems:
        raise ConfigError(problems)
    return tuple(clients)


async def store_declared(store: Store, clients: Sequence[Client]) -> None:
    """Update the store to match the declarations; unchanged clients are not written again.

    Raises:
        ConfigError: an id belongs to a client that registered itself.
    """
    for client in clients:

        async def attempt(client: Client = client) -> list[Change]:
            stored = await store.get(Client, client.client_id)
            if stored is None:
                return [Insert(client)]
            if stored.record.source != "registered":
                raise ConfigError([Problem(f"the client id {shown(client.client_id)} is taken")])
            declared = msgspec.structs.replace(client, created_at=stored.record.created_at)
            return [] if declared == stored.record else [Replace(declared, stored.version)]

        await settle(store, attempt)


def _client(each: Mapping[str, Any], *, now: int, policy: Policy) -> Client:
    method = each.get("token_endpoint_auth_method")
    if method not in (None, *AUTH_METHODS):
        raise InvalidClientMetadata(
            f"token_endpoint_auth_method must be one of {', '.join(AUTH_METHODS)}.", Reason.UNSUPPORTED_METADATA
        )
    secret = each.get("client_secret")
    new = NewClient(
        client_name=str(each["client_name"]),
        redirect_uris=tuple(each["redirect_uris"]),
        confidential=bool(secret),
        token_endpoint_auth_method=method,
        jwks=each.get("jwks"),
        jwks_uri=each.get("jwks_uri"),
    )
    client = pre_register(new, client_id=str(each["client_id"]), client_secret=secret, now=now, policy=policy)
    return msgspec.structs.replace(client, is_declared=True)
