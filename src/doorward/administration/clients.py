"""Operations on OAuth clients."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from doorward.administration.listing import Cursor, Limit, Page, page_of
from doorward.administration.operation import (
    Administration,
    Operation,
    Parameters,
    Result,
)
from doorward.audit.events import AuditEvent
from doorward.directory import clients as registered_clients
from doorward.errors import ConfigError, Problem
from doorward.oauth.clients.new_client import NewClient
from doorward.oauth.clients.presets import CLIENT_PRESETS, ClientPreset
from doorward.oauth.clients.secrets import LONGEST_OVERLAP_SECONDS
from doorward.oauth.grant_types import OPERATOR_GRANTS
from doorward.records.oauth import Client

_REACHES_TOKENS = ("admin:tokens",)
"""Also needed for a client that gets tokens without a user, exchanges other clients' tokens, or introspects them."""
_REACHING = "a client that gets or inspects tokens without a user"
ClientId = Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]


class ClientView(Result, frozen=True, kw_only=True):
    """The public fields of a client, with the names of RFC 7591."""

    client_id: str
    client_name: str
    source: str
    redirect_uris: tuple[str, ...]
    grant_types: tuple[str, ...]
    token_endpoint_auth_method: str
    service_account: str | None
    may_exchange: bool
    may_introspect: bool
    scope: str | None
    created_at: int
    expires_at: int | None
    earlier_secret_until: int | None
    """Until when the secret before the last rotation is valid; None: there is no such secret."""


class NewClientView(ClientView, frozen=True, kw_only=True):
    """A client that was just registered."""

    client_secret: str | None
    """Shown only once; None: a public client has no secret."""
    mcp_url: str
    doors: dict[str, str]
    """The URL of each door, by its name. A client may request any of them."""


class RotatedSecret(Result, frozen=True, kw_only=True):
    """The new secret of a client."""

    client_id: str
    client_secret: str
    """Shown only once."""
    earlier_secret_until: int | None
    """Until when the previous secret is also valid; None: it no longer is."""


class RemovedClient(Result, frozen=True, kw_only=True):
    """What the removal of a client ended."""

    removed: str
    grants_ended: int


class AddClient(Parameters, frozen=True, kw_only=True):
    """A client to register: a preset, redirect URIs, grants without a redirect, or several of these."""

    preset: str | None = None
    redirect_uris: tuple[str, ...] = ()
    name: str | None = None
    confidential: bool | None = None
    """Whether it gets a secret; None: as in the preset, or true without one."""
    grants: tuple[str, ...] = ()
    """`client_credentials`, `token_exchange`, `jwt_bearer`, `device_code`."""
    service_user_id: str | None = msgspec.field(default=None, name="service_account")
    """The account that it acts as; implies `client_credentials`."""
    may_exchange: bool = False
    may_introspect: bool = msgspec.field(default=False, name="introspect")
    """Whether it is a resource server, which may introspect every token."""
    jwks: dict[str, Any] | None = None
    """Its public keys, instead of a secret."""
    jwks_uri: str | None = None
    """Where its public keys are published, instead of a secret."""
    scopes: tuple[str, ...] = ()
    """Only these; if empty, every scope of the door."""


class ListClients(Parameters, frozen=True, kw_only=True):
    """Which clients to list."""

    everything: bool = False
    """Include those that registered themselves."""
    limit: Limit = 50
    cursor: Cursor | None = None


class OneClient(Parameters, frozen=True, kw_only=True):
    """The client."""

    client_id: ClientId


class RotateSecret(Parameters, frozen=True, kw_only=True):
    """The client that gets a new secret: its id, or its name if only one client has it."""

    client_id: ClientId
    overlap_seconds: Annotated[int, msgspec.Meta(ge=0, le=LONGEST_OVERLAP_SECONDS)] = 86_400
    """How long the current secret stays valid; 0: it ends at once."""


async def add(here: Administration, asked: AddClient) -> NewClientView:
    """Register a client.

    Raises:
        NotAllowed: the client could get or introspect tokens, and the caller may not manage tokens.
        ConfigError: the parameters contradict each other or break a rule.
    """
    if asked.service_user_id is not None or asked.may_exchange or asked.may_introspect:
        here.require(*_REACHES_TOKENS, to=_REACHING)
    known = CLIENT_PRESETS.get(asked.preset or "")
    if asked.preset is not None and known is None:
        raise ConfigError([Problem("there is no such preset", fix=f"Presets: {', '.join(CLIENT_PRESETS)}")])
    unknown = [each for each in asked.grants if each not in OPERATOR_GRANTS]
    if unknown:
        raise ConfigError([Problem("there is no such grant", fix=f"Grants: {', '.join(OPERATOR_GRANTS)}")])
    if known is None and not (asked.redirect_uris or asked.grants or asked.service_user_id or asked.may_introspect):
        fix = f"Give a preset ({', '.join(CLIENT_PRESETS)}) or redirect URIs."
        raise ConfigError([Problem("the client has no way to get a token", fix=fix)])
    described = _described(asked, known)
    new = await registered_clients.add_client(here.store, here.clock, here.entropy, described, policy=here.policy)
    shown = msgspec.structs.asdict(view(new.client))
    return NewClientView(**shown, client_secret=new.client_secret, mcp_url=here.mcp_url, doors=here.doors)


