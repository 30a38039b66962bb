"""Operations on header tokens: for the door, or for this API."""

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
from doorward.directory import header_tokens
from doorward.errors import ConfigError, Problem
from doorward.login.local import OWNER
from doorward.records.accounts import HeaderToken

LONGEST_LIFETIME_SECONDS = 100 * 31_536_000
Handle = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class TokenView(Result, frozen=True, kw_only=True):
    """What may be shown of a header token; never the token."""

    id: str
    name: str
    user: str
    scopes: tuple[str, ...]
    capabilities: tuple[str, ...]
    created_at: int
    last_used_at: int | None
    expires_at: int | None


class NewTokenView(TokenView, frozen=True, kw_only=True):
    """A token that was just made."""

    token: str
    """Shown this one time."""
    mcp_url: str
    doors: dict[str, str]
    """The URL of each door, by its name. A header token is good at all of them."""


class RevokedToken(Result, frozen=True, kw_only=True):
    """Which token is no longer good."""

    revoked: str
    name: str


class CreateToken(Parameters, frozen=True, kw_only=True):
    """A token to make."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    """What it is for, such as the machine that will hold it."""
    user: str = OWNER
    """The user that it acts for."""
    scopes: tuple[str, ...] = ()
    """None given: those of the door."""
    capabilities: tuple[Capability, ...] = ()
    """What it may do in this API; such a token cannot call the door."""
    lifetime_seconds: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_LIFETIME_SECONDS)] | None = None
    """None: it does not expire."""


class ListTokens(Parameters, frozen=True, kw_only=True):
    """Which tokens to list."""

    user: str | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class OneToken(Parameters, frozen=True, kw_only=True):
    """Which token: by its id or, where only one has it, by its name."""

    token: Handle


async def create(here: Administration, asked: CreateToken) -> NewTokenView:
    """Make a token.

    Raises:
        NotAllowed: it would be able to do what its maker is not.
        NotFound, ConfigError: no such user, or no such scope.
    """
    if asked.capabilities and asked.scopes:
        fix = "Make two tokens."
        raise ConfigError([Problem("a token is for the door or for administration, not for both", fix=fix)])
    here.require(*asked.capabilities, to="a token with more capabilities")
    unknown = [scope for scope in asked.scopes if scope not in here.policy.all_scopes]
    if unknown:
        has = ", ".join(here.policy.all_scopes)
        raise ConfigError([Problem(f"the door has no scope {unknown[0][:64]!r}; it has: {has}")])
    token, record = await header_tokens.create_header_token(
        here.store,
        here.clock,
        here.entropy,
        name=asked.name,
        user_id=asked.user,
        scopes=() if asked.capabilities else asked.scopes or here.policy.door_scopes,
        lifetime_seconds=asked.lifetime_seconds,
        capabilities=asked.capabilities,
    )
    return NewTokenView(**msgspec.structs.asdict(view(record)), token=token, mcp_url=here.mcp_url, doors=here.doors)


async def list_(here: Administration, asked: ListTokens) -> Page[TokenView]:
    """List tokens, oldest first."""
    return await page_of(here.store, HeaderToken, view, asked, index={"user_id": asked.user} if asked.user else {})


async def revoke(here: Administration, asked: OneToken) -> RevokedToken:
    """Revoke a token. Raises `NotFound`, or `ConfigError` where several have the name."""
    record = await header_tokens.revoke_header_token(here.store, asked.token)
    return RevokedToken(revoked=record.token_id, name=record.name)


def view(token: HeaderToken) -> TokenView:
    """Return what may be shown of a token."""
    return TokenView(
        id=token.token_id,
        name=token.name,
        user=token.user_id,
        scopes=token.scopes,
        capabilities=token.capabilities,
        created_at=token.created_at,
        last_used_at=token.last_used_at,
        expires_at=token.expires_at,
    )


CREATE = Operation(
    name="tokens.create",
    summary=f"Make a token and show it, this one time. Capabilities: {', '.join(CAPABILITIES)}.",
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
