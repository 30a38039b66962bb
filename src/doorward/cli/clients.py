"""`doorward clients`: pre-registered clients, and those that registered themselves."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from doorward.cli.groups import HELP_OPTIONS, CommandGroup
from doorward.cli.installation import Place, as_json, at_a_place
from doorward.cli.operations import every, perform
from doorward.cli.printing import emit, facts, mcp_urls, moment, plain, table
from doorward.cli.tokens import Lifetime
from doorward.oauth.clients.presets import CLIENT_PRESETS, ClientPreset
from doorward.oauth.grant_types import OPERATOR_GRANTS

if TYPE_CHECKING:
    from doorward.administration.clients import NewClientView


class Overlap(Lifetime):
    """A number with a unit, such as 24h, or 0."""

    name = "overlap"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return seconds."""
        from doorward.oauth.clients.secrets import LONGEST_OVERLAP_SECONDS

        seconds = 0 if value == "0" else super().convert(value, param, ctx)
        if seconds is None or seconds > LONGEST_OVERLAP_SECONDS:
            self.fail("An overlap ends, after 90 days at the latest.", param, ctx)
        return seconds


@click.group(cls=CommandGroup, context_settings=HELP_OPTIONS)
def command() -> None:
    """Pre-registered OAuth clients."""


def with_grants(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for grants without a redirect."""

    @click.option(
        "--grant", "grants", type=click.Choice(list(OPERATOR_GRANTS)), multiple=True, help="Also allow this grant type."
    )
    @click.option(
        "--service-account",
        "service_user_id",
        metavar="NAME",
        help="The account it acts as; implies client_credentials.",
    )
    @click.option("--may-exchange", is_flag=True, help="Allow it to exchange tokens of other clients (token_exchange).")
    @click.option(
        "--introspect",
        "may_introspect",
        is_flag=True,
        help="Make it a resource server, which may introspect every token.",
    )
    @click.option("--scope", "scopes", multiple=True, help="Only this scope; may be repeated.  [default: all]")
    @functools.wraps(callback)
    def with_options(*arguments: Any, **values: Any) -> Any:
        return callback(*arguments, **values)

    return with_options


@command.command()
@click.option("--preset", type=click.Choice(list(CLIENT_PRESETS)), help="A client whose redirect URIs are known.")
@click.option("--redirect-uri", "redirect_uris", multiple=True, metavar="URI", help="May be repeated.")
@click.option("--name", help="The name that users see when they are asked to allow it.")
@click.option("--confidential/--public", default=None, help="Issue a secret, or none.  [default: as the preset]")
@click.option("--jwks", type=click.File("rb"), metavar="FILE", help="Its public keys, instead of a secret.")
@click.option("--jwks-uri", metavar="URL", help="Where its public keys are published, instead of a secret.")
@with_grants
@as_json
@at_a_place
def add(place: Place, *, jwks: BinaryIO | None, as_json: bool, **asked: Any) -> None:
    """Register a client; its secret is shown only once."""
    from doorward.administration import clients

    known = CLIENT_PRESETS.get(asked["preset"] or "")
    if known is None and not any(
        asked[each] for each in ("redirect_uris", "grants", "service_user_id", "may_introspect")
    ):
        raise click.UsageError(f"Give --preset ({', '.join(CLIENT_PRESETS)}) or --redirect-uri URI.")
    parameters = clients.AddClient(**asked, jwks=_key_set(jwks) if jwks else None)
    new = perform(place, clients.ADD, parameters, creates=True)
    if as_json:
        emit(new)
        return
    _show_new(new, known)


def _key_set(file: BinaryIO) -> dict[str, Any]:
    from doorward.errors import ConfigError, Problem
    from doorward.strict_json import InvalidJson, decode

    try:
        return dict(decode(file.read()))
    except (InvalidJson, TypeError, ValueError) as error:
        raise ConfigError([Problem(f"the key set cannot be read: {error}")]) from None


def _show_new(new: NewClientView, preset: ClientPreset | None) -> None:
    from doorward.cli.first_start import server_name
    from doorward.config.model import UrlTarget

    url = new.mcp_url
    proof = {"none": "It has no secret: it is a public client.", "private_key_jwt": "It signs with its own key."}
    shown = proof.get(new.token_endpoint_auth_method, "The secret is shown only now.")
    click.echo(f"Registered {plain(new.client_name)}. {shown}\n")
    values: dict[str, object] = {**mcp_urls(new.doors), "client id": new.client_id}
    if new.client_secret:
        values["client secret"] = new.client_secret
    facts(values)
    grants = " ".join(new.grant_types) or "none; it may ask about every token"
    click.echo("\nRedirect URIs:" if new.redirect_uris else f"\nGrants: {grants}")
    for uri in new.redirect_uris:
        click.echo(f"  {plain(uri)}")
    if preset:
        name = server_name(UrlTarget(url))
        click.echo(f"\n{preset.where_to_paste.format(url=url, client_id=new.client_id, name=name)}")


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Include those that registered themselves.")
@as_json
@at_a_place
def list_(place: Place, *, everything: bool, as_json: bool) -> None:
    """List clients."""
    from doorward.administration import clients

    found = every(place, clients.LIST, clients.ListClients(everything=everything))
    if as_json:
        emit(found)
        return
    table(
        ("CLIENT ID", "NAME", "SOURCE", "AUTHENTICATION", "CREATED", "EXPIRES"),
        (
            (
                each["client_id"],
                each["client_name"],
                each["source"],
                each["token_endpoint_auth_method"],
                moment(each["created_at"]),
                moment(each["expires_at"]),
            )
            for each in found
        ),
        empty="There are no clients."
        if everything
        else "There are no pre-registered clients (--all: list every client).",
    )


@command.command()
@click.argument("client_id")
@as_json
@at_a_place
def show(place: Place, *, client_id: str, as_json: bool) -> None:
    """Show one client."""
    from doorward.administration import clients

    client = perform(place, clients.SHOW, clients.OneClient(client_id=client_id))
    if as_json:
        emit(client)
        return
    facts(
        {
            "client id": client.client_id,
            "name": client.client_name,
            "source": client.source,
            "authentication": client.token_endpoint_auth_method,
            "grant types": " ".join(client.grant_types),
            "service account": client.service_account or "none",
            "exchanges tokens of others": "yes" if client.may_exchange else "no",
            "asks about every token": "yes" if client.may_introspect else "no",
            "scope": client.scope or "every scope of the door",
            "created": moment(client.created_at),
            "expires": moment(client.expires_at),
            **({"earlier secret until": moment(earlier)} if (earlier := client.earlier_secret_until) else {}),
            "redirect URIs": " ".join(client.redirect_uris),
        }
    )


@command.command()
@click.argument("client_id")
@as_json
@at_a_place
def remove(place: Place, *, client_id: str, as_json: bool) -> None:
    """Remove a client; what users allowed it ends at once."""
    from doorward.administration import clients

    removed = perform(place, clients.REMOVE, clients.OneClient(client_id=client_id))
    if as_json:
        emit(removed)
    else:
        click.echo(f"Removed {plain(client_id)}; grants ended: {removed.grants_ended}.")


@command.command("rotate-secret")
@click.argument("client", metavar="ID|NAME")
@click.option("--overlap", type=Overlap(), default="24h", show_default=True, metavar="24h", help="0: none; up to 90d.")
@as_json
@at_a_place
def rotate_secret(place: Place, *, client: str, overlap: int, as_json: bool) -> None:
    """Give a client a new secret, shown only once; the current one stays valid for the overlap."""
    from doorward.administration import clients

    parameters = clients.RotateSecret(client_id=client, overlap_seconds=overlap)
    new = perform(place, clients.ROTATE_SECRET, parameters)
    if as_json:
        emit(new)
        return
    until = new.earlier_secret_until
    click.echo("The secret is shown only now.\n")
    facts(
        {
            "client id": new.client_id,
            "client secret": new.client_secret,
            "earlier secret": f"good until {moment(until)}" if until else "no longer good",
        }
    )
