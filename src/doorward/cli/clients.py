"""`doorward clients`: clients that do not register themselves, and a look at those that do."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

import click

from doorward.cli.groups import HELP_OPTIONS, CommandGroup
from doorward.cli.installation import Installation, Place, as_json, at_a_place, work
from doorward.cli.printing import emit, facts, moment, plain, table
from doorward.oauth.client_presets import CLIENT_PRESETS, ClientPreset
from doorward.oauth.grant_types import OPERATOR_GRANTS
from doorward.oauth.operator_grants import OperatorGrants

if TYPE_CHECKING:
    from doorward.login.registered_clients import NewClient
    from doorward.oauth.records import Client


@click.group(cls=CommandGroup, context_settings=HELP_OPTIONS)
def command() -> None:
    """OAuth clients that are registered by hand."""


def with_grants(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for grants without a redirect; the callback gets them as `given`."""

    @click.option("--grant", "grants", type=click.Choice(list(OPERATOR_GRANTS)), multiple=True, help="A further grant.")
    @click.option("--service-account", metavar="NAME", help="Whom the client acts as; gives it client_credentials.")
    @click.option("--may-exchange", is_flag=True, help="It may exchange tokens of other clients (token_exchange).")
    @click.option("--introspect", is_flag=True, help="It is a resource server: it may ask about every token.")
    @click.option("--scope", "scopes", multiple=True, help="Only this scope; may be repeated.  [default: all]")
    @functools.wraps(callback)
    def collected(
        *arguments: Any,
        grants: tuple[str, ...],
        service_account: str | None,
        may_exchange: bool,
        introspect: bool,
        scopes: tuple[str, ...],
        **values: Any,
    ) -> Any:
        words = dict.fromkeys((*grants, *(["client_credentials"] if service_account else ())))
        given = OperatorGrants(
            grant_types=tuple(OPERATOR_GRANTS[word] for word in words),
            service_user_id=service_account,
            may_exchange=may_exchange,
            may_introspect=introspect,
            scope=" ".join(scopes) or None,
        )
        return callback(*arguments, given=given, **values)

    return collected


@command.command()
@click.option("--preset", type=click.Choice(list(CLIENT_PRESETS)), help="A client whose redirect URIs are known.")
@click.option("--redirect-uri", "redirect_uris", multiple=True, metavar="URI", help="May be repeated.")
@click.option("--name", help="What users see when they are asked to allow it.")
@click.option("--confidential/--public", default=None, help="With or without a secret.  [default: as the preset]")
@click.option("--jwks", type=click.File("rb"), metavar="FILE", help="Its public keys, instead of a secret.")
@click.option("--jwks-uri", metavar="URL", help="Where its public keys are published, instead of a secret.")
@with_grants
@as_json
@at_a_place
def add(
    place: Place,
    *,
    preset: str | None,
    redirect_uris: tuple[str, ...],
    name: str | None,
    confidential: bool | None,
    jwks: BinaryIO | None,
    jwks_uri: str | None,
    given: OperatorGrants,
    as_json: bool,
) -> None:
    """Register a client; its secret is shown this one time."""
    from doorward.login.registered_clients import add_client

    known = CLIENT_PRESETS.get(preset or "")
    if known is None and not redirect_uris and not (given.grant_types or given.may_introspect):
        raise click.UsageError(f"Give --preset ({', '.join(CLIENT_PRESETS)}) or --redirect-uri URI.")

    async def operation(here: Installation) -> tuple[NewClient, str]:
        new = await add_client(
            here.store,
            here.clock,
            here.entropy,
            name=name or (known.title if known else urlsplit("".join(redirect_uris[:1])).netloc or "client"),
            redirect_uris=(*(known.redirect_uris if known else ()), *redirect_uris),
            confidential=confidential if confidential is not None else known is None or known.confidential,
            policy=here.policy,
            given=given,
            jwks=jwks.read() if jwks else None,
            jwks_uri=jwks_uri,
        )
        return new, here.mcp_url

    new, url = work(place, operation, creates=True)
    if as_json:
        emit({**described(new.client), "client_secret": new.client_secret, "mcp_url": url})
        return
    _show_new(new, url, known)


