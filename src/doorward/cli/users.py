"""`doorward users`: local accounts, and service accounts that act only through tokens."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from doorward.cli.groups import HELP_OPTIONS, CommandGroup
from doorward.cli.installation import Place, as_json, at_a_place
from doorward.cli.operations import every, perform
from doorward.cli.printing import emit, facts, moment, plain, table

if TYPE_CHECKING:
    from doorward.administration.users import NewPassword, NewUserView

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
    """Add an account; without --password-stdin a password is generated and shown only once."""
    from doorward.administration import users

    if service and password_stdin:
        raise click.UsageError("A service account has no password: leave out --password-stdin or --service.")
    given = _read_password() if password_stdin else None
    user = perform(place, users.ADD, users.AddUser(name=name, service=service, password=given), creates=True)
    if as_json:
        emit(_without_none(user))
        return
    click.echo(f"Added {plain(user.name)}.")
    if user.password:
        click.echo(f"Password, shown only now: {user.password}")
    if service:
        click.echo(f"Next: doorward tokens create --name NAME --user {user.name}")


@command.command("password")
@click.argument("name")
@password_option
@as_json
@at_a_place
def set_password_(place: Place, *, name: str, password_stdin: bool, as_json: bool) -> None:
    """Set a new password and sign the user out of every browser."""
    from doorward.administration import users

    given = _read_password() if password_stdin else None
    done = perform(place, users.PASSWORD, users.SetPassword(name=name, password=given))
    if as_json:
        emit(_without_none(done))
        return
    click.echo(f"The password of {plain(name)} is set.")
    if done.password:
        click.echo(f"Password, shown only now: {done.password}")


@command.command("list")
@as_json
@at_a_place
def list_(place: Place, *, as_json: bool) -> None:
    """List accounts."""
    from doorward.administration import users

    found = every(place, users.LIST, users.ListUsers())
    if as_json:
        emit(found)
        return
    table(
        ("NAME", "KIND", "PASSWORD", "CREATED", "DISABLED"),
        (
            (
                user["name"],
                user["kind"],
                "yes" if user["has_password"] else "no",
                moment(user["created_at"]),
                moment(user["disabled_at"]),
            )
            for user in found
        ),
        empty="There are no users yet; the first `doorward serve` creates the account owner.",
    )


@command.command()
@click.argument("name")
@as_json
@at_a_place
def show(place: Place, *, name: str, as_json: bool) -> None:
    """Show one account and everything it allowed."""
    from doorward.administration import users

    user = perform(place, users.SHOW, users.OneUser(name=name))
    if as_json:
        emit(user)
        return
    facts(
        {
            "name": user.name,
            "kind": user.kind,
            "password": "yes" if user.has_password else "no",
            "created": moment(user.created_at),
            "disabled": moment(user.disabled_at),
            "live grants": user.live_grants,
            "header tokens": user.header_tokens,
        }
    )


@command.command()
@click.argument("name")
@as_json
@at_a_place
def disable(place: Place, *, name: str, as_json: bool) -> None:
    """Disable an account; its grants, browser sessions and tokens end at once."""
    from doorward.administration import users

    perform(place, users.DISABLE, users.OneUser(name=name))
    _done("disabled", name, f"{name} is disabled; its grants and tokens have ended.", as_json=as_json)


@command.command()
@click.argument("name")
@as_json
@at_a_place
def enable(place: Place, *, name: str, as_json: bool) -> None:
    """Enable an account again; what ended stays ended."""
    from doorward.administration import users

    perform(place, users.ENABLE, users.OneUser(name=name))
    _done("enabled", name, f"{name} is enabled.", as_json=as_json)


@command.command()
@click.argument("name")
@as_json
@at_a_place
def remove(place: Place, *, name: str, as_json: bool) -> None:
    """Remove an account; everything it allowed ends at once."""
    from doorward.administration import users

    perform(place, users.REMOVE, users.OneUser(name=name))
    _done("removed", name, f"{name} is removed; its grants and tokens have ended.", as_json=as_json)


def _without_none(result: NewUserView | NewPassword) -> dict[str, object]:
    """Return the result as JSON, without a password if none was generated."""
    import msgspec

    values = msgspec.structs.asdict(result)
    return {name: value for name, value in values.items() if name != "password" or value is not None}


def _done(what: str, name: str, sentence: str, *, as_json: bool) -> None:
    if as_json:
        emit({what: name})
    else:
        click.echo(plain(sentence))


def _read_password() -> str:
    if sys.stdin.isatty():
        asked = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return str(asked)
    return sys.stdin.readline().rstrip("\r\n")
