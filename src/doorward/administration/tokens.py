"""Operations on header tokens, for doors and for this API."""

from __future__ import annotations

from typing import Annotated

import msgspec

from doorward.administration.listing import Cursor, Limit, Page, page_of
from doorward.administration.operation import (
    CAPABILITIES,
    Administration,
    Capability,
    Operation,
    Parameters,
    Result,
)
from doorward.config.faults import shown, suggestion
from doorward.directory import header_tokens
from doorward.errors import ConfigError, NotFound, Problem
from doorward.login.local import OWNER
from doorward.oauth.policy import Resource
from doorward.records.accounts import HeaderToken

LONGEST_LIFETIME_SECONDS = 100 * 31_536_000
Handle = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class TokenView(Result, frozen=True, kw_only=True):
    """The public fields of a header token, without the token itself."""

    id: str
    name: str
    user: str
    scopes: tuple[str, ...]
    capabilities: tuple[str, ...]
    door: str
    """The name of its door. Empty: the default door, or every door if there are several and no default. Administration
    tokens work at no door."""
    created_at: int
    last_used_at: int | None
    expires_at: int | None


class NewTokenView(TokenView, frozen=True, kw_only=True):
    """A token that was just created."""

    token: str
    """Shown only once."""
    mcp_url: str
    doors: dict[str, str]
    """The URL of each door that accepts it, by the door's name."""


class RevokedToken(Result, frozen=True, kw_only=True):
    """The token that was revoked."""

    revoked: str
    name: str


class CreateToken(Parameters, frozen=True, kw_only=True):
    """A token to create."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    """What it is for, such as the machine that uses it."""
    user: str = OWNER
    """The user that it acts for."""
    scopes: tuple[str, ...] = ()
    """If empty, the scopes of the door."""
    door: str = ""
    """The name of its door. Required if there are several doors and no `default_door`."""
    capabilities: tuple[Capability, ...] = ()
    """Its capabilities in this API; a token that has any works at no door."""
    lifetime_seconds: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_LIFETIME_SECONDS)] | None = None
    """None: it does not expire."""


class ListTokens(Parameters, frozen=True, kw_only=True):
    """The tokens to list."""

    user: str | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class OneToken(Parameters, frozen=True, kw_only=True):
    """The token: its id, or its name if only one token has it."""

    token: Handle


async def create(here: Administration, asked: CreateToken) -> NewTokenView:
    """Create a token.

    Raises:
        NotAllowed: it would have capabilities that the caller lacks.
        NotFound, ConfigError: no such user, or no such scope.
    """
    if asked.capabilities and asked.scopes:
        fix = "Create two tokens."
        raise ConfigError([Problem("a token is for the door or for administration, not for both", fix=fix)])
    here.require(*asked.capabilities, to="a token with more capabilities")
    if asked.capabilities and asked.door:
        fix = "Leave the door out, or create a second token."
        raise ConfigError([Problem("a token for administration is good at no door", fix=fix)])
    door = None if asked.capabilities else _door(here, asked.door)
    if door is not None:
        _check_scopes(asked.scopes, door)
    new = header_tokens.NewHeaderToken(
        name=asked.name,
        user_id=asked.user,
        scopes=() if door is None else asked.scopes or door.scopes,
        lifetime_seconds=asked.lifetime_seconds,
        capabilities=asked.capabilities,
        door="" if door is None or not (asked.door or not door.is_named_by_path) else door.name,
    )
    token, record = await header_tokens.create_header_token(here.store, here.clock, here.entropy, new)
    shown_once = msgspec.structs.asdict(view(record))
    if door is None:
        return NewTokenView(**shown_once, token=token, mcp_url=here.mcp_url, doors=here.doors)
    return NewTokenView(**shown_once, token=token, mcp_url=door.uri, doors={door.name: door.uri})


def _door(here: Administration, name: str) -> Resource:
    """Return the door of this name, or the default door without a name. Raises `NotFound`, `ConfigError`."""
    doors = here.policy.doors_of_header_token(name)
    if len(doors) == 1:
        return doors[0]
    known = ", ".join(here.doors)
    if name:
        near = suggestion(name, here.doors)
        fix = f"Did you mean {near}?" if near else "List them: doorward doors list"
        raise NotFound([Problem(f"there is no door {shown(name)} that takes tokens", f"There are: {known}.", fix)])
    raise ConfigError(
        [
            Problem(
                "nothing says which door the token is for",
                f"There are several doors and no default door: {known}.",
                f"Name one: --door {next(iter(here.doors))}",
            )
        ]
    )


def _check_scopes(scopes: tuple[str, ...], door: Resource) -> None:
    unknown = [scope for scope in scopes if scope not in door.all_scopes]
    if unknown:
        has = ", ".join(door.all_scopes)
        raise ConfigError([Problem(f"the door {door.name} has no scope {unknown[0][:64]!r}; it has: {has}")])


async def list_(here: Administration, asked: ListTokens) -> Page[TokenView]:
    """List tokens, oldest first."""
    return await page_of(here.store, HeaderToken, view, asked, index={"user_id": asked.user} if asked.user else {})


async def revoke(here: Administration, asked: OneToken) -> RevokedToken:
    """Revoke a token. Raises `NotFound`, or `ConfigError` if several have the name."""
    record = await header_tokens.revoke_header_token(here.store, asked.token)
    return RevokedToken(revoked=record.token_id, name=record.name)


def view(token: HeaderToken) -> TokenView:
    """Return the public fields of a token."""
    return TokenView(
        id=token.token_id,
        name=token.name,
        user=token.user_id,
        scopes=token.scopes,
        capabilities=token.capabilities,
        door=token.door,
        created_at=token.created_at,
        last_used_at=token.last_used_at,
        expires_at=token.expires_at,
    )


CREATE = Operation(
    name="tokens.create",
    summary=f"Create a token and show it, only once. Capabilities: {', '.join(CAPABILITIES)}.",
    method="POST",
    path="/tokens",
    capability="admin:tokens",
    parameters=CreateToken,
    result=NewTokenView,
    function=create,
    commands=(("tokens", "create"),),
    status=201,
)
LIST = Operation(
    name="tokens.list",
    summary="List tokens, without the tokens themselves.",
    method="GET",
    path="/tokens",
    capability="admin:read",
    parameters=ListTokens,
    result=Page[TokenView],
    function=list_,
    commands=(("tokens", "list"),),
)
REVOKE = Operation(
    name="tokens.revoke",
    summary="Revoke a token: the next request with it is refused.",
    method="DELETE",
    path="/tokens/{token}",
    capability="admin:tokens",
    parameters=OneToken,
    result=RevokedToken,
    function=revoke,
    commands=(("tokens", "revoke"),),
    is_known=header_tokens.is_header_token,
)
OPERATIONS = (CREATE, LIST, REVOKE)