def _show_new(new: NewClient, url: str, preset: ClientPreset | None) -> None:
    from doorward.cli.first_start import server_name
    from doorward.config.model import UrlTarget

    client = new.client
    proof = {"none": "It has no secret: it is a public client.", "private_key_jwt": "It signs with its own key."}
    shown = proof.get(client.token_endpoint_auth_method, "The secret is shown only now.")
    click.echo(f"Registered {plain(client.client_name)}. {shown}\n")
    values: dict[str, object] = {"MCP URL": url, "client id": client.client_id}
    if new.client_secret:
        values["client secret"] = new.client_secret
    facts(values)
    grants = " ".join(client.grant_types) or "none; it may ask about every token"
    click.echo("\nRedirect URIs:" if client.redirect_uris else f"\nGrants: {grants}")
    for uri in client.redirect_uris:
        click.echo(f"  {plain(uri)}")
    if preset:
        name = server_name(UrlTarget(url))
        click.echo(f"\n{preset.where_to_paste.format(url=url, client_id=client.client_id, name=name)}")


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that registered themselves.")
@as_json
@at_a_place
def list_(place: Place, *, everything: bool, as_json: bool) -> None:
    """List clients."""
    from doorward.login.registered_clients import list_clients

    found = work(place, lambda here: list_clients(here.store, dynamic=everything))
    if as_json:
        emit([described(client) for client in found])
        return
    table(
        ("CLIENT ID", "NAME", "SOURCE", "AUTHENTICATION", "CREATED", "EXPIRES"),
        (
            (
                each.client_id,
                each.client_name,
                each.source,
                each.token_endpoint_auth_method,
                moment(each.created_at),
                moment(each.expires_at),
            )
            for each in found
        ),
        empty="There are no clients." if everything else "There are no clients registered by hand (--all: every one).",
    )


@command.command()
@click.argument("client_id")
@as_json
@at_a_place
def show(place: Place, *, client_id: str, as_json: bool) -> None:
    """Show one client."""
    from doorward.login.registered_clients import load_client

    client = work(place, lambda here: load_client(here.store, client_id)).record
    if as_json:
        emit(described(client))
        return
    facts(
        {
            "client id": client.client_id,
            "name": client.client_name,
            "source": client.source,
            "authentication": client.token_endpoint_auth_method,
            "grant types": " ".join(client.grant_types),
            "service account": client.service_user_id or "none",
            "exchanges tokens of others": "yes" if client.may_exchange else "no",
            "asks about every token": "yes" if client.may_introspect else "no",
            "scope": client.scope or "every scope of the door",
            "created": moment(client.created_at),
            "expires": moment(client.expires_at),
            "redirect URIs": " ".join(client.redirect_uris),
        }
    )


@command.command()
@click.argument("client_id")
@as_json
@at_a_place
def remove(place: Place, *, client_id: str, as_json: bool) -> None:
    """Remove a client; what users allowed it ends at once."""
    from doorward.login.registered_clients import remove_client

    ended = work(place, lambda here: remove_client(here.store, here.clock, client_id))
    if as_json:
        emit({"removed": client_id, "grants_ended": ended})
    else:
        click.echo(f"Removed {plain(client_id)}; grants ended: {ended}.")


def described(client: Client) -> dict[str, object]:
    """Return what may be shown of a client, under the names of RFC 7591."""
    return {
        "client_id": client.client_id,
        "client_name": client.client_name,
        "source": client.source,
        "redirect_uris": list(client.redirect_uris),
        "grant_types": list(client.grant_types),
        "token_endpoint_auth_method": client.token_endpoint_auth_method,
        "service_account": client.service_user_id,
        "may_exchange": client.may_exchange,
        "may_introspect": client.may_introspect,
        "scope": client.scope,
        "created_at": client.created_at,
        "expires_at": client.expires_at,
    }
