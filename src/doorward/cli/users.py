"""`doorward users`: local accounts, and service accounts that only tokens act for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from doorward.cli.groups import HELP_OPTIONS, CommandGroup
from doorward.cli.installation import Installation, Place, as_json, at_a_place, work
from doorward.cli.printing import emit, facts, moment, plain, table

if TYPE_CHECKING:
    from doorward.oauth.records import User, UserKind

password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input (asked for, on a terminal)."
)


@click.group(cls=CommandGroup, context_settings=HELP_OPTIONS)
def command() -> None:
    """Accounts and service accounts."""


@command.command()
@click.argument("name")
@click.option("--service", is_flag=True, help="A service account: no password, tokens only.")
@password_option
@as_json
@at_a_place
def add(place: Place, *, name: str, service: bool, password_stdin: bool, as_json: bool) -> None:
    """Add an account; without --password-stdin a password is made and shown this one time."""
    from doorward.login.accounts import add_user

    if service and password_stdin:
        raise click.UsageError("A service account has no password: leave out --password-stdin or --service.")
    given = _read_password() if password_stdin else None

    async def operation(here: Installation) -> tuple[User, str | None]:
        made = None if service or given is not None else _make_password(here)
        kind: UserKind = "service" if service else "person"
        return await add_user(here.store, here.clock, name, kind=kind, password=made if given is None else given), made

    user, made = work(place, operation, creates=True)
    if as_json:
        emit({**described(user), **({"password": made} if made else {})})
        return
    click.echo(f"Added {plain(user.user_id)}.")
    if made:
        click.echo(f"Password, shown only now: {made}")
    if service:
        click.echo(f"Next: doorward tokens create --name NAME --user {user.user_id}")


@command.command("password")
@click.argument("name")
@password_option
@as_json
@at_a_place
def set_password_(place: Place, *, name: str, password_stdin: bool, as_json: bool) -> None:
    """Set a new password and sign the user out of every browser."""
    from doorward.login.accounts import set_password

    given = _read_password() if password_stdin else None

    async def operation(here: Installation) -> str | None:
        made = None if given is not None else _make_password(here)
        await set_password(here.store, name, given if given is not None else made or "")
        return made

    made = work(place, operation)
    if as_json:
        emit({"user": name, **({"password": made} if made else {})})
        return
    click.echo(f"The password of {plain(name)} is set.")
    if made:
        click.echo(f"Password, shown only now: {made}")


@command.command("list")
@as_json
@at_a_place
def list_(place: Place, *, as_json: bool) -> None:
    """List accounts."""
    from doorward.login.accounts import list_users

    found = work(place, lambda here: list_users(here.store))
    if as_json:
        emit([described(user) for user in found])
        return
    table(
        ("NAME", "KIND", "PASSWORD", "CREATED", "DISABLED"),
        (
            (
                user.user_id,
                user.user_kind,
                "yes" if user.password_hash else "no",
                moment(user.created_at),
                moment(user.disabled_at),
            )
            for user in found
        ),
        empty="There are no users yet; the first `doorward serve` makes the account owner.",
    )


@command.command()
@click.argument("name")
@as_json
@at_a_place
def show(place: Place, *, name: str, as_json: bool) -> None:
    """Show one account with what it allowed."""
    from doorward.login.accounts import load_user
    from doorward.login.header_tokens import list_header_tokens
    from doorward.login.registered_clients import list_grants

    async def operation(here: Installation) -> tuple[User, int, int]:
        user = (await load_user(here.store, name)).record
        grants = [grant for grant in await list_grants(here.store, user_id=name) if grant.revoked_at is None]
        return user, len(grants), len(await list_header_tokens(here.store, name))

    user, grants, tokens = work(place, operation)
    if as_json:
        emit({**described(user), "live_grants": grants, "header_tokens": tokens})
        return
    facts(
        {
            "name": user.user_id,
            "kind": user.user_kind,
            "password": "yes" if user.password_hash else "no",
            "created": moment(user.created_at),
            "disabled": moment(user.disabled_at),
            "live grants": grants,
            "header tokens": tokens,
        }
    )


@command.command()
@click.argument("name")
@as_json
@at_a_place
def disable(place: Place, *, name: str, as_json: bool) -> None:
    """Switch an account off; its grants, browser sessions and tokens end at once."""
    from doorward.login.accounts import disable_user

    work(place, lambda here: disable_user(here.store, here.clock, name))
    _done("disabled", name, f"{name} is disabled; its grants and tokens have ended.", as_json=as_json)


@command.command()
@click.argument("name")
@as_json
@at_a_place
def enable(place: Place, *, name: str, as_json: bool) -> None:
    """Switch an account on again; what ended stays ended."""
    from doorward.login.accounts import enable_user

    work(place, lambda here: enable_user(here.store, name))
    _done("enabled", name, f"{name} is enabled.", as_json=as_json)


@command.command()
@click.argument("name")
@as_json
@at_a_place
def remove(place: Place, *, name: str, as_json: bool) -> None:
    """Remove an account; everything it allowed ends at once."""
    from doorward.login.accounts import remove_user

    work(place, lambda here: remove_user(here.store, here.clock, name))
    _done("removed", name, f"{name} is removed; its grants and tokens have ended.", as_json=as_json)


def described(user: User) -> dict[str, object]:
    """Return what may be shown of an account."""
    return {
        "name": user.user_id,
        "kind": user.user_kind,
        "has_password": user.password_hash is not None,
        "created_at": user.created_at,
        "disabled_at": user.disabled_at,
    }


def _done(what: str, name: str, sentence: str, *, as_json: bool) -> None:
    if as_json:
        emit({what: name})
    else:
        click.echo(plain(sentence))


def _make_password(here: Installation) -> str:
    from doorward.login.local import generate_password

    return generate_password(here.entropy)


def _read_password() -> str:
    if sys.stdin.isatty():
        asked = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return str(asked)
    return sys.stdin.readline().rstrip("\r\n")