def _described(asked: AddClient, preset: ClientPreset | None) -> NewClient:
    words = dict.fromkeys((*asked.grants, *(["client_credentials"] if asked.service_user_id else ())))
    confidential = preset is None or preset.confidential
    return NewClient(
        client_name=asked.name or (preset.title if preset else _host_of(asked.redirect_uris)),
        redirect_uris=(*(preset.redirect_uris if preset else ()), *asked.redirect_uris),
        confidential=confidential if asked.confidential is None else asked.confidential,
        jwks=asked.jwks,
        jwks_uri=asked.jwks_uri,
        grant_types=tuple(OPERATOR_GRANTS[word] for word in words),
        service_user_id=asked.service_user_id,
        may_exchange=asked.may_exchange,
        may_introspect=asked.may_introspect,
        scope=" ".join(asked.scopes) or None,
    )


async def list_(here: Administration, asked: ListClients) -> Page[ClientView]:
    """List clients, oldest first."""
    return await page_of(here.store, Client, view, asked, index={} if asked.everything else {"source": "registered"})


async def show(here: Administration, asked: OneClient) -> ClientView:
    """Show one client. Raises `NotFound`."""
    return view((await registered_clients.load_client(here.store, asked.client_id)).record)


async def rotate_secret(here: Administration, asked: RotateSecret) -> RotatedSecret:
    """Give a client a new secret.

    Raises:
        NotFound: no such client.
        NotAllowed: the secret gives more access than the caller may grant.
        ConfigError: the client cannot have a secret.
    """
    known = (await registered_clients.client_named(here.store, asked.client_id)).record
    if known.service_user_id is not None or known.may_exchange or known.may_introspect:
        here.require(*_REACHES_TOKENS, to=_REACHING)
    new = await registered_clients.rotate_secret(
        here.store, here.clock, here.entropy, known.client_id, overlap_seconds=asked.overlap_seconds
    )
    client, secret = new.client, new.client_secret
    assert secret is not None
    until = client.earlier_secret_until
    detail = {"earlier_secret_until": "" if until is None else str(until)}
    here.audit.write(AuditEvent(event="client_secret_rotated", client_id=client.client_id, detail=detail))
    return RotatedSecret(client_id=client.client_id, client_secret=secret, earlier_secret_until=until)


async def remove(here: Administration, asked: OneClient) -> RemovedClient:
    """Remove a client and everything that users granted it. Raises `NotFound`."""
    ended = await registered_clients.remove_client(here.store, here.clock, asked.client_id)
    return RemovedClient(removed=asked.client_id, grants_ended=ended)


def view(client: Client) -> ClientView:
    """Return the public fields of a client."""
    return ClientView(
        client_id=client.client_id,
        client_name=client.client_name,
        source=client.source,
        redirect_uris=client.redirect_uris,
        grant_types=client.grant_types,
        token_endpoint_auth_method=client.token_endpoint_auth_method,
        service_account=client.service_user_id,
        may_exchange=client.may_exchange,
        may_introspect=client.may_introspect,
        scope=client.scope,
        created_at=client.created_at,
        expires_at=client.expires_at,
        earlier_secret_until=client.earlier_secret_until,
    )


def _host_of(redirect_uris: tuple[str, ...]) -> str:
    try:
        return urlsplit("".join(redirect_uris[:1])).netloc or "client"
    except ValueError:  # it is refused with a reason a moment later
        return "client"


ADD = Operation(
    name="clients.add",
    summary=(
        "Register a client; its secret is shown only once. With `service_account`, `may_exchange` or `introspect` "
        "it also needs admin:tokens."
    ),
    method="POST",
    path="/clients",
    capability="admin:clients",
    parameters=AddClient,
    result=NewClientView,
    function=add,
    commands=(("clients", "add"),),
    status=201,
)
LIST = Operation(
    name="clients.list",
    summary="List clients.",
    method="GET",
    path="/clients",
    capability="admin:read",
    parameters=ListClients,
    result=Page[ClientView],
    function=list_,
    commands=(("clients", "list"),),
)
SHOW = Operation(
    name="clients.show",
    summary="Show one client.",
    method="GET",
    path="/clients/{client_id}",
    capability="admin:read",
    parameters=OneClient,
    result=ClientView,
    function=show,
    commands=(("clients", "show"),),
)
ROTATE_SECRET = Operation(
    name="clients.rotate_secret",
    summary=(
        "Give a client a new secret, shown only once; the current one stays valid for the overlap. A client with "
        "`service_account`, `may_exchange` or `may_introspect` also needs admin:tokens."
    ),
    method="POST",
    path="/clients/{client_id}/secret",
    capability="admin:clients",
    parameters=RotateSecret,
    result=RotatedSecret,
    function=rotate_secret,
    commands=(("clients", "rotate-secret"),),
    is_known=registered_clients.is_client,
)
REMOVE = Operation(
    name="clients.remove",
    summary="Remove a client; everything that users allowed it ends at once.",
    method="DELETE",
    path="/clients/{client_id}",
    capability="admin:clients",
    parameters=OneClient,
    result=RemovedClient,
    function=remove,
    commands=(("clients", "remove"),),
    is_known=registered_clients.is_client,
)
OPERATIONS = (ADD, LIST, SHOW, ROTATE_SECRET, REMOVE)
