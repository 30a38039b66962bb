"""`doorward tokens`: header tokens, shown only when they are created."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import click

from doorward.cli.groups import HELP_OPTIONS, CommandGroup
from doorward.cli.installation import Place, as_json, at_a_place, work
from doorward.cli.operations import administered, every, perform
from doorward.cli.printing import emit, facts, moment, table
from doorward.paths import API

if TYPE_CHECKING:
    from doorward.administration.tokens import NewTokenView
    from doorward.installation import Installation

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
@click.option("--name", required=True, help="What it is for, such as the machine that uses it.")
@click.option("--user", default="owner", show_default=True, help="The user that it acts for.")
@click.option("--scope", "scopes", multiple=True, help="A scope; may be repeated.  [default: those of the door]")
@click.option("--door", default="", metavar="NAME", help="The door that accepts it.  [default: the default door]")
@click.option("--capability", "capabilities", multiple=True, help="For the administration API, such as admin:read.")
@click.option("--expires", type=Lifetime(), default="never", show_default=True, metavar="90d", help="Lifetime.")
@as_json
@at_a_place
def create(place: Place, *, expires: int | None, as_json: bool, **asked: Any) -> None:
    """Create a token and show it, only once."""
    import msgspec

    from doorward.administration import tokens
    from doorward.administration.operation import CAPABILITIES, Administration, run
    from doorward.login.local import OWNER, ensure_owner

    unknown = [each for each in asked["capabilities"] if each not in CAPABILITIES]
    if unknown:
        raise click.UsageError(f"There is no capability {unknown[0]!r}; there are: {', '.join(CAPABILITIES)}.")
    parameters = tokens.CreateToken(**asked, lifetime_seconds=expires)
    owner_password, api_url = [], ""

    async def made(here: Administration) -> NewTokenView:
        nonlocal api_url
        api_url = here.policy.url_of(API)
        return await run(tokens.CREATE, here, parameters)

    async def with_owner(here: Installation) -> NewTokenView:
        if asked["user"] == OWNER:
            owner = await ensure_owner(here.plain_store, here.clock, here.entropy, here.config.owner_password)
            owner_password.extend([owner.generated_password] if owner.generated_password else [])
        return await administered(here, made)

    new = work(place, with_owner, creates=True)
    if as_json:
        emit({**msgspec.structs.asdict(new), **({"owner_password": owner_password[0]} if owner_password else {})})
        return
    _show_new(new, api_url)
    if owner_password:
        click.echo(f"\nThe account owner was created too. Its password, shown only once: {owner_password[0]}")


def _show_new(new: NewTokenView, api_url: str) -> None:
    url, token = new.mcp_url, new.token
    click.echo("Token created. It is shown only once.\n")
    facts(
        {
            "token": token,
            "id": new.id,
            "user": new.user,
            **({"capabilities": " ".join(new.capabilities)} if new.capabilities else {"scopes": " ".join(new.scopes)}),
            "expires": moment(new.expires_at) if new.expires_at else "never",
            **({"door": new.door} if new.door else {}),
        }
    )
    if new.capabilities:
        click.echo(f"\nTry it:\n  curl {api_url}/clients -H 'Authorization: Bearer {token}'")
        return
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
    click.echo(f"\nFor a client's MCP configuration file:\n  {json.dumps(entry)}")


@command.command("list")
@click.option("--user", help="Only those of one user.")
@as_json
@at_a_place
def list_(place: Place, *, user: str | None, as_json: bool) -> None:
    """List tokens, without the tokens themselves."""
    from doorward.administration import tokens

    found = every(place, tokens.LIST, tokens.ListTokens(user=user))
    if as_json:
        emit(found)
        return
    table(
        ("ID", "NAME", "USER", "DOOR", "SCOPES", "CREATED", "LAST USED", "EXPIRES"),
        (
            (
                each["id"],
                each["name"],
                each["user"],
                each["door"],
                " ".join([*each["scopes"], *each["capabilities"]]),
                moment(each["created_at"]),
                moment(each["last_used_at"]),
                moment(each["expires_at"]),
            )
            for each in found
        ),
        empty="There are no tokens. Create one: doorward tokens create --name NAME",
    )


@command.command()
@click.argument("token", metavar="ID|NAME")
@as_json
@at_a_place
def revoke(place: Place, *, token: str, as_json: bool) -> None:
    """Revoke a token: the next request with it is refused."""
    from doorward.administration import tokens

    revoked = perform(place, tokens.REVOKE, tokens.OneToken(token=token))
    if as_json:
        emit(revoked)
    else:
        click.echo(f"Revoked {revoked.revoked}.")
