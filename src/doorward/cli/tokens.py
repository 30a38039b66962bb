"""`doorward tokens`: header tokens, shown once when they are made."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import click

from doorward.cli.groups import HELP_OPTIONS, CommandGroup
from doorward.cli.installation import Installation, Place, as_json, at_a_place, work
from doorward.cli.printing import emit, facts, moment, table

if TYPE_CHECKING:
    from doorward.oauth.records import HeaderToken

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}


class Lifetime(click.ParamType[int | None]):
    """A number with a unit, such as 90d."""

    name = "lifetime"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """Return seconds, or None for `never`."""
        if value == "never":
            return None
        found = re.fullmatch(r"([1-9]\d{0,5})([smhdwy])", str(value))
        if not found:
            self.fail(f"{value!r} is not a lifetime: write a number and one of s m h d w y, such as 90d.", param, ctx)
        return int(found[1]) * _SECONDS[found[2]]


@click.group(cls=CommandGroup, context_settings=HELP_OPTIONS)
def command() -> None:
    """Tokens that a client sends in a header."""


@command.command()
@click.option("--name", required=True, help="What it is for, such as the machine that will hold it.")
@click.option("--user", default="owner", show_default=True, help="Whom it acts for.")
@click.option("--scope", "scopes", multiple=True, help="A scope; may be repeated.  [default: those of the door]")
@click.option("--expires", type=Lifetime(), default="never", show_default=True, metavar="90d", help="Lifetime.")
@as_json
@at_a_place
def create(place: Place, *, name: str, user: str, scopes: tuple[str, ...], expires: int | None, as_json: bool) -> None:
    """Make a token and show it, this one time."""
    from doorward.config.addresses import operation_scopes
    from doorward.login.header_tokens import create_header_token
    from doorward.login.local import OWNER, ensure_owner

    async def operation(here: Installation) -> tuple[str, HeaderToken, str, str | None]:
        every = (*here.config.scopes, *operation_scopes(here.config))
        unknown = [scope for scope in scopes if scope not in every]
        if unknown:
            known = ", ".join(every)
            raise click.UsageError(f"The door has no scope {unknown[0]!r}; it has: {known}.")
        password = None
        if user == OWNER:
            owner = await ensure_owner(here.store, here.clock, here.entropy, here.config.owner_password)
            password = owner.generated_password
        token, record = await create_header_token(
            here.store,
            here.clock,
            here.entropy,
            name=name,
            user_id=user,
            scopes=scopes or here.config.scopes,
            lifetime_seconds=expires,
        )
        return token, record, here.mcp_url, password

    token, record, url, password = work(place, operation, creates=True)
    if as_json:
        shown_once = {"owner_password": password} if password else {}
        emit({"token": token, **described(record), "mcp_url": url, **shown_once})
        return
    _show_new(token, record, url)
    if password:
        click.echo(f"\nThe account owner was made as well. Its password, shown only now: {password}")


def _show_new(token: str, record: HeaderToken, url: str) -> None:
    click.echo("Token made. It is shown only now.\n")
    facts(
        {
            "token": token,
            "id": record.token_id,
            "user": record.user_id,
            "scopes": " ".join(record.scopes),
            "expires": moment(record.expires_at) if record.expires_at else "never",
        }
    )
    initialize = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "curl", "version": "1"},
        },
    }
    click.echo(f"\nTry it:\n  curl {url} \\\n    -H 'Authorization: Bearer {token}' \\")
    click.echo("    -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \\")
    click.echo(f"    -d '{json.dumps(initialize, separators=(',', ':'))}'")
    entry = {"type": "http", "url": url, "headers": {"Authorization": f"Bearer {token}"}}
    click.echo(f"\nFor a client's file of MCP servers:\n  {json.dumps(entry)}")


@command.command("list")
@click.option("--user", help="Only those of one user.")
@as_json
@at_a_place
def list_(place: Place, *, user: str | None, as_json: bool) -> None:
    """List tokens, without the tokens themselves."""
    from doorward.login.header_tokens import list_header_tokens

    found = work(place, lambda here: list_header_tokens(here.store, user))
    if as_json:
        emit([described(token) for token in found])
        return
    table(
        ("ID", "NAME", "USER", "SCOPES", "CREATED", "LAST USED", "EXPIRES"),
        (
            (
                each.token_id,
                each.name,
                each.user_id,
                " ".join(each.scopes),
                moment(each.created_at),
                moment(each.last_used_at),
                moment(each.expires_at),
            )
            for each in found
        ),
        empty="There are no tokens. Make one: doorward tokens create --name NAME",
    )


@command.command()
@click.argument("token", metavar="ID|NAME")
@as_json
@at_a_place
def revoke(place: Place, *, token: str, as_json: bool) -> None:
    """Revoke a token: the next request with it is refused."""
    from doorward.login.header_tokens import revoke_header_token

    revoked = work(place, lambda here: revoke_header_token(here.store, token))
    if as_json:
        emit({"revoked": revoked.token_id, "name": revoked.name})
    else:
        click.echo(f"Revoked {revoked.token_id}.")


def described(token: HeaderToken) -> dict[str, object]:
    """Return what may be shown of a token."""
    return {
        "id": token.token_id,
        "name": token.name,
        "user": token.user_id,
        "scopes": list(token.scopes),
        "created_at": token.created_at,
        "last_used_at": token.last_used_at,
        "expires_at": token.expires_at,
    }
