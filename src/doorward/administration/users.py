"""Operations on accounts and service accounts."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from doorward.administration.listing import Cursor, Limit, Page, page_of
from doorward.administration.operation import (
    Administration,
    Operation,
    Parameters,
    Result,
)
from doorward.directory import accounts
from doorward.directory.clients import list_grants
from doorward.directory.header_tokens import list_header_tokens
from doorward.errors import ConfigError, Problem
from doorward.login.local import generate_password
from doorward.records.accounts import User

UserId = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Password = Annotated[str, msgspec.Meta(max_length=1024)]


class UserView(Result, frozen=True, kw_only=True):
    """The public fields of an account."""

    name: str
    kind: Literal["person", "service"]
    has_password: bool
    created_at: int
    disabled_at: int | None


class UserDetails(UserView, frozen=True, kw_only=True):
    """An account and everything it allowed."""

    live_grants: int
    header_tokens: int


class NewUserView(UserView, frozen=True, kw_only=True):
    """An account that was just added."""

    password: str | None
    """Shown only once; null if you gave one."""


class NewPassword(Result, frozen=True, kw_only=True):
    """The user whose password was set."""

    user: str
    password: str | None
    """Shown only once; null if you gave one."""


class UserAnswer(Result, frozen=True, kw_only=True):
    """The user that was changed."""

    user: str


class AddUser(Parameters, frozen=True, kw_only=True):
    """An account to add."""

    name: UserId
    service: bool = False
    """A service account: no password, tokens only."""
    password: Password | None = None
    """None: generate one and show it only once."""


class ListUsers(Parameters, frozen=True, kw_only=True):
    """The accounts to list."""

    limit: Limit = 50
    cursor: Cursor | None = None


class OneUser(Parameters, frozen=True, kw_only=True):
    """The account."""

    name: UserId


class SetPassword(Parameters, frozen=True, kw_only=True):
    """The account whose password to set."""

    name: UserId
    password: Password | None = None
    """None: generate one and show it only once."""


async def add(here: Administration, asked: AddUser) -> NewUserView:
    """Add an account.

    Raises:
        AlreadyExists, ConfigError: the name or the password cannot be used.
    """
    if asked.service and asked.password is not None:
        raise ConfigError([Problem("a service account has no password", fix="Leave out one of the two.")])
    made = None if asked.service or asked.password is not None else generate_password(here.entropy)
    user = await accounts.add_user(
        here.store,
        here.clock,
        asked.name,
        kind="service" if asked.service else "person",
        password=made if asked.password is None else asked.password,
    )
    return NewUserView(**msgspec.structs.asdict(view(user)), password=made)


async def list_(here: Administration, asked: ListUsers) -> Page[UserView]:
    """List accounts by name."""
    return await page_of(here.store, User, view, asked)


async def show(here: Administration, asked: OneUser) -> UserDetails:
    """Show one account. Raises `NotFound`."""
    user = (await accounts.load_user(here.store, asked.name)).record
    grants = await list_grants(here.store, user_id=asked.name)
    return UserDetails(
        **msgspec.structs.asdict(view(user)),
        live_grants=sum(grant.revoked_at is None for grant in grants),
        header_tokens=len(await list_header_tokens(here.store, asked.name)),
    )


async def set_password(here: Administration, asked: SetPassword) -> NewPassword:
    """Set a password.

    Raises:
        NotFound, ConfigError: no such account, a service account, or too short a password.
    """
    made = None if asked.password is not None else generate_password(here.entropy)
    await accounts.set_password(here.store, asked.name, asked.password if asked.password is not None else made or "")
    return NewPassword(user=asked.name, password=made)


async def disable(here: Administration, asked: OneUser) -> UserAnswer:
    """Disable an account. Raises `NotFound`."""
    await accounts.disable_user(here.store, here.clock, asked.name)
    return UserAnswer(user=asked.name)


async def enable(here: Administration, asked: OneUser) -> UserAnswer:
    """Enable an account again. Raises `NotFound`."""
    await accounts.enable_user(here.store, asked.name)
    return UserAnswer(user=asked.name)


async def remove(here: Administration, asked: OneUser) -> UserAnswer:
    """Remove an account and everything it allowed. Raises `NotFound`."""
    await accounts.remove_user(here.store, here.clock, asked.name)
    return UserAnswer(user=asked.name)


def view(user: User) -> UserView:
    """Return the public fields of an account."""
    return UserView(
        name=user.user_id,
        kind=user.user_kind,
        has_password=user.password_hash is not None,
        created_at=user.created_at,
        disabled_at=user.disabled_at,
    )


ADD = Operation(
    name="users.add",
    summary="Add an account; without a password, one is generated and shown only once.",
    method="POST",
    path="/users",
    capability="admin:users",
    parameters=AddUser,
    result=NewUserView,
    function=add,
    commands=(("users", "add"),),
    status=201,
)
LIST = Operation(
    name="users.list",
    summary="List accounts.",
    method="GET",
    path="/users",
    capability="admin:read",
    parameters=ListUsers,
    result=Page[UserView],
    function=list_,
    commands=(("users", "list"),),
)
SHOW = Operation(
    name="users.show",
    summary="Show one account and everything it allowed.",
    method="GET",
    path="/users/{name}",
    capability="admin:read",
    parameters=OneUser,
    result=UserDetails,
    function=show,
    commands=(("users", "show"),),
)
PASSWORD = Operation(
    name="users.password",
    summary="Set a new password and sign the user out of every browser.",
    method="PUT",
    path="/users/{name}/password",
    capability="admin:users",
    parameters=SetPassword,
    result=NewPassword,
    function=set_password,
    commands=(("users", "password"),),
    is_known=accounts.is_user,
)
DISABLE = Operation(
    name="users.disable",
    summary="Disable an account; its grants, browser sessions and tokens end at once.",
    method="PUT",
    path="/users/{name}/disabled",
    capability="admin:users",
    parameters=OneUser,
    result=UserAnswer,
    function=disable,
    commands=(("users", "disable"),),
    is_known=accounts.is_user,
)
ENABLE = Operation(
    name="users.enable",
    summary="Enable an account again; what ended stays ended.",
    method="DELETE",
    path="/users/{name}/disabled",
    capability="admin:users",
    parameters=OneUser,
    result=UserAnswer,
    function=enable,
    commands=(("users", "enable"),),
    is_known=accounts.is_user,
)
REMOVE = Operation(
    name="users.remove",
    summary="Remove an account; everything it allowed ends at once.",
    method="DELETE",
    path="/users/{name}",
    capability="admin:users",
    parameters=OneUser,
    result=UserAnswer,
    function=remove,
    commands=(("users", "remove"),),
    is_known=accounts.is_user,
)
OPERATIONS = (ADD, LIST, SHOW, PASSWORD, DISABLE, ENABLE, REMOVE)
