"""`doorward grants`: lists what users allowed clients, and revokes it."""

from __future__ import annotations

import click

from doorward.cli.groups import HELP_OPTIONS, CommandGroup
from doorward.cli.installation import Place, as_json, at_a_place
from doorward.cli.operations import every, perform
from doorward.cli.printing import emit, moment, plain, table


@click.group(cls=CommandGroup, context_settings=HELP_OPTIONS)
def command() -> None:
    """What users allowed clients to do."""


@command.command("list")
@click.option("--user", help="Only those of one user.")
@click.option("--client", metavar="CLIENT_ID", help="Only those for one client.")
@click.option("--all", "everything", is_flag=True, help="Include those that have ended.")
@as_json
@at_a_place
def list_(place: Place, *, user: str | None, client: str | None, everything: bool, as_json: bool) -> None:
    """List grants."""
    from doorward.administration import grants

    found = every(place, grants.LIST, grants.ListGrants(user=user, client_id=client, everything=everything))
    if as_json:
        emit(found)
        return
    table(
        ("GRANT ID", "USER", "CLIENT ID", "DOOR", "SCOPES", "CREATED", "ENDED"),
        (
            (
                each["grant_id"],
                each["user"],
                each["client_id"],
                each["door"] or each["resource"],
                " ".join(each["scopes"]),
                moment(each["created_at"]),
                f"{moment(each['revoked_at'])} {each['revoked_reason'] or ''}".strip(),
            )
            for each in found
        ),
        empty="There are no grants.",
    )


@command.command()
@click.option("--user", help="Only those of one user.")
@click.option("--client", metavar="CLIENT_ID", help="Only those for one client.")
@as_json
@at_a_place
def consents(place: Place, *, user: str | None, client: str | None, as_json: bool) -> None:
    """List consents; ending a grant withdraws its consent."""
    from doorward.administration import grants

    found = every(place, grants.CONSENTS, grants.ListConsents(user=user, client_id=client))
    if as_json:
        emit(found)
        return
    table(
        ("USER", "CLIENT ID", "DOOR", "REDIRECT URI", "SCOPES", "GIVEN"),
        (
            (
                each["user"],
                each["client_id"],
                each["door"] or each["resource"],
                each["redirect_uri"],
                " ".join(each["scopes"]),
                moment(each["given_at"]),
            )
            for each in found
        ),
        empty="There are no consents.",
    )


@command.command()
@click.argument("grant_id")
@as_json
@at_a_place
def revoke(place: Place, *, grant_id: str, as_json: bool) -> None:
    """End a grant with all its tokens, and withdraw its consent: the next request with one of the tokens is refused."""
    from doorward.administration import grants

    ended = perform(place, grants.REVOKE, grants.OneGrant(grant_id=grant_id))
    if as_json:
        emit(ended)
    else:
        click.echo(f"Revoked {plain(grant_id)}." if ended.was_live else f"{plain(grant_id)} had ended already.")


@command.command()
@click.option("--user", required=True, help="Whose connection.")
@click.option("--client", required=True, metavar="CLIENT_ID", help="The client to disconnect.")
@click.option("--door", metavar="NAME", help="Only at this door.  [default: at all doors]")
@as_json
@at_a_place
def disconnect(place: Place, *, user: str, client: str, door: str | None, as_json: bool) -> None:
    """End everything that a user allowed a client, at one door or at all."""
    from doorward.administration import grants

    asked = grants.Disconnect(user=user, client_id=client, door=door)
    ended = perform(place, grants.DISCONNECT, asked)
    if as_json:
        emit(ended)
    elif ended.disconnected:
        click.echo(f"Disconnected {plain(client)} of {plain(user)}{f' from {plain(door)}' if door else ''}.")
    else:
        click.echo(f"{plain(user)} was not connected to {plain(client)} there.")
