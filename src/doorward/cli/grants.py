"""`doorward grants`: what users allowed clients, and how to end it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from doorward.cli.groups import HELP_OPTIONS, CommandGroup
from doorward.cli.installation import Place, as_json, at_a_place, work
from doorward.cli.printing import emit, moment, plain, table

if TYPE_CHECKING:
    from doorward.oauth.records import Consent, Grant


@click.group(cls=CommandGroup, context_settings=HELP_OPTIONS)
def command() -> None:
    """What users allowed clients to do."""


@command.command("list")
@click.option("--user", help="Only those of one user.")
@click.option("--client", metavar="CLIENT_ID", help="Only those for one client.")
@click.option("--all", "everything", is_flag=True, help="Also those that have ended.")
@as_json
@at_a_place
def list_(place: Place, *, user: str | None, client: str | None, everything: bool, as_json: bool) -> None:
    """List grants."""
    from doorward.login.registered_clients import list_grants

    found = work(place, lambda here: list_grants(here.store, user_id=user, client_id=client))
    found = [grant for grant in found if everything or grant.revoked_at is None]
    if as_json:
        emit([described(grant) for grant in found])
        return
    table(
        ("GRANT ID", "USER", "CLIENT ID", "SCOPES", "CREATED", "ENDED"),
        (
            (
                each.grant_id,
                each.user_id,
                each.client_id,
                " ".join(each.scopes),
                moment(each.created_at),
                f"{moment(each.revoked_at)} {each.revoked_reason or ''}".strip(),
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
    """List what users agreed to; ending a grant withdraws the consent behind it."""
    from doorward.login.connections import list_consents

    found = work(place, lambda here: list_consents(here.store, user_id=user, client_id=client))
    if as_json:
        emit([agreed(consent) for consent in found])
        return
    table(
        ("USER", "CLIENT ID", "REDIRECT URI", "SCOPES", "GIVEN"),
        (
            (each.user_id, each.client_id, each.redirect_uri, " ".join(each.scopes), moment(each.given_at))
            for each in found
        ),
        empty="There are no consents.",
    )


@command.command()
@click.argument("grant_id")
@as_json
@at_a_place
def revoke(place: Place, *, grant_id: str, as_json: bool) -> None:
    """End a grant with all its tokens, and withdraw the consent behind it: the next request with one is refused."""
    from doorward.login.registered_clients import revoke_grant

    live = work(place, lambda here: revoke_grant(here.store, here.clock, grant_id))
    if as_json:
        emit({"revoked": grant_id, "was_live": live})
    else:
        click.echo(f"Revoked {plain(grant_id)}." if live else f"{plain(grant_id)} had ended already.")


def described(grant: Grant) -> dict[str, object]:
    """Return what may be shown of a grant."""
    return {
        "grant_id": grant.grant_id,
        "user": grant.user_id,
        "client_id": grant.client_id,
        "scopes": list(grant.scopes),
        "resource": grant.resource,
        "created_at": grant.created_at,
        "expires_at": grant.expires_at,
        "revoked_at": grant.revoked_at,
        "revoked_reason": grant.revoked_reason,
    }


def agreed(consent: Consent) -> dict[str, object]:
    """Return what may be shown of a consent."""
    return {
        "user": consent.user_id,
        "client_id": consent.client_id,
        "redirect_uri": consent.redirect_uri,
        "resource": consent.resource,
        "scopes": list(consent.scopes),
        "created_at": consent.created_at,
        "given_at": consent.given_at,
        "expires_at": consent.expires_at,
    }
